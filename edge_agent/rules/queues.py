"""A queue: who stands in a chain of short gaps, beginning at its head."""

from collections.abc import Sequence

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.columns import Floats
from edge_agent.rules.movement import Velocities
from edge_agent.rules.rows import Rows
from edge_agent.settings import RuleSettings
from edge_agent.types import BoolArray

#: Between two who stand in one queue: metres on the ground, or heights of the taller body.
_GAP_M, _GAP_HEIGHTS = 2.0, 1.2
#: Faster than this they pass by: heights of the own body a second, about 2 km/h.
_PASSES = 0.35


def queue_of(
    rows: Rows,
    picks: Sequence[int],
    velocities: Velocities,
    asked: RuleSettings,
    book: RuleBook,
) -> tuple[list[int], float | None]:
    """Return the rows that queue, of those in the zone, and the queue's length in metres.

    They stand or go slowly. With a `head` the queue is the chain that reaches it, else the
    longest one. The length is the way from one to the next nearest, None without a ground.
    """
    waiting = np.array(picks, np.int64)
    if len(waiting):
        waiting = waiting[~(velocities.rate(waiting) > _PASSES)]
    if not len(waiting):
        return [], None if book.ground is None else 0.0
    feet, heads = rows.feet[waiting], np.array([asked.head or (0.0, 0.0)], np.float64)
    if book.ground is not None:
        places, head = book.ground.to_ground(feet), book.ground.to_ground(heads)[0]
        reach = np.full(len(waiting), _GAP_M)
    else:
        places, head = feet * (velocities.aspect, 1.0), heads[0] * (velocities.aspect, 1.0)
        reach = _GAP_HEIGHTS * rows.height[waiting]
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    linked = apart <= np.maximum(reach[:, None], reach)
    if asked.head is not None:
        begins = np.hypot(*(places - head).T) <= reach
        chain = _chain(linked, begins)
    else:
        chain = _longest(linked)
    members = waiting[chain].tolist()
    return members, None if book.ground is None else _length(apart[np.ix_(chain, chain)])


def _chain(linked: BoolArray, begins: BoolArray) -> BoolArray:
    """Return (K,) who is linked, over others, to one of those in `begins` (K,)."""
    chain = begins
    while True:
        longer = chain | linked[:, chain].any(axis=1)
        if (longer == chain).all():
            return longer
        chain = longer


def _longest(linked: BoolArray) -> BoolArray:
    """Return (K,) the members of the longest chain, the first of equals."""
    best = np.zeros(len(linked), np.bool_)
    done = best.copy()
    for one in range(len(linked)):
        if not done[one]:
            chain = _chain(linked, np.arange(len(linked)) == one)
            done |= chain
            if chain.sum() > best.sum():
                best = chain
    return best


def _length(apart: Floats) -> float:
    """Return the length of the shortest tree that joins all (Prim, 1957)."""
    if len(apart) < 2:
        return 0.0
    reached, length = apart[0].copy(), 0.0
    todo = np.arange(1, len(apart))
    while len(todo):
        nearest = todo[np.argmin(reached[todo])]
        length += float(reached[nearest])
        np.minimum(reached, apart[nearest], out=reached)
        todo = todo[todo != nearest]
    return length
