"""Counts: what is counted is what was committed, however the process ends."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.clock import ManualClock
from edge_agent.deliver.event_queue import Batch, EventQueue
from edge_agent.deliver.outbox import Outbox
from edge_agent.deliver.tally import Tally
from edge_agent.deliver.writer import Writer
from edge_agent.rules.counting import CountState, count
from edge_agent.settings import OutboxSettings
from edge_agent.types import Count, Event, EventKind, ObjectClass, Ring
from tests.outbox_support import IDENTITY, CountingMeter, event, report, rows
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
MINUTE_NS = 60_000_000_000
NINE = 1_795_510_800_000_000_000  # 2026-11-24T09:00:00Z, a full minute


def counting(folder: Path, clock: ManualClock) -> Outbox:
    outbox = Outbox(
        state_dir=folder,
        settings=OutboxSettings(),
        identity=IDENTITY,
        root="edge/v1",
        clock=clock,
        tally=Tally(60),
    )
    outbox.open()
    return outbox


def start(class_name: str = "vehicle", zone: str | None = None, **changes: object) -> Event:
    counts = [Count(None, class_name)] + ([Count(zone, class_name)] if zone else [])
    return replace(event(), counts=tuple(counts), **changes)  # type: ignore[arg-type]


def told(outbox: Outbox) -> list[dict]:
    return [body["data"] for _, body in rows(outbox) if body["kind"] == "stats"]


def both(person: int = 0, vehicle: int = 0) -> dict[str, int]:
    return {"person": person, "vehicle": vehicle}


def test_each_minute_tells_point_circle_and_plane(tmp_path: Path) -> None:
    clock = ManualClock(wall_ns=NINE + 1)
    outbox = counting(tmp_path, clock)
    outbox.commit(
        Batch(
            [
                start("person", "door"),
                start("person"),
                start("vehicle", camera_id="mast", ring=Ring.RURAL),
                event(EventKind.END),
            ]
        ),
        [],
    )
    assert told(outbox) == []
    clock.advance(60)
    outbox.commit(Batch([start("vehicle")]), [])
    assert told(outbox) == [
        {
            "from_wall_ns": NINE,
            "from_time": "2026-11-24T09:00:00.000000Z",
            "until_wall_ns": NINE + MINUTE_NS,
            "until_time": "2026-11-24T09:01:00.000000Z",
            "site": both(2, 1),
            "rings": {"rural": both(0, 1), "suburban": both(2, 0)},
            "cameras": [
                {
                    "camera_id": "gate",
                    "ring": "suburban",
                    "counts": both(2, 0),
                    "zones": {"door": both(1, 0)},
                },
                {"camera_id": "mast", "ring": "rural", "counts": both(0, 1), "zones": {}},
            ],
        }
    ]
    clock.advance(60)
    outbox.commit(Batch(), [])
    assert [(one["from_wall_ns"], one["site"]) for one in told(outbox)] == [
        (NINE, both(2, 1)),
        (NINE + MINUTE_NS, both(0, 1)),
    ]


def test_a_restart_within_a_minute_goes_on_counting(tmp_path: Path) -> None:
    clock = ManualClock(wall_ns=NINE)
    first = counting(tmp_path, clock)
    first.commit(Batch([start(), start()]), [])
    first.close()
    clock.advance(30)
    second = counting(tmp_path, clock)
    second.commit(Batch([start()]), [])
    clock.advance(30)
    second.commit(Batch(), [])
    assert [one["site"] for one in told(second)] == [both(0, 3)]


def test_a_restart_hours_later_tells_the_minute_that_was_left(tmp_path: Path) -> None:
    clock = ManualClock(wall_ns=NINE)
    first = counting(tmp_path, clock)
    first.commit(Batch([start()]), [])
    first.close()
    clock.advance(3 * 3600)
    second = counting(tmp_path, clock)
    second.commit(Batch([start(), start()]), [])
    clock.advance(60)
    second.commit(Batch(), [])
    assert [(one["from_wall_ns"], one["site"]) for one in told(second)] == [
        (NINE, both(0, 1)),
        (NINE + 180 * MINUTE_NS, both(0, 2)),
    ]


def test_a_clock_that_is_set_back_loses_and_repeats_nothing(tmp_path: Path) -> None:
    clock = ManualClock(wall_ns=NINE + 90_000_000_000)
    outbox = counting(tmp_path, clock)
    outbox.commit(Batch([start()]), [])
    clock.jump_wall(-3600)
    outbox.commit(Batch([start()]), [])
    clock.advance(60)
    outbox.commit(Batch(), [])
    assert [one["site"] for one in told(outbox)] == [both(0, 1), both(0, 1)]


def test_a_commit_that_fails_counts_nothing_and_its_repetition_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(wall_ns=NINE)
    outbox = counting(tmp_path, clock)
    outbox.commit(Batch([start()]), [])
    clock.advance(60)
    with monkeypatch.context() as broken:
        broken.setattr(
            "edge_agent.deliver.outbox.enforce_bounds",
            lambda *a: (_ for _ in ()).throw(sqlite3.OperationalError("disk I/O error")),
        )
        with pytest.raises(sqlite3.OperationalError):
            outbox.commit(Batch([start()]), [])
    assert told(outbox) == []
    outbox.commit(Batch([start()]), [])
    clock.advance(60)
    outbox.commit(Batch(), [])
    assert [one["site"] for one in told(outbox)] == [both(0, 1), both(0, 1)]


def test_a_minute_in_which_nothing_happens_is_told_too(tmp_path: Path) -> None:
    clock = ManualClock(wall_ns=NINE + 58_500_000_000)
    outbox = counting(tmp_path, clock)
    writer = Writer(outbox, clock, CountingMeter(), 16)
    for _ in range(4):
        writer.turn()
    assert [one["site"] for one in told(outbox)] == [both()]


def test_a_process_that_is_killed_in_a_minute_has_counted_what_it_committed(tmp_path: Path) -> None:
    """kill -9, three times, on a real file: the counts are those of the committed starts."""
    for boot in range(3):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.counts_child", str(tmp_path), f"boot-{boot}"], cwd=ROOT
        )
        try:
            wait_until(
                lambda boot=boot: starts(tmp_path, f"boot-{boot}") >= 50, "50 starts on disk"
            )
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    clock = ManualClock(wall_ns=(1 << 61))
    outbox = counting(tmp_path, clock)
    outbox.commit(Batch(), [])
    sums: Counter[str] = Counter()
    for data in told(outbox):
        sums["site"] += data["site"]["vehicle"]
        for camera in data["cameras"]:
            sums["camera"] += camera["counts"]["vehicle"]
            sums["zone"] += camera["zones"]["door"]["vehicle"]
    committed = sum(starts(tmp_path, f"boot-{boot}") for boot in range(3))
    assert committed >= 150
    assert dict(sums) == {"site": committed, "camera": committed, "zone": committed}


def starts(folder: Path, boot_id: str) -> int:
    """Return how many starts of a boot the file holds."""
    if not (folder / "outbox.db").exists():
        return 0
    db = sqlite3.connect(folder / "outbox.db", timeout=5)
    try:
        found = db.execute("SELECT payload FROM outbox WHERE topic LIKE '%/start'").fetchall()
    except sqlite3.OperationalError:  # the child has not made its tables yet
        return 0
    finally:
        db.close()
    return sum(json.loads(payload)["boot_id"] == boot_id for (payload,) in found)


def zoned(kind: EventKind, track_id: int, *zones: str) -> Event:
    told = replace(report(track_id), zones=zones, object_class=ObjectClass("person"))
    return replace(event(kind, track_id), tracks=(told,))


def test_a_track_counts_once_at_its_camera_and_once_in_each_zone() -> None:
    state = CountState()
    counted: list[list[tuple[str | None, str]]] = []
    for told in (
        zoned(EventKind.START, 1),
        zoned(EventKind.UPDATE, 1, "door"),
        zoned(EventKind.UPDATE, 1),
        zoned(EventKind.UPDATE, 1, "yard"),
        zoned(EventKind.UPDATE, 1, "door"),  # back at the door
        zoned(EventKind.START, 2, "door"),
        zoned(EventKind.END, 1, "door"),
        zoned(EventKind.UPDATE, 9, "door"),  # never started: counted nowhere
    ):
        state, passed = count(state, told)
        counted.append([(one.zone, one.class_name) for one in passed.counts])
    assert counted == [
        [(None, "person")],
        [("door", "person")],
        [],
        [("yard", "person")],
        [],
        [(None, "person"), ("door", "person")],
        [],
        [],
    ]
    assert state.zones.keys() == {2}


def test_updates_that_are_merged_keep_what_both_count() -> None:
    queue = EventQueue(1)
    older = replace(event(EventKind.UPDATE, 1), counts=(Count("a", "person"),))
    newer = replace(event(EventKind.UPDATE, 2), counts=(Count("b", "person"),))
    queue.put(older)
    queue.put(newer)
    (merged,) = queue.take().events
    assert [one.zone for one in merged.counts] == ["a", "b"]


def test_updates_of_two_rings_are_never_merged() -> None:
    queue = EventQueue(1)
    queue.put(event(EventKind.UPDATE, 1))
    dropped = queue.put(replace(event(EventKind.UPDATE, 2), ring=Ring.URBAN))
    assert dropped is not None
    assert [one.ring for one in queue.take().events] == [Ring.SUBURBAN]


def test_rows_of_a_ring_with_fewer_hours_go_first_and_leave_a_gap(tmp_path: Path) -> None:
    clock = ManualClock(wall_ns=NINE)
    outbox = Outbox(
        state_dir=tmp_path,
        settings=OutboxSettings(),
        identity=IDENTITY,
        root="edge/v1",
        clock=clock,
        ring_ages_h={Ring.RURAL: 1.0},
    )
    outbox.open()
    outbox.commit(Batch([event(), replace(event(), ring=Ring.RURAL), event()]), [])
    clock.advance(1800)
    outbox.commit(Batch([replace(event(), ring=Ring.RURAL)]), [])
    clock.advance(1801)
    done = outbox.commit(Batch(), [], announce_gaps=False)
    assert done.removed == 1
    assert [seq for seq, _ in rows(outbox)] == [1, 2, 4, 5]
    outbox.commit(Batch(), [], announce_gaps=True)
    gap = rows(outbox)[-1][1]
    assert gap["data"]["ranges"] == [{"first_seq": 3, "last_seq": 3, "reason": "bounds"}]
    clock.advance(1800)
    outbox.commit(Batch(), [])
    assert [seq for seq, _ in rows(outbox)] == [1, 2, 4, 6]
