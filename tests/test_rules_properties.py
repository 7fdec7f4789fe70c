"""What holds of the rules whatever the tracks do: lost and found, at the edge, over outages."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.rules.engine import begin, end, step
from edge_agent.types import EndReason, Event, Tracks
from tests.mot_support import CAR, PERSON, frame_ref, tracks
from tests.rules_support import GROUND, WH, at, book_of, moment

RULES: list[dict[str, Any]] = [
    {"id": "in", "kind": "enter", "zone": "yard"},
    {"id": "out", "kind": "exit", "zone": "yard"},
    {"kind": "presence", "zone": "yard", "clear_s": 1},
    {"kind": "absence", "zone": "yard", "for_s": 2},
    {"kind": "dwell", "zone": "yard", "for_s": 2},
    {"kind": "loitering", "zone": "yard", "for_s": 3, "clear_s": 2},
    {"kind": "crossing", "line": "gate"},
    {"kind": "direction", "arrow": [[0.1, 0.5], [0.9, 0.5]]},
    {"kind": "wrong_way", "arrow": [[0.1, 0.5], [0.9, 0.5]]},
    {"kind": "speed", "over_kmh": 6, "classes": ["person", "vehicle"]},
    {"kind": "running", "over_kmh": 5},
    {"kind": "stopped", "zone": "yard", "for_s": 2},
    {"kind": "count_over", "over": 1, "clear_s": 1},
    {"kind": "count_under", "under": 2, "for_s": 1, "clear_s": 1},
    {"kind": "crowd", "zone": "yard", "over": 1, "density_over": 0.01, "for_s": 1, "clear_s": 1},
    {"kind": "queue", "zone": "yard", "over": 1, "for_s": 1, "clear_s": 1},
    {"kind": "fall_in_count", "fall_by": 2},
]
BOOK = book_of(*RULES, ground=GROUND)
CELLS = 9  # across the picture


@dataclass(frozen=True)
class Act:
    """What happens between two frames."""

    gap_s: float  # to the next frame
    where: tuple[int | None, ...]  # the cell of each of three bodies, None: not there
    hidden: tuple[bool, ...]  # not matched in this frame
    reconnects: bool
    sleeps: bool
    on: bool  # the schedule of all rules


acts = st.lists(
    st.builds(
        Act,
        gap_s=st.sampled_from([0.2, 0.2, 0.2, 0.4, 1.0, 7.0]),
        where=st.tuples(*[st.none() | st.integers(0, CELLS)] * 3),
        hidden=st.tuples(*[st.booleans()] * 3),
        reconnects=st.integers(0, 20).map(lambda n: n == 0),
        sleeps=st.integers(0, 20).map(lambda n: n == 0),
        on=st.integers(0, 8).map(lambda n: n != 0),
    ),
    min_size=1,
    max_size=60,
)


def film(script: Sequence[Act]) -> list[tuple[Tracks, bool]]:
    """Return the tracks of a script: a body that was away has a new id when it comes back."""
    frames, ids, newest, now_s, connection, awake_s = [], [0, 0, 0], 0, 0.0, 1, 0.0
    first_s = [0.0] * 3
    for act in script:
        before = set(ids) - {0}
        rows = []
        for body, cell in enumerate(act.where):
            if cell is None:
                ids[body] = 0
                continue
            if not ids[body]:
                newest += 1
                ids[body], first_s[body] = newest, now_s
            rows.append(
                at(
                    ids[body], cell / CELLS, 0.3 + 0.2 * body, first_pts_s=first_s[body],
                    matched=not act.hidden[body], last_pts_s=now_s - act.hidden[body],
                    class_id=CAR if body == 2 else PERSON,
                )
            )  # fmt: skip
        ref = replace(
            frame_ref(now_s, connection=connection, wh=WH), awake_pts_ns=round(awake_s * 1e9)
        )
        rows.sort(key=lambda row: row.track_id)
        frames.append((tracks(ref, rows, sorted(before - set(ids))), act.on))
        now_s += act.gap_s
        connection += act.reconnects
        if act.sleeps:
            now_s += 60.0
            awake_s = now_s
    return frames


def run(frames: Sequence[tuple[Tracks, bool]]) -> list[Event]:
    state, events = begin(BOOK), []
    for frame, on in frames:
        state, told = step(state, frame, BOOK, np.full(len(BOOK.rules), on))
        events += told
    _, told = end(state, BOOK, EndReason.AGENT_STOPPED, wall_ns=1, time_trusted=True)
    return events + told


@given(acts)
@settings(max_examples=150, deadline=None)
def test_no_event_is_told_twice(script: list[Act]) -> None:
    told = [(*moment(event), str(event.data)) for event in run(film(script))]
    assert len(told) == len(set(told))


@given(acts)
@settings(max_examples=150, deadline=None)
def test_enter_and_exit_alternate_for_each_body(script: list[Act]) -> None:
    always_on = [replace(act, on=True) for act in script]
    passages = defaultdict(list)
    for event in run(film(always_on)):
        if event.data["rule"] in ("in", "out"):
            passages[event.data["first_track_id"]].append(event.data["rule"])
    for told in passages.values():
        assert told == ["in", "out"] * (len(told) // 2)


@given(acts)
@settings(max_examples=150, deadline=None)
def test_what_lasts_begins_and_is_over_in_turn(script: list[Act]) -> None:
    standing = defaultdict(list)
    for event in run(film(script)):
        if "standing" in event.data:
            standing[event.data["rule"]].append(event.data["standing"])
    for told in standing.values():
        assert told == [True, False] * (len(told) // 2)


@given(acts)
@settings(max_examples=150, deadline=None)
def test_counts_and_times_are_never_negative_and_no_more_than_there_are(script: list[Act]) -> None:
    for event in run(film(script)):
        for key in ("count", "to_count", "from_count", "dwell_s", "lasted_s", "left_out"):
            value = event.data.get(key)
            assert value is None or value >= 0
        assert event.data.get("count", 0) <= 3
        assert len(event.tracks) <= 3


@given(acts, acts)
@settings(max_examples=80, deadline=None)
def test_the_same_tracks_give_the_same_events_whatever_else_is_in_the_batch(
    script: list[Act], others: list[Act]
) -> None:
    alone = run(film(script))
    mine, other = film(script), film(others)
    state, strange, together = begin(BOOK), begin(BOOK), []
    active = np.ones(len(BOOK.rules), np.bool_)
    for number, (frame, on) in enumerate(mine):
        if number < len(other):  # another camera's frame between each two of this one
            strange, _ = step(strange, other[number][0], BOOK, active)
        state, told = step(state, frame, BOOK, np.full(len(BOOK.rules), on))
        together += told
    _, told = end(state, BOOK, EndReason.AGENT_STOPPED, wall_ns=1, time_trusted=True)
    assert [repr(event) for event in together + told] == [repr(event) for event in alone]


@given(acts)
@settings(max_examples=80, deadline=None)
def test_a_step_leaves_the_tracks_as_they_were(script: list[Act]) -> None:
    frames = film(script)
    before = [repr(frame) for frame, _ in frames]
    run(frames)
    assert [repr(frame) for frame, _ in frames] == before


@given(acts)
@settings(max_examples=80, deadline=None)
def test_a_crossing_is_told_of_none_who_stayed_on_one_side(script: list[Act]) -> None:
    left = [replace(a, where=tuple(c if c is None else c % 4 for c in a.where)) for a in script]
    assert not [e for e in run(film(left)) if e.data["rule"] in ("crossing", "in", "out")]
