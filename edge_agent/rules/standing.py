"""What lasts in a zone: presence, absence, counts, crowds, queues; and a sudden fall in count.

What lasts has a beginning and an end, each told once. It begins when it has held for the rule's
`for_s`, and ends when it has not held for `clear_s`; a crowd needs to shrink to four fifths of its
limit for that. Time while the camera slept or was away does not count.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise

from edge_agent.rules.book import RuleBook
from edge_agent.rules.columns import SLACK_NS
from edge_agent.rules.findings import Finding, seconds
from edge_agent.rules.movement import Velocities
from edge_agent.rules.queues import queue_of
from edge_agent.rules.rows import NEVER, Rows
from edge_agent.rules.telling import Told
from edge_agent.settings import RuleKind
from edge_agent.types import BoolArray, Json

#: Unseen for longer, a track that moves does not count: its body may go on under another id.
_UNSEEN_NS = 1_000_000_000
_CROWD_STAYS = 0.8


@dataclass(slots=True)
class Standing:
    """One rule's state."""

    stands: bool = False
    began_ns: int = 0  # pts
    changing_ns: int = NEVER  # since when it is otherwise, in watched time


@dataclass(slots=True, eq=False)  # frozen ones take a microsecond to make, each frame
class Seen:
    """What a frame shows to rules that count."""

    rows: Rows
    velocities: Velocities
    counted: BoolArray  # (N, R) visits of those who were seen lately
    counts: list[int]  # by rule, how many these are
    pts_ns: int
    watched_ns: int


@dataclass(slots=True)
class Measured:
    """What a rule counts now."""

    holds: bool
    picks: list[int] = field(default_factory=list)
    data: dict[str, Json] = field(default_factory=dict)


def seen_lately(rows: Rows, now: int) -> BoolArray:
    """Return (N, R) which visits count: of those who were matched within the last second."""
    fresh = rows.seen_ns >= now - _UNSEEN_NS
    fresh |= rows.still
    counted: BoolArray = rows.on & fresh[:, None]
    return counted


def find_standing(
    states: dict[int, Standing], seen: Seen, book: RuleBook, active: BoolArray, told: Told
) -> list[Finding]:
    """Return what has begun and what is over; what begins waits for its cool-down to end.

    Args: `states` by rule, changed in place.
    """
    found = []
    counts = seen.counts
    for rule in book.columns.standing:
        state = states.get(rule) or states.setdefault(rule, Standing())
        if active[rule] and _holds(counts[rule], rule, book, state.stands) is state.stands:
            state.changing_ns = NEVER
            continue
        if not (active[rule] or state.stands):
            continue
        now = measure(seen, rule, book, stands=state.stands)
        now.holds &= bool(active[rule])
        if now.holds is state.stands:
            state.changing_ns = NEVER
            continue
        if state.changing_ns == NEVER:
            state.changing_ns = seen.watched_ns
        wait_ns = (book.for_ns if now.holds else book.clear_ns)[rule]
        lasted = seen.watched_ns - state.changing_ns >= wait_ns - SLACK_NS or not active[rule]
        if not lasted or (now.holds and not told.ready(rule, book.rules[rule], seen.pts_ns)):
            continue
        found.append(_change(state, now, rule, seen, "over" if active[rule] else "schedule"))
    return found


def close(states: dict[int, Standing], seen: Seen, book: RuleBook, reason: str) -> list[Finding]:
    """End everything that stands, because the camera or the agent goes."""
    found = []
    for rule, state in sorted(states.items()):
        if state.stands:
            now = measure(seen, rule, book, stands=True)
            found.append(_change(state, Measured(False, [], now.data), rule, seen, reason))
    return found


def _change(state: Standing, now: Measured, rule: int, seen: Seen, reason: str) -> Finding:
    if now.holds:
        state.began_ns = seen.pts_ns
    data = {
        **now.data,
        "lasted_s": None if now.holds else seconds(seen.pts_ns - state.began_ns),
        "reason": None if now.holds else reason,
    }
    state.stands, state.changing_ns = now.holds, NEVER
    return Finding(rule, seen.rows, now.picks if now.holds else [], data, standing=now.holds)


def _holds(count: int, rule: int, book: RuleBook, stands: bool) -> bool | None:
    """Return whether a rule holds by a count alone, None where that does not tell."""
    asked = book.rules[rule]
    if asked.kind is RuleKind.PRESENCE:
        return count > 0
    if asked.kind is RuleKind.ABSENCE:
        return False if count else None  # who hides for a moment is not absent
    if asked.kind is RuleKind.COUNT_UNDER:
        return count < (asked.under or 0)
    if asked.kind is RuleKind.CROWD and asked.density_over is not None:
        return None if count else False
    if asked.kind is RuleKind.QUEUE:
        return None if count > (asked.over or 0) else False
    stay = _CROWD_STAYS if asked.kind is RuleKind.CROWD and stands else 1.0
    return count > (asked.over or 0) * stay


def measure(seen: Seen, rule: int, book: RuleBook, *, stands: bool) -> Measured:
    """Return what a rule counts in a frame, and whether that is what it looks for."""
    asked = book.rules[rule]
    picks = seen.counted[:, rule].nonzero()[0].tolist()
    length_m: float | None = None
    density: float | None = None
    if asked.kind is RuleKind.QUEUE:
        picks, length_m = queue_of(seen.rows, picks, seen.velocities, asked, book)
    count = len(picks)
    holds = _holds(count, rule, book, stands)
    if asked.kind is RuleKind.ABSENCE:
        holds = not seen.rows.on[:, rule].any()
    elif asked.kind is RuleKind.QUEUE:
        holds = count > (asked.over or 0)
    elif asked.kind is RuleKind.CROWD:
        density = _density(count, rule, book)
        stay = _CROWD_STAYS if stands else 1.0
        many = asked.over is not None and count > asked.over * stay
        dense = asked.density_over is not None and (density or 0.0) > asked.density_over * stay
        holds = many or dense
    data = {
        "count": count,
        "density": None if density is None else round(density, 3),
        "length_m": None if length_m is None else round(length_m, 1),
    }
    return Measured(bool(holds), picks, data)


def _density(count: int, rule: int, book: RuleBook) -> float | None:
    """Return persons a square metre of a rule's zone, None where its area is not known."""
    zone = int(book.zone_watches.place[book.zone_of[rule]])
    m2 = float(book.zone_m2[zone]) if zone >= 0 else float("nan")
    return count / m2 if m2 > 0 else None


@dataclass(slots=True)
class Falls:
    """The counts of one rule over its window."""

    at_ns: list[int] = field(default_factory=list)  # watched time
    counts: list[int] = field(default_factory=list)


def find_falls(
    states: dict[int, Falls], seen: Seen, book: RuleBook, active: BoolArray
) -> list[Finding]:
    """Return which counts fell by as much as a rule says.

    A single look that shows too many, or too few for less than `for_s`, counts for nothing.
    """
    found = []
    for rule in book.columns.falls:
        asked, state = book.rules[rule], states.get(rule) or states.setdefault(rule, Falls())
        count = seen.counts[rule]
        state.at_ns.append(seen.watched_ns)
        state.counts.append(count)
        for_ns = int(book.for_ns[rule])
        first_ns = seen.watched_ns - round(asked.within_s * 1e9) - for_ns - SLACK_NS
        while state.at_ns[0] < first_ns:
            del state.at_ns[0], state.counts[0]
        if max(state.counts) - count < (asked.fall_by or 1):
            continue
        split = bisect_left(state.at_ns, seen.watched_ns - for_ns - SLACK_NS)
        recent = max(state.counts[split:], default=count)
        high = max((min(pair) for pair in pairwise(state.counts[:split])), default=0)
        if high - recent < (asked.fall_by or 1):
            continue
        states[rule] = Falls([seen.watched_ns], [recent])
        if active[rule]:
            picks = seen.counted[:, rule].nonzero()[0].tolist()
            data = {"from_count": high, "to_count": recent, "within_s": asked.within_s}
            found.append(Finding(rule, seen.rows, picks, data))
    return found
