"""The waits between connections: from 0.5 s to 30 s, jittered, never longer."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.backoff import FIRST_S, LONGEST_S, backoff_s


@pytest.mark.parametrize(
    ("failures", "low", "high"),
    [(1, 0.5, 0.5), (2, 0.5, 1), (3, 1, 2), (4, 2, 4), (7, 15, 30), (8, 15, 30), (10**6, 15, 30)],
)
def test_the_ceiling_doubles(failures: int, low: float, high: float) -> None:
    rng = random.Random(1)
    waits = [backoff_s(failures, rng) for _ in range(200)]
    assert low <= min(waits)
    assert max(waits) <= high
    assert max(waits) - min(waits) >= (high - low) * 0.9


@given(failures=st.integers(1, 10**9), seed=st.integers(), refused=st.booleans())
def test_every_wait_is_within_bounds(failures: int, seed: int, refused: bool) -> None:
    assert FIRST_S <= backoff_s(failures, random.Random(seed), refused=refused) <= LONGEST_S


def test_a_camera_that_said_no_is_asked_slowly_from_the_start() -> None:
    assert backoff_s(1, random.Random(1), refused=True) >= 15


def test_cameras_do_not_come_back_in_step() -> None:
    assert len({backoff_s(5, random.Random(seed)) for seed in range(20)}) == 20


def test_there_is_no_zeroth_failure() -> None:
    with pytest.raises(ValueError, match="failures is 0"):
        backoff_s(0, random.Random(1))
