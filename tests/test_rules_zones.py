"""Rules of single tracks in a zone: where each fires, and where it stays silent.

A person of a tenth of the picture's height walks along its middle; the yard is its right half.
"""

from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.types import EndReason, EventKind
from tests.mot_support import BUS, TRUCK, frame_ref, tracks
from tests.rules_support import Site, at, book_of, car

ENTER: dict[str, Any] = {"kind": "enter", "zone": "yard"}
EXIT: dict[str, Any] = {"kind": "exit", "zone": "yard"}


def comes_and_goes(site: Site) -> None:
    site.walk(4, 1, 0.2, 0.8)
    site.walk(4, 1, 0.8, 0.2)


def stays(seconds: float, **changes: Any) -> Callable[[Site], None]:
    """Come to 0.7, stay there for a while, go."""

    def script(site: Site) -> None:
        site.walk(2, 1, 0.3, 0.7, **changes)
        site.stay(seconds, at(1, 0.7, **changes))
        site.walk(2, 1, 0.7, 0.3, **changes)

    return script


def lost_and_found(site: Site) -> None:
    """Come in as 1, be hidden for 1 s, go on as 2, leave."""
    site.walk(2, 1, 0.3, 0.7)
    site.stay(1)
    site.stay(4, at(2, 0.71, first_pts_s=2.9))
    site.walk(2, 2, 0.71, 0.3, first_pts_s=2.9)


def leaves_by_the_edge(site: Site) -> None:
    """Walk out of the picture inside of the zone; another comes in there a second later."""
    site.walk(4, 1, 0.7, 0.94, y=0.949, size=(0.1, 0.1))
    site.walk(1, 1, 0.94, 0.949, y=0.94, size=(0.12, 0.2))
    site.stay(5)


def jitters_at_the_border(site: Site) -> None:
    for k in range(60):
        site.look(at(1, 0.51 + 0.002 * (-1) ** k))


def half_hidden_at_the_border(site: Site) -> None:
    """Stand just outside; every second one look shows the upper half only, which is "inside"."""
    for k in range(60):
        hidden = k % 5 == 4
        site.look(
            at(1, 0.7, 0.96 if not hidden else 0.9, size=(0.025, 0.1 if not hidden else 0.04))
        )


def coasts_in(site: Site) -> None:
    """Be seen up to the border; what is inside is a prediction."""
    site.walk(1.4, 1, 0.2, 0.48)
    for k in range(10):
        site.look(at(1, 0.48 + 0.03 * k, matched=False, last_pts_s=1.2))


#: (rules, what happens, (seconds, rule, track ids) of the events)
TABLE: dict[str, tuple[list[dict[str, Any]], Callable[[Site], None], list[Any]]] = {
    "who walks in and out": (
        [ENTER, EXIT], comes_and_goes, [(2.2, "enter", (1,)), (6.0, "exit", (1,))],
    ),
    "at once where nothing has to settle": (
        [{**ENTER, "settle_s": 0}], comes_and_goes, [(2.0, "enter", (1,))],
    ),
    "who passes by": ([ENTER, EXIT], lambda site: site.walk(4, 1, 0.1, 0.45) and None, []),
    "jitter at the border enters once at most": (
        [ENTER, EXIT], jitters_at_the_border, [],
    ),
    "a box that is cut for a look": ([ENTER, EXIT], half_hidden_at_the_border, []),
    "a prediction enters nothing": ([ENTER], coasts_in, []),
    "who is there at first has entered": (
        [ENTER], lambda site: site.stay(2, at(1, 0.7)) and None, [(0.2, "enter", (1,))],
    ),
    "who is there at first has not come in": (
        [{**ENTER, "appear": False}], lambda site: site.stay(2, at(1, 0.7)) and None, [],
    ),
    "a body that was lost and found": (
        [ENTER, EXIT], lost_and_found, [(1.2, "enter", (1,)), (8.0, "exit", (2,))],
    ),
    "who ends at the edge has left": (
        [EXIT], leaves_by_the_edge, [(5.0, "exit", (1,))],
    ),
    "another class": ([{**ENTER, "classes": ["vehicle"]}], comes_and_goes, []),
    "too far away": ([{**ENTER, "min_height_norm": 0.2}], comes_and_goes, []),
    "too unsure": ([{**ENTER, "min_score": 0.95}], comes_and_goes, []),
    "by the head": (
        [{**ENTER, "anchor": "top"}], lambda site: site.walk(2, 1, 0.7, 0.7, y=0.99) and None,
        [(0.2, "enter", (1,))],
    ),
    "by the feet": ([ENTER], lambda site: site.walk(2, 1, 0.7, 0.7, y=0.99) and None, []),
    "dwell": ([{"kind": "dwell", "zone": "yard", "for_s": 5}], stays(6), [(6.0, "dwell", (1,))]),
    "too short a dwell": ([{"kind": "dwell", "zone": "yard", "for_s": 9}], stays(6), []),
    "dwell in the whole picture": (
        [{"kind": "dwell", "for_s": 5}], stays(3), [(5.0, "dwell", (1,))],
    ),
    "a dwell is one track's": (
        [{"kind": "dwell", "zone": "yard", "for_s": 6}], lost_and_found, [],
    ),
    "the next id dwells anew, and is told too": (
        [{"kind": "dwell", "zone": "yard", "for_s": 0.6}], lost_and_found,
        [(1.6, "dwell", (1,)), (3.6, "dwell", (2,))],
    ),
    "loitering goes on with the next id": (
        [{"kind": "loitering", "zone": "yard", "for_s": 6}], lost_and_found,
        [(7.0, "loitering", (2,))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_a_rule_fires_where_it_should_and_nowhere_else(name: str) -> None:
    rules, script, expected = TABLE[name]
    site = Site(book_of(*rules))
    script(site)
    assert site.told() == expected


def test_a_short_exit_does_not_end_loitering() -> None:
    rule = {"kind": "loitering", "zone": "yard", "for_s": 10, "clear_s": 5}
    site = Site(book_of(rule))
    for _ in range(3):
        site.stay(3, at(1, 0.6))
        site.stay(2, at(1, 0.4))
    assert site.told() == [(10.2, "loitering", (1,))]
    long_away = Site(book_of(rule))
    for _ in range(3):
        long_away.stay(3, at(1, 0.6))
        long_away.stay(7, at(1, 0.4))
    assert long_away.told() == []


def test_an_event_tells_the_track_the_zone_and_how_it_came() -> None:
    site = Site(book_of(ENTER, EXIT))
    lost_and_found(site)
    enter, leave = site.events
    assert (enter.kind, leave.kind) == (EventKind.ENTER, EventKind.EXIT)
    assert enter.data == {
        "rule": "enter", "zone": "yard", "first_track_id": 1, "appeared": False, "left_out": 0,
    }  # fmt: skip
    assert leave.data == {
        "rule": "exit", "zone": "yard", "first_track_id": 1, "dwell_s": 6.8, "reason": "left",
        "left_out": 0,
    }  # fmt: skip
    (report,) = enter.tracks
    assert (report.track_id, report.zones, report.stationary) == (1, ("yard",), False)
    assert report.xyxy_px == pytest.approx((908, 360, 948, 450), abs=1)
    ref = frame_ref(1.2)
    assert (enter.wall_ns, enter.pts_ns, enter.frame_wh) == (ref.wall_ns, ref.pts_ns, (1600, 900))


def test_first_wall_time_is_that_of_the_first_look_before_the_track_was_sure() -> None:
    site = Site(book_of(ENTER))
    site.look(at(1, 0.7, confirmed=False))
    site.look(at(1, 0.7, confirmed=False))
    (event,) = site.stay(0.6, at(1, 0.7))
    assert event.tracks[0].first_wall_ns == frame_ref(0.0).wall_ns


def test_who_grows_too_small_inside_is_still_the_visitor_who_came() -> None:
    site = Site(book_of({**ENTER, "min_height_norm": 0.08}, {**EXIT, "min_height_norm": 0.08}))
    site.walk(2, 1, 0.3, 0.7)
    site.stay(3, at(1, 0.7, size=(0.015, 0.06)))
    site.walk(2, 1, 0.7, 0.3, size=(0.015, 0.06))
    assert [rule for _, rule, _ in site.told()] == ["enter", "exit"]
    assert site.told()[1][0] == pytest.approx(6.0)  # where it left, not where it shrank


def test_a_cool_down_keeps_events_back_and_counts_them() -> None:
    site = Site(book_of({**ENTER, "cooldown_s": 10}))
    for number in range(1, 13):
        site.walk(1, number, 0.4, 0.6)
        site.stay(4)
    told = [(event.pts_ns or 0) / 1e9 for event in site.events]
    assert told == pytest.approx([0.6, 10.6, 20.6, 30.6, 40.6, 50.6])
    assert [event.data["left_out"] for event in site.events] == [0, 1, 1, 1, 1, 1]


def test_a_schedule_that_begins_finds_who_has_stayed_and_not_who_has_entered() -> None:
    site = Site(book_of(ENTER, {"kind": "dwell", "zone": "yard", "for_s": 3}))
    site.active = lambda s: s >= 10
    stays(14)(site)
    assert site.told() == [(10.0, "dwell", (1,))]


def test_subclasses_are_told_apart() -> None:
    site = Site(book_of({**ENTER, "classes": ["vehicle/bus"]}))
    for number, class_id in ((1, BUS), (2, TRUCK)):
        for x in (0.4, 0.44, 0.6, 0.62, 0.64):
            site.look(car(number, x, class_id=class_id))
    assert site.told() == [(0.6, "enter", (1,))]


def test_stopped_tells_a_halt_once_and_a_new_halt_again() -> None:
    site = Site(book_of({"kind": "stopped", "zone": "yard", "for_s": 4}))

    def drive(begin: float, end: float) -> None:
        site.looks([[car(1, begin + (end - begin) * k / 5)] for k in range(1, 6)])

    drive(0.4, 0.6)
    site.looks([[car(1, 0.6 + 0.001 * (-1) ** k)] for k in range(50)])
    drive(0.6, 0.85)
    site.looks([[car(1, 0.85)] for k in range(50)])
    assert site.told() == [(4.8, "stopped", (1,)), (15.8, "stopped", (1,))]


def test_who_drives_slowly_through_has_not_stopped() -> None:
    site = Site(book_of({"kind": "stopped", "zone": "yard", "for_s": 4}))
    for k in range(100):
        site.look(car(1, 0.5 + 0.4 * k / 100))
    assert site.told() == []


def test_a_stop_of_the_agent_ends_every_visit() -> None:
    site = Site(book_of(ENTER, EXIT))
    site.walk(2, 1, 0.3, 0.7)
    (event,) = site.end(EndReason.AGENT_STOPPED)
    assert (event.kind, event.data["reason"], event.wall_ns) == (
        EventKind.EXIT,
        "agent_stopped",
        1,
    )
    assert site.end(EndReason.AGENT_STOPPED) == []


def test_a_frame_without_tracks_and_a_camera_without_rules_tell_nothing() -> None:
    site = Site(book_of())
    assert site.take(tracks(frame_ref(0.0), [at(1, 0.7)])) == []
    assert Site(book_of(ENTER)).take(tracks(frame_ref(0.0))) == []
