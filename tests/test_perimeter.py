"""Nested perimeters: every step of every track, inward and outward."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config import load
from edge_agent.policy.worth import level_severities
from edge_agent.settings import AgentSettings
from edge_agent.settings.rings import PerimeterSettings
from edge_agent.types import Event, EventKind, Severity
from tests.config_support import MINIMAL, write_site
from tests.rings_support import FRAME_NS, SHANGHAI, Walk

#: Levels as strips: control from x = 0.2 on, guard from 0.4, lockdown from 0.6.
PARTS = [("control", 0.2), ("guard", 0.4), ("lockdown", 0.6)]
OUTSIDE, CONTROL, GUARD, LOCKDOWN = 0.1, 0.3, 0.5, 0.7
NOON = round(datetime(2026, 11, 27, 12, tzinfo=ZoneInfo(SHANGHAI)).timestamp()) * 1_000_000_000
SECOND_CAMERA = MINIMAL[MINIMAL.index("[[camera]]") :].replace("gate-north", "gate-south")


def perimeter(*parts: tuple[str, str, float], more: str = "") -> str:
    text = f'[[perimeters]]\nid = "depot"\nsettle_s = 0.4\n{more}\n'
    for camera, level, west in parts:
        polygon = f"[[{west}, 0], [1, 0], [1, 1], [{west}, 1]]"
        text += f'[[perimeters.parts]]\ncamera = "{camera}"\nlevel = "{level}"\n'
        text += f"polygon = {polygon}\n"
    return text


def site(folder: Path, text: str) -> AgentSettings:
    return load(write_site(folder, f'timezone = "{SHANGHAI}"\n{text}'), {})


@pytest.fixture
def depot(tmp_path: Path) -> AgentSettings:
    """A site with the three strips in one camera."""
    parts = [("gate-north", level, west) for level, west in PARTS]
    return site(tmp_path, MINIMAL + perimeter(*parts))


def steps(events: list[Event]) -> list[tuple[str | None, str | None]]:
    return [
        (event.data["from"], event.data["to"])
        for event in events
        if event.kind is EventKind.PERIMETER
    ]


IN_1, IN_2, IN_3 = (None, "control"), ("control", "guard"), ("guard", "lockdown")
OUT_3, OUT_2, OUT_1 = ("lockdown", "guard"), ("guard", "control"), ("control", None)


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ([(OUTSIDE, 5)], []),
        ([(OUTSIDE, 2), (CONTROL, 2)], []),  # not for 0.4 s yet
        ([(OUTSIDE, 2), (CONTROL, 3)], [IN_1]),
        ([(OUTSIDE, 2), (CONTROL, 3), (GUARD, 3), (LOCKDOWN, 3)], [IN_1, IN_2, IN_3]),
        ([(OUTSIDE, 2), (LOCKDOWN, 3)], [IN_1, IN_2, IN_3]),  # a jump skips no step
        ([(LOCKDOWN, 3)], [IN_1, IN_2, IN_3]),  # also one that begins inside
        ([(CONTROL, 3), (LOCKDOWN, 1), (CONTROL, 3)], [IN_1]),  # a box that jitters
        ([(CONTROL, 1), (GUARD, 1), (LOCKDOWN, 1), (LOCKDOWN, 2)], [IN_1, IN_2, IN_3]),
        ([(GUARD, 3), (CONTROL, 3)], [IN_1, IN_2, OUT_2]),
        ([(LOCKDOWN, 3), (OUTSIDE, 3)], [IN_1, IN_2, IN_3, OUT_3, OUT_2, OUT_1]),
        ([(GUARD, 3), (OUTSIDE, 1), (GUARD, 3)], [IN_1, IN_2]),
        ([(GUARD, 3), (CONTROL, 3), (GUARD, 3)], [IN_1, IN_2, OUT_2, IN_2]),
    ],
)
def test_a_track_goes_through_the_levels_step_by_step(
    depot: AgentSettings,
    way: list[tuple[float, int]],
    expected: list[tuple[str | None, str | None]],
) -> None:
    walk = Walk(depot, NOON)
    for x, frames in way:
        for _ in range(frames):
            walk.look({1: (x, 0.5)})
    assert steps(walk.events) == expected


def test_a_step_tells_the_way_its_worth_and_the_path(depot: AgentSettings) -> None:
    walk = Walk(depot, NOON)
    for x in (0.1, 0.2, 0.3, 0.35, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1):
        walk.look({1: (x, 0.5)})
    told = [event for event in walk.events if event.kind is EventKind.PERIMETER]
    assert [(e.data["way"], e.data["rank"], e.severity.value) for e in told] == [
        ("inward", 1, "notice"),
        ("inward", 2, "warning"),
        ("outward", 1, "notice"),
        ("outward", 0, "notice"),
    ]
    assert told[1].data["path_norm"] == [
        [0.1, 0.5], [0.2, 0.5], [0.3, 0.5], [0.35, 0.5], [0.5, 0.5],
    ]  # fmt: skip
    assert told[1].pts_ns == 6 * FRAME_NS
    assert [e.data["ranks"] for e in told] == [3] * 4


def test_who_is_lost_inside_steps_out_of_every_level(depot: AgentSettings) -> None:
    walk = Walk(depot, NOON)
    for _ in range(3):
        walk.look({1: (LOCKDOWN, 0.5), 2: (CONTROL, 0.5)})
    events = walk.look({2: (CONTROL, 0.5)})
    assert steps(events) == [OUT_3, OUT_2, OUT_1]
    assert {e.data["reason"] for e in events if e.kind is EventKind.PERIMETER} == {"lost"}
    walk.pipeline.stop()
    last = [e for e in walk.events if e.kind is EventKind.PERIMETER][-1]
    assert (last.data["to"], last.data["reason"]) == (None, "agent_stopped")


def test_a_perimeter_watches_only_in_its_hours_and_whom_it_is_about(tmp_path: Path) -> None:
    more = 'schedule = "22:00 to 06:00"\nclasses = ["person"]'
    text = MINIMAL + perimeter(("gate-north", "control", 0.2), more=more)
    depot = site(tmp_path, text)
    ten = NOON + 10 * 3_600_000_000_000
    by_day, by_night = Walk(depot, NOON), Walk(depot, ten)
    for walk in (by_day, by_night):
        for _ in range(3):
            walk.look({1: (CONTROL, 0.5)})
    assert (steps(by_day.events), steps(by_night.events)) == ([], [IN_1])
    driven = Walk(depot, ten)
    for _ in range(3):
        driven.look({1: (CONTROL, 0.5)}, class_id=1)
    assert steps(driven.events) == []
    six = Walk(depot, NOON - 6 * 3_600_000_000_000 - 3 * FRAME_NS)
    for _ in range(4):
        six.look({1: (CONTROL, 0.5)})
    assert steps(six.events) == [IN_1, OUT_1]  # at 06:00 its hours are over


def test_cameras_of_one_perimeter_know_how_far_it_is_entered_overall(tmp_path: Path) -> None:
    text = MINIMAL + SECOND_CAMERA
    text += perimeter(
        ("gate-north", "control", 0.2),
        ("gate-south", "guard", 0.4),
        ("gate-south", "lockdown", 0.6),
    )
    depot = site(tmp_path, text)
    outer, inner = Walk(depot, NOON, number=0), Walk(depot, NOON, number=1)
    inner.posts[1]._levels = outer.posts[0]._levels  # one agent, two pipelines
    for _ in range(3):
        outer.look({1: (CONTROL, 0.5)})
        inner.look({7: (LOCKDOWN, 0.5)})
    outer.look({1: (OUTSIDE, 0.5)})
    outer.look({})
    inner.look({})
    told = [
        [(e.data["to"], e.data["overall_rank"]) for e in events if e.kind is EventKind.PERIMETER]
        for events in (outer.events, inner.events)
    ]
    assert told == [
        [("control", 1), (None, 3)],
        [("control", 1), ("guard", 2), ("lockdown", 3), ("guard", 2), ("control", 1), (None, 0)],
    ]


@given(
    st.lists(
        st.dictionaries(
            st.integers(1, 3), st.sampled_from([OUTSIDE, CONTROL, GUARD, LOCKDOWN]), max_size=3
        ),
        max_size=40,
    )
)
@settings(max_examples=60, deadline=None)
def test_steps_go_one_level_at_a_time_and_end_outside(frames: list[dict[int, float]]) -> None:
    walk = Walk(DEPOT, NOON)
    newest = 0
    names: dict[int, int] = {}
    for frame in frames:
        # ids only rise: one that was away comes back as another
        names = {i: names[i] for i in frame if i in names}
        for i in sorted(set(frame) - names.keys()):
            newest += 1
            names[i] = newest
        walk.look({names[i]: (x, 0.5) for i, x in frame.items()})
    walk.look({})
    ranks: dict[int, int] = {}
    for event in walk.events:
        if event.kind is EventKind.PERIMETER:
            track_id = event.tracks[0].track_id
            step = 1 if event.data["way"] == "inward" else -1
            assert event.data["rank"] == ranks.get(track_id, 0) + step
            ranks[track_id] = event.data["rank"]
    assert set(ranks.values()) <= {0}


DEPOT = AgentSettings.model_validate(
    {
        "site": "s",
        "agent_id": "a",
        "camera": [{"id": "c", "url": "x.mp4", "ring": "urban", "layer": "portrait"}],
        "perimeters": [
            {
                "id": "depot",
                "settle_s": 0.2,
                "parts": [
                    {
                        "camera": "c",
                        "level": level,
                        "polygon": ((west, 0), (1, 0), (1, 1), (west, 1)),
                    }
                    for level, west in PARTS
                ],
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("levels", "severities"),
    [
        (("a",), ["critical"]),
        (("a", "b"), ["warning", "critical"]),
        (("a", "b", "c"), ["notice", "warning", "critical"]),
        (("a", "b", "c", "d"), ["notice", "notice", "warning", "critical"]),
    ],
)
def test_the_innermost_level_is_critical_unless_the_file_says_more(
    levels: tuple[str, ...], severities: list[str]
) -> None:
    part = {"camera": "c", "level": "a", "polygon": ((0, 0), (1, 0), (1, 1))}
    values = {"id": "p", "levels": levels, "parts": [part]}
    assert list(level_severities(PerimeterSettings.model_validate(values))) == severities
    said = {**values, "severities": ["info"] * len(levels)}
    assert set(level_severities(PerimeterSettings.model_validate(said))) == {Severity.INFO}
