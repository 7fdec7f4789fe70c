"""Which of a camera's rules each family looks at, found once: by number, in the file's order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.geometry import Homography
from edge_agent.settings import RuleKind, RuleSettings
from edge_agent.settings.rules import RUNNING_KMH
from edge_agent.types import IdArray

#: Frames on a grid come a few nanoseconds early; what is due with them is due.
SLACK_NS = 5_000_000
_STAYS = (RuleKind.DWELL, RuleKind.LOITERING, RuleKind.STOPPED)
_MOVES = (RuleKind.SPEED, RuleKind.RUNNING, RuleKind.DIRECTION, RuleKind.WRONG_WAY)
_STANDS = (
    RuleKind.PRESENCE, RuleKind.ABSENCE, RuleKind.COUNT_OVER, RuleKind.COUNT_UNDER,
    RuleKind.CROWD, RuleKind.QUEUE,
)  # fmt: skip
_SENSE = {RuleKind.DIRECTION: 1.0, RuleKind.WRONG_WAY: -1.0}
_KMH = 3.6
#: Slower than this nothing has a direction.
_LEAST_M_S = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Numbers of rules, by what looks at them."""

    enter: frozenset[int]
    exit: frozenset[int]
    dwell: IdArray
    stopped: IdArray
    stays: IdArray  # dwell, loitering, stopped
    crossing: tuple[int, ...]
    standing: tuple[int, ...]  # what has a beginning and an end
    falls: tuple[int, ...]
    follows: bool  # some rule goes by the places of the last seconds


@dataclass(frozen=True, slots=True, eq=False)
class Movers:
    """M rules over speed and direction: a body must be faster, and go the way; both are asked."""

    columns: IdArray  # (M,) their numbers
    wait_ns: IdArray  # (M,) for so long
    over_m_s: Floats  # (M,)
    ways: Floats  # (M, 2) along the arrow, or against it; 0: no arrow
    cosine: Floats  # (M,) of the largest angle to the way; -2: any
    on_ground: bool  # `ways` are unit vectors in metres, else the arrow's in the picture


def find_columns(rules: Sequence[RuleSettings]) -> Columns:
    """Return who looks at which of `rules`."""
    return Columns(
        enter=frozenset(_of(rules, RuleKind.ENTER).tolist()),
        exit=frozenset(_of(rules, RuleKind.EXIT).tolist()),
        dwell=_of(rules, RuleKind.DWELL),
        stopped=_of(rules, RuleKind.STOPPED),
        stays=_of(rules, *_STAYS),
        crossing=tuple(_of(rules, RuleKind.CROSSING).tolist()),
        standing=tuple(_of(rules, *_STANDS).tolist()),
        falls=tuple(_of(rules, RuleKind.FALL_IN_COUNT).tolist()),
        follows=any(rule.kind in (*_MOVES, RuleKind.QUEUE) for rule in rules),
    )


def find_movers(rules: Sequence[RuleSettings], ground: Homography | None) -> Movers:
    """Return the rules over speed and direction, as numbers."""
    columns = _of(rules, *_MOVES)
    asked = [rules[column] for column in columns]
    return Movers(
        columns=columns,
        wait_ns=np.array([round(rule.held_s * 1e9) for rule in asked], np.int64) - SLACK_NS,
        over_m_s=np.array([_over_m_s(rule) for rule in asked], np.float64),
        ways=np.array([_way(rule, ground) for rule in asked], np.float64).reshape(-1, 2),
        cosine=np.array(
            [-2.0 if rule.arrow is None else _cosine(rule.tolerance_deg) for rule in asked],
            np.float64,
        ),
        on_ground=ground is not None,
    )


def _of(rules: Sequence[RuleSettings], *kinds: RuleKind) -> IdArray:
    return np.array([i for i, rule in enumerate(rules) if rule.kind in kinds], np.int64)


def _over_m_s(rule: RuleSettings) -> float:
    if rule.kind in _SENSE:
        return float(np.nextafter(_LEAST_M_S, 0.0))  # at least, not more than
    return (RUNNING_KMH if rule.over_kmh is None else rule.over_kmh) / _KMH


def _cosine(degrees: float) -> float:
    return float(np.cos(np.radians(degrees)))


def _way(rule: RuleSettings, ground: Homography | None) -> Floats:
    """Return (2,) the way that a rule asks for; NaN where its arrow leaves the ground."""
    if rule.arrow is None:
        return np.zeros(2)
    ends = np.array(rule.arrow, np.float64)
    tail, head = ends if ground is None else ground.to_ground(ends)
    way: Floats = (head - tail) * _SENSE[rule.kind]
    if ground is not None:
        way /= np.hypot(*way)
    return way
