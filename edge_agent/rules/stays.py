"""Visits of single tracks: enter, exit, dwell, loitering, stopped."""

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.columns import SLACK_NS
from edge_agent.rules.findings import Finding, pairs, seconds
from edge_agent.rules.rows import Rows
from edge_agent.settings import RuleKind
from edge_agent.types import BoolArray, IdArray


def find_passages(
    rows: Rows, began: BoolArray, ended: BoolArray, book: RuleBook, active: BoolArray
) -> list[Finding]:
    """Return who entered and who left, by the visits that `began` and `ended` (N, R)."""
    found = []
    if np.count_nonzero(began):
        for row, rule in _pairs(began, book.columns.enter, active):
            appeared = bool(rows.born_in[row, book.zone_of[rule]])
            if not appeared or book.rules[rule].appear:
                data = {"first_track_id": int(rows.first_id[row]), "appeared": appeared}
                found.append(Finding(rule, rows, [row], data))
    if np.count_nonzero(ended):
        for row, rule in _pairs(ended, book.columns.exit, active):
            left_ns = int(rows.inside_ns[row, book.zone_of[rule]])
            found.append(_exit(rows, row, rule, left_ns, "left"))
    return found


def find_lost(lost: Rows, book: RuleBook, active: BoolArray, reason: str) -> list[Finding]:
    """Return the exits of those who were given up inside of a zone."""
    if not np.count_nonzero(lost.on):
        return []
    return [
        _exit(lost, row, rule, int(lost.seen_ns[row]), reason)
        for row, rule in _pairs(lost.on, book.columns.exit, active)
    ]


def find_stays(rows: Rows, now: int, book: RuleBook, active: BoolArray) -> list[Finding]:
    """Return who has been somewhere, or has stood there, for as long as a rule says; once each."""
    columns = book.columns.stays
    if not len(columns):
        return []
    due = rows.on.take(columns, axis=1) > rows.told.take(columns, axis=1)
    due &= active.take(columns)
    due &= rows.matched[:, None]
    if not np.count_nonzero(due):
        return []
    before = rows.on_ns.take(columns, axis=1) <= now + SLACK_NS - book.for_ns.take(columns)
    due &= before  # the body has been there for long enough; the rest may begin later
    if not np.count_nonzero(due):
        return []
    since = stay_since(rows, columns, book)
    due &= rows.inside.take(book.zone_of[columns], axis=1)
    due &= now - since >= book.for_ns[columns] - SLACK_NS
    found = []
    for row, at in pairs(due):
        rule = int(columns[at])
        rows.told[row, rule] = True
        data = {
            "first_track_id": int(rows.first_id[row]),
            "dwell_s": seconds(now - since[row, at]),
        }
        found.append(Finding(rule, rows, [row], data))
    return found


def stay_since(rows: Rows, columns: IdArray, book: RuleBook) -> IdArray:
    """Return (N, len(columns)) since when the stay of each rule's kind lasts.

    A dwell is one track's; loitering goes on with the body's next track; a stop begins where
    the body came to rest.
    """
    since = rows.on_ns.take(columns, axis=1)
    for at, rule in enumerate(columns):
        kind = book.rules[rule].kind
        if kind is RuleKind.DWELL:
            np.maximum(since[:, at], rows.since_ns, out=since[:, at])
        elif kind is RuleKind.STOPPED:
            np.maximum(since[:, at], rows.rest_ns, out=since[:, at])
    return since


def _exit(rows: Rows, row: int, rule: int, left_ns: int, reason: str) -> Finding:
    data = {
        "first_track_id": int(rows.first_id[row]),
        "dwell_s": seconds(max(0, left_ns - int(rows.on_ns[row, rule]))),
        "reason": reason,
    }
    return Finding(rule, rows, [row], data)


def _pairs(mask: BoolArray, columns: frozenset[int], active: BoolArray) -> list[tuple[int, int]]:
    """Return the (row, rule) pairs of a mask (N, R) among some active rules."""
    return [(row, rule) for row, rule in pairs(mask) if rule in columns and active[rule]]
