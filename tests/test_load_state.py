"""When the ladder is climbed and when it is come down again."""

from dataclasses import replace
from itertools import pairwise

import pytest

from edge_agent.policy.ladder import Rung, build_ladder
from edge_agent.policy.load import (
    Heat,
    LoadReading,
    LoadState,
    advance,
    expected_busy,
    is_calm,
    strain,
)
from edge_agent.settings import CameraSettings

NS = 1_000_000_000
CAMERAS = [
    CameraSettings(id=ring, url="rtsp://h/1", ring=ring, layer="portrait")
    for ring in ("urban", "suburban", "rural")
]
LADDER = build_ladder(CAMERAS, coast_s=2.0)
CALM = LoadReading(busy=0.3)


def measured(per_image_s: float, **others: object) -> LoadReading:
    """Return a reading of three cameras at 5 fps, moving, on one lane."""
    reading = LoadReading(
        image_s=per_image_s, lanes=1, rates=(5.0, 5.0, 5.0), quiet=(False, False, False)
    )
    return replace(reading, **others)


def run(
    readings: list[tuple[int, LoadReading]], state: LoadState | None = None, start_s: int = 0
) -> list[LoadState]:
    """Look once a second: each reading for so many seconds; return the state after each look."""
    state = state or LoadState(since_ns=0)
    states, at_s = [], start_s
    for seconds, reading in readings:
        for _ in range(seconds):
            state = advance(state, reading, LADDER, at_s * NS)
            states.append(state)
            at_s += 1
    return states


@pytest.mark.parametrize(
    ("reading", "word"),
    [
        (LoadReading(busy=0.94), None),
        (LoadReading(busy=0.95), "95%"),
        (LoadReading(busy=0.8, late=0.04), None),
        (LoadReading(busy=0.8, late=0.06), "6% of the frames"),
        # frames that are late while the lanes have time are the camera's bursts
        (LoadReading(busy=0.5, late=0.5, waiting=3.0), None),
        (LoadReading(busy=0.8, waiting=1.0), "longer than its latency"),
        # where cores are fought for, fewer late frames are enough
        (LoadReading(busy=0.8, late=0.02, stalled=0.3), None),
        (LoadReading(busy=0.8, late=0.02, stalled=0.6), "2% of the frames"),
        # somebody else's work alone is no reason
        (LoadReading(busy=0.3, stalled=1.0), None),
        (LoadReading(backlog_s=2.5), "2.5 s of work"),
        (LoadReading(cpu=0.98), "all cores"),
        (LoadReading(heat=Heat.THROTTLED, slowed_by="cpu-thermal is at 86 °C"), "86 °C"),
    ],
)
def test_what_counts_as_strain(reading: LoadReading, word: str | None) -> None:
    reason = strain(reading)
    assert (reason is None) == (word is None)
    assert word is None or word in (reason or "")


def test_a_short_burst_gives_nothing_up() -> None:
    burst = [(5, CALM), (3, LoadReading(busy=1.0)), (5, CALM)]
    assert {state.rung for state in run(burst)} == {0}


def test_strain_that_lasts_climbs_and_says_why() -> None:
    states = run([(4, LoadReading(busy=1.0))])
    assert [state.rung for state in states] == [0, 0, 0, 1]
    assert states[-1].reason == "the lanes are busy 100% of the time"


def test_a_step_is_given_time_to_show() -> None:
    rungs = [state.rung for state in run([(16, LoadReading(busy=1.0))])]
    assert rungs == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4]


def test_a_heavy_overload_is_met_in_one_step() -> None:
    """15 images of 0.1 s a second on one lane: 1.5; the first rung that ought to fit is taken."""
    state = run([(4, measured(0.1, busy=1.0))])[-1]
    expected = [expected_busy(measured(0.1), rung) for rung in LADDER]
    assert expected[state.rung] <= 0.85 < expected[state.rung - 1]
    assert LADDER[state.rung].name == "urban 1/2"


def test_heat_is_given_time_to_go_down() -> None:
    hot = measured(0.01, heat=Heat.THROTTLED, slowed_by="cpu-thermal is at 86 °C")
    rungs = [state.rung for state in run([(25, hot)])]
    assert rungs[3] == 1
    assert rungs[12] == 1
    assert rungs[13] == 2
    assert rungs[23] == 3


def test_the_floor_is_the_last_rung() -> None:
    states = run([(400, LoadReading(busy=1.0))])
    assert states[-1].rung == len(LADDER) - 1


def test_it_recovers_by_itself_one_rung_after_the_other() -> None:
    top = run([(20, LoadReading(busy=1.0))])[-1]
    rungs = [state.rung for state in run([(40, CALM)], top, start_s=20)]
    assert rungs[0] == top.rung
    assert rungs[-1] == 0
    assert all(a - b in (0, 1) for a, b in pairwise(rungs))
    assert run([(40, CALM)], top, start_s=20)[-1].reason == ""


def test_nothing_is_given_back_that_would_not_fit() -> None:
    """On the first rung with 0.06 s an image all frames would take 0.9 of the lane."""
    state = LoadState(since_ns=0, rung=4, reason="full")
    assert expected_busy(measured(0.06), LADDER[3]) == pytest.approx(0.9)
    after = run([(100, measured(0.06, busy=0.7))], state)[-1]
    assert after.rung == 4


def test_a_box_at_its_limit_does_not_swing() -> None:
    """Each time the first rung is given back the box is full again: the hold doubles."""
    state, eased = LoadState(since_ns=0), []
    for at_s in range(1200):
        reading = LoadReading(busy=1.0) if state.rung == 0 else LoadReading(busy=0.5)
        after = advance(state, reading, LADDER, at_s * NS)
        if after.rung < state.rung:
            eased.append(at_s)
        state = after
    pauses = [b - a for a, b in pairwise(eased)]
    assert pauses == sorted(pauses)
    assert len(eased) <= 9
    assert max(pauses) >= 300


@pytest.mark.parametrize(
    ("reading", "calm"),
    [
        (measured(0.04), True),  # 15 × 0.04 = 0.6
        (measured(0.055), False),  # 0.825: it would soon be full again
        (measured(0.04, late=0.02), False),
        (measured(0.04, cpu=0.9), False),
        (LoadReading(busy=0.7), True),  # no figures: by what the lanes do now
        (LoadReading(busy=0.8), False),
    ],
)
def test_when_a_rung_is_given_back(reading: LoadReading, calm: bool) -> None:
    assert is_calm(reading, LADDER[0]) is calm


def test_quiet_cameras_count_with_their_own_stride() -> None:
    rung = Rung("x", 3.0, moving=(1, 1, 2), quiet=(1, 2, 4))
    reading = measured(0.1, quiet=(False, True, True))
    assert expected_busy(reading, rung) == pytest.approx((5 + 2.5 + 1.25) * 0.1)
