"""The pts grid: the first frame at or after each k / target_fps, exactly, at any rate."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.source.grid import PtsGrid

T90K = Fraction(1, 90_000)


def chosen(target_fps: float, pts: list[int], time_base: Fraction = T90K) -> list[int]:
    grid = PtsGrid(target_fps, time_base)
    return [index for index, value in enumerate(pts) if grid.choose(value)]


@pytest.mark.parametrize(
    ("target_fps", "frame_fps", "expected"),
    [
        (5, 25, [0, 5, 10, 15, 20]),
        (25, 25, list(range(25))),
        (60, 25, list(range(25))),  # never more than there is
        (10, 25, [0, 3, 5, 8, 10, 13, 15, 18, 20, 23]),  # at or after 0, 2.5, 5, 7.5, …
        (1, 25, [0]),
    ],
)
def test_known_rates(target_fps: float, frame_fps: int, expected: list[int]) -> None:
    pts = [i * 90_000 // frame_fps for i in range(25)]
    assert chosen(target_fps, pts) == expected


def test_six_fps_of_thirty_never_slips() -> None:
    """1 / 6 s is no whole number of nanoseconds: a grid in nanoseconds slips at k = 1."""
    pts = [i * 3000 for i in range(30 * 3600)]
    assert chosen(6, pts) == list(range(0, 30 * 3600, 5))


def test_ntsc_rate_is_taken_as_written() -> None:
    pts = [-(-i * 9_000_000 // 2997) for i in range(1000)]  # each at or after its point
    assert chosen(29.97, pts) == list(range(1000))


def test_a_gap_skips_its_grid_points() -> None:
    pts = [0, 3600, 7200, 90_000 * 10 + 1, 90_000 * 10 + 3601]
    assert chosen(5, pts) == [0, 3]


def test_the_origin_is_the_connections_first_frame() -> None:
    grid = PtsGrid(5, T90K)
    assert grid.origin is None
    grid.choose(1234)
    assert grid.origin == 1234


def test_restart_makes_the_next_frame_the_origin() -> None:
    grid = PtsGrid(5, T90K)
    assert grid.choose(10 * 90_000)
    grid.restart()
    assert grid.choose(0)
    assert not grid.choose(3600)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="0 fps"):
        PtsGrid(0, T90K)


@given(
    fps=st.sampled_from([0.1, 0.5, 1.0, 2.0, 5.0, 6.0, 7.5, 12.5, 15.0, 29.97, 60.0]),
    base=st.sampled_from([T90K, Fraction(1, 12_800), Fraction(1, 1000), Fraction(1001, 30_000)]),
    first=st.integers(-(2**40), 2**40),
    steps=st.lists(st.integers(1, 20_000), max_size=200),
)
def test_each_choice_is_the_first_in_its_cell(
    fps: float, base: Fraction, first: int, steps: list[int]
) -> None:
    pts = [first]
    for step in steps:
        pts.append(pts[-1] + step)
    cells = [int((p - first) * base * Fraction(str(fps)) // 1) for p in pts]
    expected = [i for i, cell in enumerate(cells) if i == 0 or cell > cells[i - 1]]
    assert chosen(fps, pts, base) == expected
