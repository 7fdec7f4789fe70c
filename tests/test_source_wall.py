"""Wall time: one mapping a connection; its changes are told and never reach back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.source.wall import JUMP_NS, Arrived, ClockChange, WallMapping, WallTime
from edge_agent.types import ClockSource

S = 1_000_000_000
MS = 1_000_000
EPOCH = 1_795_000_000 * S  # wall minus mono of the agent's clock
RTCP, ARRIVAL = ClockSource.RTCP, ClockSource.ARRIVAL


def frames(
    mapping: WallMapping, start_s: int, count: int, *, wall_off_ns: int | None, agent: int = EPOCH
) -> list[WallTime]:
    """Place `count` frames, one a second, arriving 30 ms after they were taken.

    `wall_off_ns`: how far the camera's clock is ahead; None without sender reports.
    """
    out = []
    for second in range(start_s, start_s + count):
        taken = second * S
        reported = None if wall_off_ns is None else agent + taken + wall_off_ns
        out.append(mapping.place(Arrived(taken, taken + 30 * MS, reported), agent))
    return out


def changes(walls: list[WallTime]) -> list[ClockChange]:
    return [wall.change for wall in walls if wall.change is not None]


def test_without_reports_wall_time_is_the_arrivals() -> None:
    walls = frames(WallMapping(), 0, 3, wall_off_ns=None)
    assert [w.wall_ns for w in walls] == [EPOCH + i * S + 30 * MS for i in range(3)]
    assert {w.source for w in walls} == {ARRIVAL}
    assert not changes(walls)


def test_the_first_report_changes_the_mapping_once_and_says_by_how_much() -> None:
    mapping = WallMapping()
    frames(mapping, 0, 3, wall_off_ns=None)
    walls = frames(mapping, 3, 5, wall_off_ns=500 * MS)
    assert changes(walls) == [ClockChange(ARRIVAL, RTCP, 470 * MS, "first sender report")]
    assert walls[0].change is not None
    assert [w.wall_ns for w in walls] == [EPOCH + i * S + 500 * MS for i in range(3, 8)]


def test_reports_from_the_first_frame_on_are_no_change() -> None:
    walls = frames(WallMapping(), 0, 3, wall_off_ns=0)
    assert {w.source for w in walls} == {RTCP}
    assert not changes(walls)


def test_a_jump_of_the_cameras_clock_is_told() -> None:
    mapping = WallMapping()
    frames(mapping, 0, 3, wall_off_ns=0)
    walls = frames(mapping, 3, 3, wall_off_ns=-5 * S)
    assert changes(walls) == [ClockChange(RTCP, RTCP, -5 * S, "camera clock jumped")]
    assert walls[-1].wall_ns == EPOCH + 5 * S - 5 * S


def test_small_corrections_are_followed_without_a_word() -> None:
    mapping = WallMapping()
    frames(mapping, 0, 3, wall_off_ns=0)
    walls = frames(mapping, 3, 600, wall_off_ns=200 * MS)
    assert not changes(walls)
    assert walls[0].wall_ns == pytest.approx(EPOCH + 3 * S, abs=10 * MS)
    assert walls[-1].wall_ns == pytest.approx(EPOCH + 602 * S + 200 * MS, abs=MS)


@pytest.mark.parametrize(("off_s", "near"), [(0, True), (9, True), (11, False), (-11, False)])
def test_a_camera_ten_seconds_off_is_not_near(off_s: int, near: bool) -> None:
    assert frames(WallMapping(), 0, 1, wall_off_ns=off_s * S)[0].near_agent is near


def test_setting_the_agents_clock_is_a_change_where_arrival_counts() -> None:
    mapping = WallMapping()
    frames(mapping, 0, 3, wall_off_ns=None)
    walls = frames(mapping, 3, 2, wall_off_ns=None, agent=EPOCH + 3600 * S)
    assert changes(walls) == [ClockChange(ARRIVAL, ARRIVAL, 3600 * S, "agent clock set")]


def test_setting_the_agents_clock_is_none_where_the_cameras_counts() -> None:
    mapping = WallMapping()
    frames(mapping, 0, 3, wall_off_ns=0)
    taken = 3 * S
    wall = mapping.place(Arrived(taken, taken + 30 * MS, EPOCH + taken), EPOCH + 3600 * S)
    assert wall.change is None
    assert wall.wall_ns == EPOCH + taken
    assert not wall.near_agent


def test_a_late_frame_does_not_move_the_others() -> None:
    mapping = WallMapping()
    mapping.place(Arrived(0, 30 * MS), EPOCH)
    late = mapping.place(Arrived(S, S + 900 * MS), EPOCH)
    assert late.wall_ns == pytest.approx(EPOCH + S + 30 * MS, abs=MS)


def test_old_reports_are_not_believed_after_the_timestamps_jumped() -> None:
    """The demuxer adds the jump to the last report's time until the next report comes."""
    mapping = WallMapping()
    frames(mapping, 0, 5, wall_off_ns=0)
    mapping.restart(3600 * S)
    stale = frames(mapping, 5, 4, wall_off_ns=3600 * S)
    fresh = frames(mapping, 9, 2, wall_off_ns=10 * MS)
    assert not changes(stale + fresh)
    for second, wall in enumerate(stale + fresh, start=5):
        assert wall.wall_ns == pytest.approx(EPOCH + second * S, abs=10 * MS)


def test_reports_that_stay_are_believed_in_the_end() -> None:
    mapping = WallMapping()
    frames(mapping, 0, 5, wall_off_ns=0)
    mapping.restart(3600 * S)
    walls = frames(mapping, 5, 20, wall_off_ns=3600 * S)
    assert [change.offset_ns for change in changes(walls)] == [3600 * S]


@given(late=st.lists(st.integers(0, 3 * S), min_size=1, max_size=100))
def test_arrival_walls_never_fall_and_never_lie_in_the_future(late: list[int]) -> None:
    mapping = WallMapping()
    before, mono = 0, 0
    for count, delay in enumerate(late):
        mono = max(mono, count * 40 * MS + delay)
        wall = mapping.place(Arrived(count * 40 * MS, mono), EPOCH)
        assert before <= wall.wall_ns <= EPOCH + mono
        before = wall.wall_ns


@given(offsets=st.lists(st.integers(-(JUMP_NS // 2), JUMP_NS // 2), min_size=1, max_size=60))
def test_rtcp_walls_rise_at_25_fps_without_a_change(offsets: list[int]) -> None:
    mapping = WallMapping()
    before = 0
    for count, off in enumerate([0, *offsets]):
        taken = count * 40 * MS
        wall = mapping.place(Arrived(taken, taken, EPOCH + taken + off), EPOCH)
        assert wall.change is None
        assert wall.wall_ns > before
        before = wall.wall_ns
