"""The writer: when it commits, and what it does when the disk says no."""

import os
from pathlib import Path
from typing import Any

import pytest

from edge_agent.clock import ManualClock
from edge_agent.deliver.outbox import Committed, Outbox, Settled
from edge_agent.deliver.writer import Writer
from edge_agent.types import DropReason, Event, EventKind
from tests.outbox_support import WALL_NS, CountingMeter, event, open_outbox, put, rows


def writer_of(outbox: Outbox, clock: ManualClock, queue: int = 16) -> tuple[Writer, CountingMeter]:
    meter = CountingMeter()
    return Writer(outbox, clock, meter, queue), meter


def kinds(outbox: Outbox) -> list[str]:
    return [body["kind"] for _, body in rows(outbox)]


def test_a_start_commits_at_once_and_a_second_one_waits_for_20_ms(tmp_path: Path) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock)
    writer, meter = writer_of(outbox, clock)
    clock.advance(5)

    writer.put(event())
    began = clock.mono_ns()
    writer.turn()
    assert (kinds(outbox), clock.mono_ns() - began) == (["stream_start", "start"], 0)

    writer.put(event())
    writer.put(event(EventKind.UPDATE))
    writer.turn()
    assert clock.mono_ns() - began == 20_000_000
    assert len(kinds(outbox)) == 4
    assert meter.counts["events_committed"] == 3


def test_updates_alone_wait_a_second_and_a_start_takes_them_along(tmp_path: Path) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock)
    writer, _ = writer_of(outbox, clock)
    clock.advance(5)
    began = clock.mono_ns()

    writer.put(event(EventKind.UPDATE))
    writer.turn()
    assert clock.mono_ns() - began == 1_000_000_000
    assert kinds(outbox) == ["stream_start", "update"]

    clock.advance(5)
    began = clock.mono_ns()
    writer.put(event(EventKind.UPDATE))
    writer.put(event(EventKind.END))
    writer.turn()
    assert clock.mono_ns() == began
    assert kinds(outbox) == ["stream_start", "update", "update", "end"]


def test_what_the_queue_dropped_is_the_next_message(tmp_path: Path) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock)
    writer, meter = writer_of(outbox, clock)
    for n in range(19):
        writer.put(event(EventKind.START if n < 18 else EventKind.END))
    writer.turn()
    told = rows(outbox)
    assert told[1][1]["kind"] == "lost_before_commit"
    assert told[1][1]["data"] == {"count": 3, "by_kind": {"end": 1, "start": 2}}
    assert len(told) == 18
    assert meter.drops == {DropReason.QUEUE_FULL: 3}


def test_an_event_that_cannot_be_told_is_told_as_lost(tmp_path: Path) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock)
    writer, _ = writer_of(outbox, clock)
    bad = Event(
        EventKind.CAMERA_LOST, event().severity, WALL_NS, True, camera_id="x", data={"x": object()}
    )
    for each in (event(), bad, event()):
        writer.put(each)
    writer.turn()
    writer.put(event())
    writer.turn()
    assert kinds(outbox) == ["stream_start", "start", "start", "lost_before_commit", "start"]
    assert rows(outbox)[3][1]["data"]["by_kind"] == {"camera_lost": 1}


def test_a_full_disk_keeps_events_in_memory_and_loses_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock)
    writer, meter = writer_of(outbox, clock, queue=1000)
    (pages,) = outbox._db.execute("PRAGMA page_count").fetchone()
    outbox._db.execute(f"PRAGMA max_page_count={pages}")  # SQLite then says: disk is full
    for _ in range(40):
        writer.put(event())
    for _ in range(3):
        writer.turn()
    assert kinds(outbox) == ["stream_start"]
    assert writer.queued == 40
    assert meter.counts["commits_failed"] >= 2
    assert [r.message for r in caplog.records if "disk is full" in r.message] == [
        f"outbox {outbox.path}: cannot write (database or disk is full); 40 events wait in "
        "memory, trying again every 1 s"
    ]

    outbox._db.execute("PRAGMA max_page_count=1000000")
    writer.put(event(EventKind.END))
    for _ in range(3):
        writer.turn()
    assert kinds(outbox) == ["stream_start"] + ["start"] * 40 + ["end"]
    assert [seq for seq, _ in rows(outbox)] == list(range(1, 43))


def test_a_file_that_breaks_while_running_is_set_aside(tmp_path: Path) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock)
    put(outbox, 50)
    old_stream = outbox.stream_id
    writer, _ = writer_of(outbox, clock)
    outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with outbox.path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(outbox.path.stat().st_size - 4096))
    outbox._db.execute("PRAGMA shrink_memory")
    writer.put(event())
    for _ in range(5):
        writer.turn()
    assert outbox.stream_id != old_stream
    assert kinds(outbox) == ["stream_start", "start"]
    assert (tmp_path / "outbox.corrupt.db").exists()


def test_a_refused_gap_message_is_not_announced_again_and_again(tmp_path: Path) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock, max_rows=100)
    put(outbox, 150)
    writer, _ = writer_of(outbox, clock)
    writer.set_connected(True)
    for _ in range(3):
        writer.turn()
    assert kinds(outbox)[-1] == "gap"
    refused = outbox.figures.last_seq
    writer.settle([Settled(outbox.stream_id, refused, acked=False)])
    for _ in range(10):
        writer.turn()
    assert outbox.figures.last_seq == refused

    writer.set_connected(True)  # a new connection, perhaps with new rights
    for _ in range(3):
        writer.turn()
    told = [body for _, body in rows(outbox) if body["kind"] == "gap"]
    assert [r["last_seq"] for r in told[-1]["data"]["ranges"]][-1] == refused
    assert told[-1]["data"]["ranges"][0]["first_seq"] == 1


def test_a_puback_faster_than_the_end_of_its_commit_is_measured_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock)
    writer, meter = writer_of(outbox, clock)
    clock.advance(5)
    commit = outbox.commit

    def answered_at_once(*given: Any, **named: Any) -> Committed:
        done = commit(*given, **named)
        clock.advance(0.03)
        writer.settle([Settled("ours", seq, acked=True) for seq, _ in done.rows])
        return done

    writer.put(event(mono_ns=clock.mono_ns()))
    monkeypatch.setattr(outbox, "commit", answered_at_once)
    writer.turn()
    writer.turn()
    assert meter.seconds["latency_event"] == [pytest.approx(0.03)]
