"""Which row of the table a track's id belongs to, also after its id was lost.

A track that vanishes in the middle of the picture was more likely lost than gone. Its row waits
for `WAIT_NS`; a new track of its class that begins near where it was last seen, late enough and
of about its size, takes the row over: it is the same body. So it does while the old track is
hidden and lives on its prediction: a body that turns sharply, or sets off, is often lost thus.
What vanished at the picture's edge has left, and what begins there has come.
"""

from math import hypot

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.columns import Floats
from edge_agent.rules.rows import Blank, Rows, join, part, put, renew, take
from edge_agent.types import BoolArray, FrameRef, IdArray, Tracks

WAIT_NS = 3_000_000_000
#: How far a body may be from where it was last seen, in heights of its box: at once, a second
#: more, at most. A walker makes less than one height a second, a runner two.
_NEAR, _NEAR_A_SECOND, _NEAR_MOST = 0.5, 1.5, 2.5
_APART_MOST_S = 10.0
_SIZE = 2.0  # times as high, or as low, at most
_EDGE = 0.01  # of the picture: a box this close to its edge touches it
#: What a new id keeps of its own when it takes a row over.
_OWN = frozenset({"track_id", "since_ns", "gone_ns", "first_wall_ns", "seen_ns", "box"})
#: What a row keeps when it begins anew.
_ITSELF = frozenset({"track_id", "class_id"})


def follow(
    rows: Rows, gone: Rows, blank: Blank, tracks: Tracks, boxes: Floats, book: RuleBook
) -> tuple[Rows, Rows, Rows]:
    """Return the rows of the confirmed tracks in their order, those that wait, those given up.

    Args: `boxes` (M, 4) of all `tracks`, in 0..1. Rows that have just
    vanished wait with `gone_ns` now; one is given up once it waited, or left at the edge.
    """
    now = tracks.ref.pts_ns
    sure = tracks.confirmed
    ids = tracks.track_id if np.count_nonzero(sure) == len(sure) else tracks.track_id[sure]
    over = blank.none
    if len(ids) != len(rows) or np.count_nonzero(ids != rows.track_id):
        vanished = ~_among(rows.track_id, ids)
        if vanished.any():
            rows.gone_ns[vanished] = now
            left = vanished & _at_edge(rows.box)
            over = take(rows, left) if left.any() else over
            waits = vanished & ~left
            if waits.any():
                gone = join(gone, take(rows, waits)) if len(gone) else take(rows, waits)
        hides = _among(rows.track_id, tracks.track_id[sure & (tracks.det_row < 0)])
        lost = join(gone, take(rows, hides)) if np.count_nonzero(hides) else gone
        rows, taken = _arrange(rows, lost, blank, ids, tracks, boxes, book)
        if taken:
            hidden = lost.track_id[[j for j in taken if j >= len(gone)]]
            _forget(rows, hidden, blank, tracks.ref.pts_ns)
            gone = take(gone, np.setdiff1d(np.arange(len(gone)), taken))
    if not len(gone) or now - gone.gone_ns[0] < WAIT_NS:  # the first has waited longest
        return rows, gone, over
    waited = int(np.count_nonzero(now - gone.gone_ns >= WAIT_NS))
    given_up, rest = part(gone, 0, waited), part(gone, waited, len(gone))
    return rows, rest, join(over, given_up) if len(over) else given_up


def _arrange(
    rows: Rows,
    gone: Rows,
    blank: Blank,
    ids: IdArray,
    tracks: Tracks,
    boxes: Floats,
    book: RuleBook,
) -> tuple[Rows, list[int]]:
    """Return a row for each of `ids`, and which rows of `gone` were taken over."""
    stay = _among(rows.track_id, ids)
    fresh = ids[~_among(ids, rows.track_id)]
    if not len(fresh):
        return take(rows, stay), []
    if len(rows):
        both = renew(rows, stay, len(fresh), blank.one)
    else:
        both = take(blank.one, np.zeros(len(fresh), np.int64))
    first, at = len(both) - len(fresh), np.searchsorted(tracks.track_id, fresh)
    both.track_id[first:] = both.first_id[first:] = fresh
    both.since_ns[first:] = tracks.ref.pts_ns
    both.seen_ns[first:] = tracks.last_pts_ns[at]
    both.class_id[first:] = tracks.class_id[at]
    both.box[first:] = boxes[at]
    taken: list[int] = []
    for row, first_ns in enumerate(tracks.first_pts_ns[at].tolist(), first):
        heir = _kin(both, row, gone, tracks.ref, first_ns, taken, book)
        if heir is None:
            continue
        taken.append(heir)
        same = gone.track_id[heir] == both.track_id[row]
        own = _OWN - {"since_ns", "first_wall_ns"} if same else _OWN
        put(both, row, gone, heir, but=own)
    if np.count_nonzero(np.diff(both.track_id) <= 0) == 0:  # ids rise: the new ones come last
        return both, taken
    return take(both, np.argsort(both.track_id, kind="stable")), taken


def _forget(rows: Rows, ids: IdArray, blank: Blank, now: int) -> None:
    """Let the rows of hidden `ids` begin anew: their bodies have gone on under other ids."""
    for row in np.searchsorted(rows.track_id, ids).tolist():
        put(rows, row, blank.one, 0, but=_ITSELF)
        rows.first_id[row], rows.since_ns[row] = rows.track_id[row], now


def _among(ids: IdArray, rising: IdArray) -> BoolArray:
    """Return (N,) which of `ids` are among some `rising` ones."""
    if not len(rising):
        return np.zeros(len(ids), np.bool_)
    place = np.minimum(np.searchsorted(rising, ids), len(rising) - 1)
    found: BoolArray = rising[place] == ids
    return found


def _kin(
    fresh: Rows, i: int, gone: Rows, ref: FrameRef, first_ns: int, taken: list[int], book: RuleBook
) -> int | None:
    """Return the row of `gone` that the new row `i`, first seen at `first_ns`, goes on with."""
    best, found = float("inf"), None
    name, aspect = book.classes[fresh.class_id[i]].name, ref.wh[0] / ref.wh[1]
    box = fresh.box[i]
    for j in range(len(gone)):
        if j in taken:
            continue
        if gone.track_id[j] == fresh.track_id[i]:
            return j
        apart_s = (first_ns - gone.seen_ns[j]) / 1e9
        if not 0 < apart_s < _APART_MOST_S or book.classes[gone.class_id[j]].name != name:
            continue
        distance = _distance(gone.box[j], box, aspect)
        went_s = (ref.pts_ns - gone.seen_ns[j]) / 1e9  # the new box is that of now
        reach = min(_NEAR + _NEAR_A_SECOND * went_s, _NEAR_MOST)
        if distance <= reach and distance < best:
            best, found = distance, j
    if found is None or _at_edge(box[None])[0] or _at_edge(gone.box[found][None])[0]:
        return None
    return found


def _distance(old: Floats, new: Floats, aspect: float) -> float:
    """Return how far apart two bodies stand, in heights of the old one; inf if unlike in size."""
    height, other = old[3] - old[1], new[3] - new[1]
    if not (height > 0 and 1 / _SIZE <= other / height <= _SIZE):
        return float("inf")
    dx, dy = (old[0] + old[2] - new[0] - new[2]) / 2 * aspect, old[3] - new[3]
    return float(hypot(dx, dy) / height)


def _at_edge(box: Floats) -> BoolArray:
    left, top, right, bottom = box.T
    touches: BoolArray = (left < _EDGE) | (top < _EDGE)
    touches |= (right > 1 - _EDGE) | (bottom > 1 - _EDGE)
    return touches
