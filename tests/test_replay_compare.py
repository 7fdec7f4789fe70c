"""Expected events against those that came, and the file that holds them."""

import json
from pathlib import Path

import pytest

from edge_agent.commands.replay.comparing import compare
from edge_agent.commands.replay.expectation import (
    Expectation,
    Row,
    read_expectation,
    rows_of,
    write_expectation,
)
from edge_agent.commands.replay.player import Told
from edge_agent.errors import UsageError
from edge_agent.types import Event, EventKind, ObjectClass, Severity, TrackReport

PERSON, CAR = ObjectClass("person"), ObjectClass("vehicle", "car")


def row(time_s: float, kind: str = "enter", **more) -> Row:
    values = {"camera": "yard", "rule": "r", "zone": "door", "class": "person"} | more
    return Row.model_validate({"time_s": time_s, "kind": kind, **values})


def lines(expected: list[Row], came: list[Row], tolerance_s: float = 0.2) -> list[str]:
    wanted = Expectation(tolerance_s=tolerance_s, events=tuple(expected))
    return [" ".join(d.line().split()) for d in compare(wanted, came)]


NAME = "yard: enter, rule r, zone door, person"
TABLE = [
    # What is expected, what came, what is said.
    ([row(1)], [row(1)], []),
    ([row(1)], [row(1.19)], []),
    ([row(1)], [row(1.21)], [f"changed 1.00 s {NAME}: time 1.00 s, now 1.21 s"]),
    ([row(1)], [], [f"missing 1.00 s {NAME}"]),
    ([], [row(1)], [f"unexpected 1.00 s {NAME}"]),
    # Beyond ten seconds it is another event.
    ([row(1)], [row(12)], [f"missing 1.00 s {NAME}", f"unexpected 12.00 s {NAME}"]),
    ([row(1)], [row(1, zone="gate")], [f"changed 1.00 s {NAME}: zone door, now gate"]),
    ([row(1)], [row(1, rule="s")], [f"changed 1.00 s {NAME}: rule r, now s"]),
    ([row(1)], [row(1, **{"class": None})], [f"changed 1.00 s {NAME}: class person, now none"]),
    (
        [row(1, severity="critical")], [row(1, severity="info")],
        [f"changed 1.00 s {NAME}: severity critical, now info"],
    ),
    # Another kind or camera is another event.
    (
        [row(1)], [row(1, "exit")],
        [f"missing 1.00 s {NAME}", "unexpected 1.00 s yard: exit, rule r, zone door, person"],
    ),
    # What a line leaves out is not compared.
    ([Row(time_s=1, kind="enter")], [row(1, severity="info", track=7)], []),
    ([row(1)], [row(1, severity="info", way="a_to_b", grid="c-3")], []),
    # Two at once are matched so that most agrees, whatever their order.
    (
        [row(1, severity="info"), row(1.1, severity="notice")],
        [row(1, severity="notice"), row(1.1, severity="info")],
        [],
    ),
    # A beginning is no end.
    (
        [row(1, "presence", standing=True)], [row(1, "presence", standing=False)],
        ["missing 1.00 s yard: presence, rule r, zone door, person",
         "unexpected 1.00 s yard: presence, over, rule r, zone door, person"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "came", "said"), TABLE)
def test_a_difference_says_what_is_missing_unexpected_or_changed(
    expected: list[Row], came: list[Row], said: list[str]
) -> None:
    assert lines(expected, came) == said


def test_track_numbers_may_be_others_as_long_as_they_mean_the_same_objects() -> None:
    expected = [row(1, track=1), row(2, track=2), row(5, "exit", track=1), row(6, "exit", track=2)]
    renumbered = [
        row(1, track=4), row(2, track=3), row(5, "exit", track=4), row(6, "exit", track=3),
    ]  # fmt: skip
    assert lines(expected, renumbered) == []
    swapped = [*renumbered[:2], row(5, "exit", track=3), row(6, "exit", track=4)]
    assert lines(expected, swapped) == [
        f"changed {time}.00 s yard: exit, rule r, zone door, person, track {track}: track {track} "
        "was the same object before, now it is another"
        for time, track in ((5, 1), (6, 2))
    ]


def test_one_object_that_came_for_two_is_a_change() -> None:
    said = lines([row(1, track=1), row(3, track=2)], [row(1, track=1), row(3, track=1)])
    assert said == [f"changed 3.00 s {NAME}, track 2: track 2 was the same object before, now it "
                    "is another"]  # fmt: skip


def test_ten_thousand_events_are_compared_without_looking_at_each_pair() -> None:
    many = [row(float(i), rule=f"r{i % 3}") for i in range(10_000)]
    looked = 0

    class Counting(Row):
        @property
        def key(self):
            nonlocal looked
            looked += 1
            return super().key

    came = [Counting.model_validate(r.model_dump(by_alias=True)) for r in many]
    assert compare(Expectation(events=tuple(many)), came) == []
    assert looked < 50_000


def told(time_s: float, kind: EventKind, *tracks: tuple[int, ObjectClass], **data) -> Told:
    reports = tuple(TrackReport(i, c, 0.9, (0, 0, 1, 1), False, (), 0) for i, c in tracks)
    event = Event(
        kind, Severity.NOTICE, round(time_s * 1e9), True, camera_id="yard", tracks=reports,
        data=data,
    )  # fmt: skip
    return Told(time_s, event)


def test_rows_hold_what_tells_an_event_and_number_tracks_by_their_first_event() -> None:
    rows = rows_of(
        [
            told(0.5, EventKind.START, (41, CAR)),
            told(1.0, EventKind.UPDATE, (41, CAR), (17, PERSON)),
            told(2.00049, EventKind.CROSSING, (17, PERSON), rule="in", line="l", way="a_to_b", n=3),
            told(3.0, EventKind.END, (41, CAR), zone=None),
            told(4.0, EventKind.CROWD, (17, PERSON), (41, CAR), standing=True),
        ]
    )
    assert [r.model_dump(exclude_none=True, by_alias=True) for r in rows] == [
        {"time_s": 0.5, "camera": "yard", "kind": "start", "class": "vehicle", "track": 1,
         "severity": "notice"},
        {"time_s": 2.0, "camera": "yard", "kind": "crossing", "rule": "in", "line": "l",
         "class": "person", "track": 2, "severity": "notice", "way": "a_to_b"},
        {"time_s": 3.0, "camera": "yard", "kind": "end", "class": "vehicle", "track": 1,
         "severity": "notice"},
        {"time_s": 4.0, "camera": "yard", "kind": "crowd", "standing": True,
         "severity": "notice"},
    ]  # fmt: skip


def test_the_file_comes_back_as_it_was_written_with_one_event_a_line(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    wanted = Expectation(
        start="2026-06-01T22:00:00", tolerance_s=0.5, events=(row(1, track=1), row(2.5, "exit"))
    )
    write_expectation(path, wanted)
    assert read_expectation(path) == wanted
    text = path.read_text()
    assert sum('"time_s"' in line for line in text.splitlines()) == 2
    write_expectation(path, read_expectation(path))
    assert path.read_text() == text
    write_expectation(path, Expectation())
    assert read_expectation(path) == Expectation()


BROKEN = [
    ("{", "the file: Invalid JSON"),
    ('{"format": "other"}', "format: Input should be 'edge-agent expectation 1' (1 such)"),
    ('{"events": [{"kind": "enter"}]}', "events.0.time_s: Field required (1 such)"),
    ('{"events": [{"time_s": -1, "kind": "enter"}]}', "events.0.time_s: Input should be greater"),
    ('{"events": [{"time_s": 1, "kind": "enter", "zoen": "a"}]}', "events.0.zoen: Extra inputs"),
    ('{"tolerance_s": 100}', "tolerance_s: Input should be less than or equal to 60"),
]


@pytest.mark.parametrize(("content", "said"), BROKEN)
def test_a_broken_file_says_where_and_compares_nothing(
    content: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "e.json"
    path.write_text(content)
    with pytest.raises(UsageError) as refused:
        read_expectation(path)
    assert str(refused.value).startswith(f"expectation {path}: {said}")
    assert "nothing is compared" in str(refused.value)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No such file or directory; --record .* writes one"):
        read_expectation(tmp_path / "e.json")


def test_a_written_file_is_json(tmp_path: Path) -> None:
    write_expectation(tmp_path / "e.json", Expectation(events=(row(1),)))
    assert json.loads((tmp_path / "e.json").read_text())["events"][0]["time_s"] == 1
