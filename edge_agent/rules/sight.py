"""One look at a frame, shared by all rules: boxes, zones, visits, rest, places."""

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.columns import SLACK_NS, Floats
from edge_agent.rules.rows import FAR, NEVER, Rows
from edge_agent.settings import Anchor
from edge_agent.types import BoolArray, IdArray, Tracks

#: A track's zones are looked up again when its anchor point has moved by this part of its box's
#: width or height: what stands on a border is not in and out with the jitter of its box.
_STEP = 0.1
#: Of a box's size, from which a body has left the place where it rested; twice on end.
_STRAY = 0.25
#: Places for speed and direction are kept this far apart.
_SPOT_NS = 100_000_000
_CUT = 0.995  # a box that reaches further down is cut off: its lower edge is no foot


def boxes_norm(tracks: Tracks) -> Floats:
    """Return (M, 4) boxes in 0..1; what lies outside of the picture is cut off."""
    width, height = tracks.ref.wh
    boxes: Floats = tracks.xyxy / np.array((width, height, width, height), np.float64)
    np.maximum(boxes, 0, out=boxes)
    return np.minimum(boxes, 1, out=boxes)


def observe(rows: Rows, tracks: Tracks, boxes: Floats, book: RuleBook) -> tuple[BoolArray, ...]:
    """Bring `rows` (N, the confirmed tracks) up to the frame.

    Args: `boxes` (M, 4) of all `tracks`.
    Returns: (N, R) which visits began, and which ended, in this frame.
    """
    _see(rows, tracks, boxes, book)
    _settle_zones(rows, tracks.ref.pts_ns, book)
    return _visit(rows, tracks.ref.pts_ns, book)


def _anchor_places(box: Floats, book: RuleBook) -> Floats:
    """Return (N, A, 2) the anchor points of boxes (N, 4), in 0..1."""
    places: Floats = np.empty((len(box), len(book.anchors), 2))
    places[:, :, 0] = ((box[:, 0] + box[:, 2]) / 2)[:, None]
    for a, anchor in enumerate(book.anchors):
        if anchor is Anchor.BOTTOM:
            places[:, a, 1] = box[:, 3]
        elif anchor is Anchor.TOP:
            places[:, a, 1] = box[:, 1]
        else:
            places[:, a, 1] = (box[:, 1] + box[:, 3]) / 2
    return places


def _see(rows: Rows, tracks: Tracks, boxes: Floats, book: RuleBook) -> None:
    """Take boxes, classes and scores; note who rests and where who was."""
    now = tracks.ref.pts_ns
    sure = tracks.confirmed
    every = np.count_nonzero(sure) == len(sure)
    matched = tracks.det_row >= 0
    score, class_id, still = tracks.score, tracks.class_id, tracks.stationary
    if not every:
        boxes, matched, score = boxes[sure], matched[sure], score[sure]
        class_id, still = class_id[sure], still[sure]
    rows.matched, rows.still, rows.class_id = matched, still, class_id
    rows.seen_ns[matched] = now
    np.copyto(rows.box, boxes, where=matched[:, None])
    rows.size = rows.box[:, 2:] - rows.box[:, :2]
    rows.places = _anchor_places(rows.box, book)
    rows.score = score
    rows.best = np.maximum(rows.best, score)
    stops = book.columns.stopped
    if len(stops):
        left = _rest(rows, now, tracks.ref.wh[0] / tracks.ref.wh[1])
        if np.count_nonzero(left):
            rows.told[left.nonzero()[0][:, None], stops] = False
    if book.columns.follows:
        _spot(rows, now)


def _rest(rows: Rows, now: int, aspect: float) -> BoolArray:
    """Return (N,) who has just left the place where it rested."""
    feet, size = rows.feet, rows.size
    away = feet - rows.rest_at
    away *= away
    reach2 = size[:, 0] * size[:, 1]
    reach2 *= _STRAY**2 * aspect
    near = away @ (aspect**2, 1.0) <= reach2  # false where it never rested
    near |= rows.still
    far = rows.matched & ~near
    never = rows.rest_ns == NEVER
    left: BoolArray = far & (rows.strayed | never)
    np.copyto(rows.strayed, far, where=rows.matched)
    begins = left | (never & rows.matched)
    np.copyto(rows.rest_at, feet, where=begins[:, None])
    np.copyto(rows.rest_ns, now, where=begins)
    return left


def _spot(rows: Rows, now: int) -> None:
    """Keep the places of the matched, none where the picture's edge cuts the box."""
    newest = rows.spot_ns[:, -1]
    due = rows.matched & (newest <= now - _SPOT_NS + SLACK_NS)
    due &= rows.box[:, 3] < _CUT
    np.copyto(rows.spots[:, :-1], rows.spots[:, 1:], where=due[:, None, None])
    np.copyto(rows.spot_ns[:, :-1], rows.spot_ns[:, 1:], where=due[:, None])
    np.copyto(rows.spots[:, -1], rows.feet, where=due[:, None])
    np.copyto(rows.spot_ns[:, -1], now, where=due)


def _settle_zones(rows: Rows, now: int, book: RuleBook) -> None:
    """Look up the zones of what moved; a change counts once it has lasted."""
    watches = book.zone_watches
    if not len(watches.place):
        return
    places = rows.places
    fresh = np.isnan(rows.looked[:, 0, 0])
    gone = places - rows.looked
    np.abs(gone, out=gone)
    step = gone >= (_STEP * rows.size)[:, None]  # false where never looked
    moved = step[:, :, 0] | step[:, :, 1]  # (N, A); not where unmatched
    moved |= fresh[:, None]
    if np.count_nonzero(moved):
        np.copyto(rows.looked, places, where=moved[:, :, None])
        seen_by = moved if moved.shape[1] == 1 else moved[:, watches.anchor]
        np.copyto(rows.raw, _inside(places, book), where=seen_by)
        if np.count_nonzero(fresh):
            rows.born_in[fresh] = rows.raw[fresh]
        rows.born_in &= rows.raw | rows.inside
    _settle(rows, now - watches.wait_ns, now)


def _inside(places: Floats, book: RuleBook) -> BoolArray:
    """Return (N, S) whether the places (N, A, 2) lie in what each watch looks at."""
    n, anchors, _ = places.shape
    zones, watches = len(book.zones), book.zone_watches
    found = np.ones((n, anchors, zones + 1), np.bool_)  # the last, -1: the whole picture
    found[:, :, :zones] = book.zones.contain(places.reshape(-1, 2)).reshape(n, anchors, zones)
    if anchors == 1:
        return found[:, 0] if watches.as_zones else found[:, 0].take(watches.place, axis=1)
    return found[:, watches.anchor, watches.place]


def _settle(rows: Rows, before_ns: IdArray, now: int) -> None:
    """Take over what has been otherwise since `before_ns` (S,) or longer."""
    differs = rows.raw != rows.inside
    if not np.count_nonzero(differs):
        rows.turned_ns.fill(FAR)
        return
    turned = np.where(differs, np.minimum(rows.turned_ns, now), FAR)
    flips = turned <= before_ns
    flips &= rows.matched[:, None]
    if np.count_nonzero(flips):
        rows.inside ^= flips
        np.copyto(rows.inside_ns, turned, where=flips)
        rows.born_in &= rows.raw | rows.inside
        turned[flips] = FAR
    rows.turned_ns = turned


def _visit(rows: Rows, now: int, book: RuleBook) -> tuple[BoolArray, BoolArray]:
    """Note who visits, by each rule; return (N, R) which visits began and which ended."""
    inside = rows.inside.take(book.zone_of, axis=1)
    was, on = rows.on, book.counts_class.take(rows.class_id, axis=0)
    if book.asks_score:
        on &= rows.best[:, None] >= book.min_score
    if book.asks_height:
        on &= rows.height[:, None] >= book.min_height
    on |= was
    on &= inside
    outside = was > inside
    if np.count_nonzero(outside):
        rows.out_ns = np.where(outside, np.minimum(rows.out_ns, now), FAR)
        on |= outside & (rows.out_ns > now - book.visit_clear_ns)
    else:
        rows.out_ns.fill(FAR)
    began, ended = on > was, was > on
    if np.count_nonzero(began):
        np.copyto(rows.on_ns, rows.inside_ns.take(book.zone_of, axis=1), where=began)
        rows.told &= ~began
        rows.held_ns[began.take(book.movers.columns, axis=1)] = FAR
    rows.on = on
    return began, ended
