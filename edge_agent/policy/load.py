"""When a site's ladder is climbed and when it is come down again. Pure.

Up: as soon as the box has been strained for `STRAINED_S`, to the lowest rung that ought to fit
by the rates and the cost of an image just measured, at least one rung; each further step needs
another `STEP_S`, in which the last one shows. Heat says nothing about how much too much it is,
and answers late: one rung every `HEAT_STEP_S`.

Down: one rung at a time, after the box was calm for a hold, and only where the rung below is
predicted to fit with room to spare. A rung that had to be taken back within `REGRET_S` doubles
the hold, up to `LONGEST_HOLD_S`, so that a box at its limit does not swing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from edge_agent.policy.ladder import Rung

STRAINED_S = 3.0
STEP_S = 4.0
HEAT_STEP_S = 10.0
HOLD_S = 5.0
LONGEST_HOLD_S = 300.0
REGRET_S = 60.0

#: Share of the lanes' time at which frames begin to queue, whatever else is seen.
_FULL = 0.95
#: Below this the lanes have time: late frames are then the camera's bursts, not the box.
_AT_WORK = 0.7
#: A climb aims at this share of the lanes' time, a step down must stay below the second.
_AIM_UP, _AIM_DOWN = 0.85, 0.75
_LATE, _LATE_WHEN_STALLED = 0.05, 0.01
_STALLED = 0.5
_CPU_FULL = 0.97
_BACKLOG_S = 2.0


class Heat(StrEnum):
    """What the processor's temperature does to it."""

    NONE = "none"
    THROTTLED = "throttled"  # the system has lowered the clock because of it, or is about to


@dataclass(frozen=True, slots=True)
class LoadReading:
    """What was measured over the last seconds, of the whole box."""

    busy: float = 0.0  # share of the lanes' time at work, 0..1
    late: float = 0.0  # share of the frames that came which were replaced or went stale, 0..1
    waiting: float = 0.0  # age of the oldest waiting frame, in parts of its deadline
    backlog_s: float = 0.0  # seconds that the lanes need for what cameras are catching up with
    cpu: float = 0.0  # share of the cores this process may use that it did use, 0..1
    stalled: float = 0.0  # share of the time in which something waited for a core (PSI), 0..1
    heat: Heat = Heat.NONE
    slowed_by: str = ""  # why there is heat, for people
    image_s: float | None = None  # a lane's time for one image; None: none yet
    lanes: float = 1.0  # that can work at once; not whole where they share cores
    rates: tuple[float, ...] = ()  # frames a second that each camera's grid chose
    quiet: tuple[bool, ...] = ()  # whether nothing moves there


@dataclass(frozen=True, slots=True)
class LoadState:
    """Where on the ladder the box stands, and what is waited for."""

    since_ns: int  # when `rung` was entered
    rung: int = 0
    reason: str = ""  # of the last climb
    strained_ns: int | None = None  # since when without a break
    calm_ns: int | None = None
    hold_s: float = HOLD_S
    eased_ns: int | None = None  # when a rung was last given back


def advance(
    state: LoadState, reading: LoadReading, ladder: Sequence[Rung], now_ns: int
) -> LoadState:
    """Return the state after a look at the box; called about once a second."""
    reason = strain(reading)
    if reason is not None:
        strained_ns = now_ns if state.strained_ns is None else state.strained_ns
        state = replace(state, strained_ns=strained_ns, calm_ns=None)
        if state.rung < len(ladder) - 1 and _may_climb(state, reading, now_ns):
            return _climb(state, reading, ladder, reason, now_ns)
        return state
    if state.rung == 0 or not is_calm(reading, ladder[state.rung - 1]):
        return replace(state, strained_ns=None, calm_ns=None)
    calm_ns = now_ns if state.calm_ns is None else state.calm_ns
    if now_ns - calm_ns < state.hold_s * 1e9:
        return replace(state, strained_ns=None, calm_ns=calm_ns)
    return LoadState(
        since_ns=now_ns,
        rung=state.rung - 1,
        reason=state.reason if state.rung > 1 else "",
        calm_ns=now_ns,
        hold_s=state.hold_s,
        eased_ns=now_ns,
    )


def strain(reading: LoadReading) -> str | None:
    """Return why the box is strained, for people; None where it is not."""
    late_limit = _LATE_WHEN_STALLED if reading.stalled >= _STALLED else _LATE
    at_work = reading.busy >= _AT_WORK
    if reading.heat is Heat.THROTTLED:
        return reading.slowed_by
    if reading.busy >= _FULL:
        return f"the lanes are busy {reading.busy:.0%} of the time"
    if at_work and reading.late >= late_limit:
        return f"{reading.late:.0%} of the frames come too late to be analysed"
    if at_work and reading.waiting >= 1.0:
        return "a frame has waited longer than its latency allows"
    if reading.backlog_s >= _BACKLOG_S:
        return f"cameras are catching up: {reading.backlog_s:.1f} s of work"
    if reading.cpu >= _CPU_FULL:
        return f"all cores are in use ({reading.cpu:.0%})"
    return None


def is_calm(reading: LoadReading, below: Rung) -> bool:
    """Return whether the rung `below` may be tried."""
    expected = expected_busy(reading, below)
    return (
        reading.late < _LATE_WHEN_STALLED
        and reading.cpu < _CPU_FULL - 0.1
        and (reading.busy < _AIM_DOWN if expected is None else expected < _AIM_DOWN)
    )


def expected_busy(reading: LoadReading, rung: Rung) -> float | None:
    """Return the share of the lanes' time that `rung` would take now; None without figures."""
    if reading.image_s is None or not reading.rates:
        return None
    images = sum(
        rate / (quiet_stride if is_quiet else stride)
        for rate, is_quiet, stride, quiet_stride in zip(
            reading.rates, reading.quiet, rung.moving, rung.quiet, strict=True
        )
    )
    return images * reading.image_s / reading.lanes


def _may_climb(state: LoadState, reading: LoadReading, now_ns: int) -> bool:
    assert state.strained_ns is not None
    step_s = HEAT_STEP_S if reading.heat is Heat.THROTTLED else STEP_S
    settled = state.rung == 0 or now_ns - state.since_ns >= step_s * 1e9
    return settled and now_ns - state.strained_ns >= STRAINED_S * 1e9


def _climb(
    state: LoadState, reading: LoadReading, ladder: Sequence[Rung], reason: str, now_ns: int
) -> LoadState:
    rung = state.rung + 1
    if reading.heat is Heat.NONE:
        while rung < len(ladder) - 1 and (expected_busy(reading, ladder[rung]) or 0.0) > _AIM_UP:
            rung += 1
    regretted = state.eased_ns is not None and now_ns - state.eased_ns < REGRET_S * 1e9
    hold_s = min(2 * state.hold_s, LONGEST_HOLD_S) if regretted else HOLD_S
    return LoadState(
        since_ns=now_ns,
        rung=rung,
        reason=reason,
        strained_ns=state.strained_ns,
        hold_s=hold_s,
        eased_ns=state.eased_ns,
    )
