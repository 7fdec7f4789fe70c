"""Lines: who crossed one, which way, and not by the jitter of a box.

A track stands clear of a line where it is further from it than a tenth of its box's height. It
crosses where the straight way between two clear places goes through the line; the crossing
counts once it has lasted for the rule's settling time, or if the track is lost before. One
that turns back meanwhile did not cross.
"""

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.columns import Floats
from edge_agent.rules.findings import Finding, pairs
from edge_agent.rules.rows import Rows
from edge_agent.settings import Way
from edge_agent.types import BoolArray, Tracks

_CLEAR = 0.1  # of the box's height


def find_crossings(
    rows: Rows, lost: Rows, tracks: Tracks, book: RuleBook, active: BoolArray
) -> list[Finding]:
    """Return who crossed a line in this frame; `lost` are rows that have just vanished."""
    if not len(book.lines):
        return []
    found = _tell(lost, lost.crossed != 0, book, active) if len(lost) else []
    if not np.count_nonzero(rows.matched):
        return found
    now, aspect = tracks.ref.pts_ns, tracks.ref.wh[0] / tracks.ref.wh[1]
    places = rows.places  # (N, 1, 2) or (N, L, 2)
    if places.shape[1] > 1:
        places = places[:, book.line_watches.anchor]
    reach = _CLEAR * rows.height[:, None]
    near = book.lines.near(rows.clear_at, places, reach, aspect)
    near &= rows.matched[:, None]
    clear = near ^ rows.matched[:, None]
    for row, line in pairs(near):
        clear[row, line] = _cross(rows, row, line, places, aspect, now, book)
    np.copyto(rows.clear_at, places, where=clear[:, :, None])
    if not np.count_nonzero(rows.crossed):
        return found
    due = clear & (rows.crossed != 0)
    due &= rows.crossed_ns <= now - book.line_watches.wait_ns
    if np.count_nonzero(due):
        found += _tell(rows, due, book, active)
        rows.crossed[due] = 0
    return found


def _cross(
    rows: Rows, row: int, line: int, places: Floats, aspect: float, now: int, book: RuleBook
) -> bool:
    """Follow a row that is near a line; return whether it is clear of it."""
    polyline = book.lines.lines[line]
    x, y = places[row, line if places.shape[1] > 1 else 0].tolist()
    height = float(rows.size[row, 1])
    if polyline.distance((x, y), aspect) < _CLEAR * height:
        return False
    before_x, before_y = rows.clear_at[row, line].tolist()
    way = polyline.cross((before_x, before_y), (x, y)) if before_x == before_x else 0
    if way and rows.crossed[row, line] == 0:
        rows.crossed[row, line], rows.crossed_ns[row, line] = way, now
    elif way == -rows.crossed[row, line]:
        rows.crossed[row, line] = 0
    return True


def _tell(rows: Rows, due: BoolArray, book: RuleBook, active: BoolArray) -> list[Finding]:
    """Return a finding for each rule that asks for a crossing that is `due` (N, L)."""
    if not np.count_nonzero(due):
        return []
    found = []
    for row, line in pairs(due):
        way = Way.A_TO_B if rows.crossed[row, line] > 0 else Way.B_TO_A
        height = float(rows.box[row, 3] - rows.box[row, 1])
        for rule in book.columns.crossing:
            asked = book.rules[rule]
            if book.line_of[rule] != line or not active[rule] or asked.way not in (way, Way.BOTH):
                continue
            is_counted = book.counts_class[rows.class_id[row], rule]
            if (
                is_counted
                and rows.best[row] >= book.min_score[rule]
                and (height >= asked.min_height_norm)
            ):
                data = {"line": asked.line, "way": way.value}
                found.append(Finding(rule, rows, [row], data))
    return found
