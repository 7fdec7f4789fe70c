"""Rules over lost ids, outages, sleeping cameras and late frames."""

from typing import Any

import pytest

from tests.rules_support import Site, at, book_of, car

ENTER: dict[str, Any] = {"kind": "enter", "zone": "yard"}
EXIT: dict[str, Any] = {"kind": "exit", "zone": "yard"}
ABSENCE: dict[str, Any] = {"kind": "absence", "zone": "yard", "for_s": 30}
FALL = {"kind": "fall_in_count", "zone": "yard", "fall_by": 2, "within_s": 5}


@pytest.mark.parametrize(
    ("x", "changes", "entered_again"),
    [
        (0.71, {}, False),  # a step away
        (0.90, {}, True),  # too far for a second
        (0.71, {"size": (0.06, 0.25)}, True),  # of another size
        (0.71, {"class_id": 1}, True),  # a vehicle
        (0.71, {"first_pts_s": 1.0}, True),  # was there beside it all the time
    ],
)
def test_a_new_id_goes_on_where_a_body_was_lost(
    x: float, changes: dict[str, Any], entered_again: bool
) -> None:
    site = Site(book_of(ENTER))
    site.walk(2, 1, 0.3, 0.7)
    site.stay(1)
    site.stay(2, at(2, x, **{"first_pts_s": 2.9, **changes}))
    assert [ids for _, _, ids in site.told()] == [(1,), (2,)] if entered_again else [(1,)]


def test_who_is_lost_inside_and_not_found_has_left() -> None:
    site = Site(book_of(ENTER, EXIT))
    site.walk(2, 1, 0.3, 0.7)
    site.stay(9)
    enter, leave = site.events
    assert leave.data["reason"] == "lost"
    assert leave.data["dwell_s"] == pytest.approx(0.8)  # to where it was last seen
    assert (leave.pts_ns or 0) / 1e9 == pytest.approx(5.0)
    assert leave.tracks[0].track_id == enter.tracks[0].track_id == 1


def test_a_lost_track_is_told_where_it_was_seen_and_not_where_it_was_guessed() -> None:
    site = Site(book_of(EXIT))
    site.walk(2, 1, 0.3, 0.7)
    for k in range(1, 8):
        site.look(at(1, 0.7 + 0.03 * k, matched=False, last_pts_s=1.8))
    site.stay(5)
    (leave,) = site.events
    assert leave.tracks[0].xyxy_px == pytest.approx((1100, 360, 1140, 450), abs=1)


def test_after_a_long_outage_nobody_goes_on_as_somebody_else() -> None:
    site = Site(book_of(ENTER, EXIT))
    site.walk(2, 1, 0.3, 0.7)
    site.now_s += 40
    site.connection = 2
    site.stay(5, at(2, 0.7, first_pts_s=42.0))
    assert [(rule, ids) for _, rule, ids in site.told()] == [
        ("enter", (1,)), ("enter", (2,)), ("exit", (1,)),
    ]  # fmt: skip


def test_an_outage_neither_enters_nor_leaves_who_stands_there() -> None:
    site = Site(book_of(ENTER, EXIT))
    site.stay(3, car(1, 0.7))
    site.now_s += 40
    site.connection = 2
    site.stay(3, car(1, 0.7, stationary=True))
    assert site.told() == [(0.2, "enter", (1,))]


def test_an_outage_is_no_absence_and_no_fall() -> None:
    site = Site(book_of(ABSENCE, FALL))
    site.stay(6, at(1, 0.6), at(2, 0.7), at(3, 0.8))
    site.now_s += 100
    site.connection = 2
    site.stay(29)
    assert site.told() == []
    site.stay(3)
    assert [rule for _, rule, _ in site.told()] == ["absence"]  # of the time that was seen


def test_a_sleep_is_no_absence_and_no_fall() -> None:
    """Two persons go; ten seconds later the camera falls asleep, and wakes up after an hour."""
    site = Site(book_of(ABSENCE, FALL))
    site.stay(6, at(1, 0.6), at(2, 0.7))
    site.stay(10)
    fallen = [rule for _, rule, _ in site.told()]
    site.now_s = site.awake_s = 3600.0
    site.stay(10)
    assert [rule for _, rule, _ in site.told()] == fallen == ["fall_in_count"]
    site.stay(12)
    assert [rule for _, rule, _ in site.told()] == [*fallen, "absence"]


def test_a_parked_car_dwells_on_while_the_camera_sleeps() -> None:
    site = Site(book_of({"kind": "dwell", "zone": "yard", "for_s": 600, "classes": ["vehicle"]}))
    site.stay(20, car(1, 0.7, stationary=True))
    site.now_s = site.awake_s = 1000.0
    site.stay(1, car(1, 0.7, stationary=True))
    (event,) = site.events
    assert event.data["dwell_s"] == 1000.0


def test_a_camera_stays_awake_while_a_rules_time_runs() -> None:
    rule = {"kind": "loitering", "zone": "yard", "for_s": 20}
    site = Site(book_of(rule, {**ABSENCE, "classes": ["vehicle"]}))
    site.stay(10, at(1, 0.7, stationary=True))
    assert site.state.waiting
    site.stay(22, at(1, 0.7, stationary=True))
    assert [rule for _, rule, _ in site.told()] == ["loitering", "absence"]
    assert not site.state.waiting
    idle = Site(book_of(rule))
    idle.stay(3, at(1, 0.3, stationary=True))
    assert not idle.state.waiting


def test_a_rule_that_is_off_keeps_no_camera_awake() -> None:
    site = Site(book_of({"kind": "loitering", "zone": "yard", "for_s": 20}))
    site.active = lambda s: False
    site.stay(3, at(1, 0.7, stationary=True))
    assert not site.state.waiting


@pytest.mark.parametrize("fps", [1.0, 2.0, 5.0, 12.5, 25.0])
def test_the_pace_of_the_frames_changes_no_more_than_the_moment(fps: float) -> None:
    rules = [ENTER, EXIT, {"kind": "crossing", "line": "gate"}, {"kind": "dwell", "for_s": 4}]
    site = Site(book_of(*rules), fps=fps)
    site.walk(6, 1, 0.2, 0.8)
    site.stay(4, at(1, 0.8))
    site.walk(6, 1, 0.8, 0.2)
    assert sorted(rule for _, rule, _ in site.told()) == [
        "crossing", "crossing", "dwell", "enter", "exit",
    ]  # fmt: skip
    for at_s, rule, _ in site.told():
        if rule == "enter":
            assert at_s == pytest.approx(3.3, abs=0.3 + 2 / fps)
