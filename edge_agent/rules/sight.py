"""One look at a frame, shared by all rules: boxes, zones, visits, rest, places."""

import numpy as np

from edge_agent.rules.book import SLACK_NS, Floats, RuleBook
from edge_agent.rules.rows import NEVER, Rows
from edge_agent.settings import Anchor, RuleKind
from edge_agent.types import BoolArray, IdArray, Tracks

#: A track's zones are looked up again when its anchor point has moved by this part of its box's
#: width or height: what stands on a border is not in and out with the jitter of its box.
_STEP = 0.1
#: Of a box's size, from which a body has left the place where it rested; twice on end.
_STRAY = 0.25
#: Places for speed and direction are kept this far apart.
_SPOT_NS = 100_000_000
_MOVING = (
    RuleKind.SPEED, RuleKind.RUNNING, RuleKind.DIRECTION, RuleKind.WRONG_WAY, RuleKind.QUEUE,
)  # fmt: skip
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
    every = bool(sure.all())
    matched = tracks.det_row >= 0
    score, class_id, still = tracks.score, tracks.class_id, tracks.stationary
    if not every:
        boxes, matched, score = boxes[sure], matched[sure], score[sure]
        class_id, still = class_id[sure], still[sure]
    rows.matched, rows.still, rows.class_id = matched, still, class_id
    rows.seen_ns[matched] = now
    np.copyto(rows.box, boxes, where=matched[:, None])
    rows.places = _anchor_places(rows.box, book)
    rows.score = score
    rows.best = np.maximum(rows.best, score)
    stops = book.of(RuleKind.STOPPED)
    if len(stops):
        left = _rest(rows, now, tracks.ref.wh[0] / tracks.ref.wh[1])
        if np.count_nonzero(left):
            rows.told[left.nonzero()[0][:, None], stops] = False
    if len(book.of(*_MOVING)):
        _spot(rows, now)


def _rest(rows: Rows, now: int, aspect: float) -> BoolArray:
    """Return (N,) who has just left the place where it rested."""
    feet, box = rows.feet, rows.box
    dx, dy = (feet - rows.rest_at).T
    size2 = (box[:, 2] - box[:, 0]) * aspect * (box[:, 3] - box[:, 1])
    near = (dx * aspect) ** 2 + dy**2 <= _STRAY**2 * size2  # false where it never rested
    far = rows.matched & ~near & ~rows.still
    left: BoolArray = far & (rows.strayed | (rows.rest_ns == NEVER))
    rows.strayed = np.where(rows.matched, far, rows.strayed)
    begins = left | ((rows.rest_ns == NEVER) & rows.matched)
    np.copyto(rows.rest_at, feet, where=begins[:, None])
    np.copyto(rows.rest_ns, now, where=begins)
    return left


def _spot(rows: Rows, now: int) -> None:
    """Keep the places of the matched, none where the picture's edge cuts the box."""
    newest = rows.spot_ns[:, -1]
    due = rows.matched & ((now - newest >= _SPOT_NS - SLACK_NS) | (newest == NEVER))
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
    size = rows.box[:, 2:] - rows.box[:, :2]
    step = np.abs(places - rows.looked) >= _STEP * size[:, None]  # false where never looked
    moved = step[:, :, 0] | step[:, :, 1] | fresh[:, None]  # (N, A); not where unmatched
    if np.count_nonzero(moved):
        np.copyto(rows.looked, places, where=moved[:, :, None])
        raw = _inside(places, book)
        rows.raw = np.where(moved[:, watches.anchor], raw, rows.raw)
        if np.count_nonzero(fresh):
            rows.born_in[fresh] = rows.raw[fresh]
        rows.born_in &= rows.raw | rows.inside
    _settle(rows, now, watches.settle_ns)


def _inside(places: Floats, book: RuleBook) -> BoolArray:
    """Return (N, S) whether the places (N, A, 2) lie in what each watch looks at."""
    n, anchors, _ = places.shape
    found = book.zones.contain(places.reshape(-1, 2)).reshape(n, anchors, -1)
    if book.zones_as_watched:
        return found[:, 0]
    everywhere = np.ones((n, anchors, 1), np.bool_)  # place -1: the whole picture
    found = np.concatenate([found, everywhere], axis=2)
    watches = book.zone_watches
    return found[:, watches.anchor, watches.place]


def _settle(rows: Rows, now: int, settle_ns: IdArray) -> None:
    differs = rows.raw != rows.inside
    if not np.count_nonzero(differs):
        rows.turned_ns.fill(NEVER)
        return
    begun = differs & (rows.turned_ns == NEVER)
    turned = np.where(begun, now, rows.turned_ns)
    turned[~differs] = NEVER
    flips = differs & rows.matched[:, None] & (now - turned >= settle_ns - SLACK_NS)
    if np.count_nonzero(flips):
        rows.inside = rows.inside ^ flips
        rows.inside_ns = np.where(flips, turned, rows.inside_ns)
        rows.born_in &= rows.raw | rows.inside
        turned[flips] = NEVER
    rows.turned_ns = turned


def _visit(rows: Rows, now: int, book: RuleBook) -> tuple[BoolArray, BoolArray]:
    """Note who visits, by each rule; return (N, R) which visits began and which ended."""
    inside = rows.inside.take(book.zone_of, axis=1)
    counted = book.counts_class.take(rows.class_id, axis=0)
    counted &= rows.best[:, None] >= book.min_score
    counted &= rows.height[:, None] >= book.min_height
    was = rows.on
    on = inside & (was | counted)
    outside = was & ~inside
    if np.count_nonzero(outside):
        rows.out_ns = np.where(outside, np.where(rows.out_ns == NEVER, now, rows.out_ns), NEVER)
        on |= outside & (now - rows.out_ns < book.visit_clear_ns)
    else:
        rows.out_ns.fill(NEVER)
    began, ended = on & ~was, was & ~on
    if np.count_nonzero(began):
        rows.on_ns = np.where(began, rows.inside_ns[:, book.zone_of], rows.on_ns)
        rows.told &= ~began
        rows.held_ns = np.where(began, NEVER, rows.held_ns)
    rows.on = on
    return began, ended
