"""The camera's timeline: it rises, whatever the stream's timestamps do."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.source.timeline import JUMP_NS, Timeline

S = 1_000_000_000
T90K = Fraction(1, 90_000)


def begun(**options: object) -> Timeline:
    timeline = Timeline()
    timeline.begin(T90K, **options)  # type: ignore[arg-type]
    return timeline


def test_a_steady_stream_keeps_its_own_time_whatever_the_network_does() -> None:
    timeline = begun()
    late = [0.0, 0.0, 1.9, 0.1, 0.0]
    placed = [timeline.place(i * 3600, int((i * 0.04 + late[i]) * S)) for i in range(5)]
    assert [p and p.pts_ns for p in placed] == [0, 40_000_000, 80_000_000, 120_000_000, 160_000_000]
    assert all(p and p.jump_ns is None for p in placed)


def test_a_reconnect_goes_on_after_the_time_that_passed() -> None:
    timeline = begun()
    timeline.place(0, 10 * S)
    timeline.place(3600, 10 * S + 40_000_000)
    timeline.begin(Fraction(1, 1000))
    placed = timeline.place(777, 15 * S + 40_000_000)
    assert placed is not None
    assert (placed.pts_ns, placed.jump_ns) == (5 * S + 40_000_000, None)


@pytest.mark.parametrize(
    ("step_s", "waited_s", "jumped"),
    [
        (3600.0, 0.04, True),  # an hour ahead
        (-3600.0, 0.04, True),  # an hour back
        (-0.08, 0.04, True),  # frames come in display order: any step back is a jump
        (8.0, 8.0, False),  # the camera was silent and its time went on
        (2.0, 0.04, False),  # frames were lost on the way
        (3.5, 0.04, True),  # more than that
        (0.04, 60.0, False),  # a stall: time is the stream's own
    ],
)
def test_what_is_a_jump(step_s: float, waited_s: float, jumped: bool) -> None:
    timeline = begun()
    before = timeline.place(90_000 * 7200, 100 * S)
    placed = timeline.place(90_000 * 7200 + round(step_s * 90_000), 100 * S + round(waited_s * S))
    assert before is not None
    assert placed is not None
    assert (placed.jump_ns is not None) is jumped
    expected_s = waited_s if jumped else step_s
    assert placed.pts_ns == pytest.approx(before.pts_ns + expected_s * S, abs=10)


def test_a_burst_after_a_stall_is_no_jump() -> None:
    """8 s held back by the network, 4 s of it dropped by the camera, then all at once."""
    timeline = begun()
    timeline.place(0, 0)
    burst = [timeline.place(round(t * 90_000), 8 * S) for t in (0.04, 0.08, 4.0, 8.0)]
    assert all(p is not None and p.jump_ns is None for p in burst)


def test_a_frame_with_its_forerunners_pts_has_no_place() -> None:
    timeline = begun()
    timeline.place(3600, 0)
    assert timeline.place(3600, 1) is None


def test_a_stream_that_counts_no_time_still_gets_on() -> None:
    timeline = begun()
    timeline.place(0, 0)
    placed = timeline.place(0, JUMP_NS + 1)
    assert placed is not None
    assert placed.pts_ns == JUMP_NS + 1


def test_a_files_gaps_are_its_own_and_its_rounds_join_at_a_frames_length() -> None:
    timeline = begun(forward_jumps=False, gap_ns=40_000_000)
    timeline.place(0, 0)
    placed = timeline.place(90_000 * 60, 5)
    assert placed is not None
    assert (placed.pts_ns, placed.jump_ns) == (60 * S, None)
    timeline.begin(T90K, forward_jumps=False, gap_ns=40_000_000)
    again = timeline.place(0, 6)
    assert again is not None
    assert again.pts_ns == 60 * S + 40_000_000


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(-(2**33), 2**33), st.integers(0, 20 * S)),
            st.tuples(st.just(3600), st.integers(0, S)),
            st.none(),
        ),
        max_size=60,
    )
)
def test_it_rises_strictly_over_everything(steps: list[tuple[int, int] | None]) -> None:
    """Any steps of timestamps and clock, and reconnects (None)."""
    timeline = begun()
    pts, mono, seen = 0, 0, -1
    for step in steps:
        if step is None:
            timeline.begin(T90K)
            continue
        pts, mono = pts + step[0], mono + step[1]
        placed = timeline.place(pts, mono)
        if placed is not None:
            assert placed.pts_ns > seen
            seen = placed.pts_ns


@given(
    jitter=st.lists(st.integers(0, 2 * S), min_size=2, max_size=50),
    jumps=st.lists(st.integers(-(2**33), 2**33), min_size=2, max_size=50),
)
def test_it_never_runs_away_from_the_clock(jitter: list[int], jumps: list[int]) -> None:
    """However the timestamps jump, the timeline stays within the bounds of what passed."""
    timeline = begun()
    mono = 0
    for count, (late, jump) in enumerate(zip(jitter, jumps, strict=False)):
        mono = max(mono, count * 40_000_000 + late)
        placed = timeline.place(jump, mono)
        if placed is not None:
            assert placed.pts_ns <= mono + (count + 1) * (JUMP_NS + 1_000_000)
