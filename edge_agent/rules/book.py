"""A camera's rules laid out as arrays, made once and asked each frame.

Columns stand for rules (R, in the order of the file), for zone watches (S) and line watches
(L). A watch is one zone or line, looked at by one anchor point with one settling time: rules
that ask the same share it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_agent.geometry import Homography, Polygons, Polylines
from edge_agent.rules.columns import SLACK_NS, Columns, Floats, Movers, find_columns, find_movers
from edge_agent.settings import Anchor, CameraSettings, RuleKind, RuleSettings
from edge_agent.types import BoolArray, FloatArray, IdArray, Layer, ObjectClass, Point, Ring

#: Kinds that look at the camera, not at its tracks.
CAMERA_KINDS = frozenset({RuleKind.TAMPER, RuleKind.CAMERA_LOST})
#: How long a track must be in or out of a zone before its reports say so.
_REPORTED_SETTLE_S = 0.2
_ANCHORS = tuple(Anchor)

#: A zone or line by its number (-1: the whole picture), the anchor's number, ns to settle.
_Watch = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Watches:
    """W zones or lines, each by an anchor point, with the time that a change must last."""

    place: IdArray  # (W,) number of the zone or line
    anchor: IdArray  # (W,) row of `RuleBook.anchors`
    as_zones: bool  # places are all of them in order, then the whole picture
    wait_ns: IdArray  # (W,) to settle, less the grid's slack


@dataclass(frozen=True, slots=True, eq=False)
class RuleBook:
    """What the rules know of a camera beside its tracks."""

    camera_id: str
    ring: Ring
    layer: Layer
    model_id: str
    classes: tuple[ObjectClass, ...]  # C: what each class_id means
    rules: tuple[RuleSettings, ...]  # R over tracks
    of_camera: tuple[RuleSettings, ...]  # over the camera itself
    anchors: tuple[Anchor, ...]  # those that are asked for
    zone_ids: tuple[str, ...]  # Z
    zones: Polygons  # Z
    zone_watches: Watches  # S; the first Z are all zones by the lower edge, for reports
    lines: Polylines  # L, one for each watch
    line_watches: Watches  # L
    zone_of: IdArray  # (R,) the zone watch of each rule
    line_of: IdArray  # (R,) the line watch of each rule, -1: none
    counts_class: BoolArray  # (C, R)
    min_score: FloatArray  # (R,)
    asks_score: bool  # some rule has one
    min_height: FloatArray  # (R,) 0..1
    asks_height: bool
    for_ns: IdArray  # (R,)
    clear_ns: IdArray  # (R,)
    visit_clear_ns: IdArray  # (R,) an absence shorter than this does not end a visit
    columns: Columns
    movers: Movers
    ground: Homography | None
    zone_m2: Floats  # (Z,) NaN where it is not known


def write_book(
    camera: CameraSettings, *, classes: Sequence[ObjectClass], model_id: str
) -> RuleBook:
    """Return the rules of `camera` for a detector with `classes`."""
    rules = tuple(rule for rule in camera.rules if rule.kind not in CAMERA_KINDS)
    ground = None if camera.ground is None else camera.ground.homography()
    corners = [rule.anchor for rule in rules if rule.anchor is not Anchor.BOTTOM]
    return RuleBook(
        camera_id=camera.id,
        ring=camera.ring,
        layer=camera.layer,
        model_id=model_id,
        classes=tuple(classes),
        rules=rules,
        of_camera=tuple(rule for rule in camera.rules if rule.kind in CAMERA_KINDS),
        anchors=_ANCHORS if corners else (Anchor.BOTTOM,),
        columns=find_columns(rules),
        movers=find_movers(rules, ground),
        ground=ground,
        **_zones(camera, rules, ground),
        **_lines(camera, rules),
        **_limits(rules, classes),
    )


def _zones(
    camera: CameraSettings, rules: Sequence[RuleSettings], ground: Homography | None
) -> dict[str, Any]:
    """Return the zones of a book, and who watches them."""
    zones = camera.zone_polygons()
    names = [name for name, _ in zones]
    reported: list[_Watch] = [(z, 0, round(_REPORTED_SETTLE_S * 1e9)) for z in range(len(zones))]
    watched = [_watch(rule, rule.zone, names) for rule in rules]
    watches = list(dict.fromkeys(reported + watched))
    return {
        "zone_ids": tuple(names),
        "zones": Polygons([polygon for _, polygon in zones]),
        "zone_watches": _laid_out(watches),
        "zone_of": np.array([watches.index(watch) for watch in watched], np.int64),
        "zone_m2": np.array([_area_m2(polygon, ground) for _, polygon in zones], np.float64),
    }


def _lines(camera: CameraSettings, rules: Sequence[RuleSettings]) -> dict[str, Any]:
    """Return the lines of a book that rules ask for, and who watches them."""
    lines = camera.line_points()
    names = [name for name, _ in lines]
    crossed = [None if rule.line is None else _watch(rule, rule.line, names) for rule in rules]
    watches = list(dict.fromkeys(watch for watch in crossed if watch is not None))
    return {
        "lines": Polylines([lines[place][1] for place, _, _ in watches]),
        "line_watches": _laid_out(watches),
        "line_of": np.array([-1 if w is None else watches.index(w) for w in crossed], np.int64),
    }


def _limits(rules: Sequence[RuleSettings], classes: Sequence[ObjectClass]) -> dict[str, Any]:
    """Return whom the rules of a book count, and their times."""
    counts = [[_counts(rule, one) for rule in rules] for one in classes]
    loiter = (r.cleared_s if r.kind is RuleKind.LOITERING else 0.0 for r in rules)
    min_score = np.array([rule.min_score or 0.0 for rule in rules], np.float32)
    min_height = np.array([rule.min_height_norm for rule in rules], np.float32)
    return {
        "counts_class": np.array(counts, np.bool_).reshape(len(classes), len(rules)),
        "min_score": min_score,
        "asks_score": bool(min_score.any()),
        "min_height": min_height,
        "asks_height": bool(min_height.any()),
        "for_ns": _ns(rule.held_s for rule in rules),
        "clear_ns": _ns(rule.cleared_s for rule in rules),
        "visit_clear_ns": _ns(loiter),
    }


def _watch(rule: RuleSettings, name: str | None, names: list[str]) -> _Watch:
    if name is None:  # the whole picture has no border to settle at
        return -1, _ANCHORS.index(rule.anchor), 0
    return names.index(name), _ANCHORS.index(rule.anchor), round(rule.settle_s * 1e9)


def _laid_out(watches: list[_Watch]) -> Watches:
    table = np.array(watches, np.int64).reshape(-1, 3)
    place = table[:, 0].copy()
    in_order = [*range(len(place) - 1), -1]
    return Watches(place, table[:, 1].copy(), place.tolist() == in_order, table[:, 2] - SLACK_NS)


def _ns(seconds: Iterable[float]) -> IdArray:
    return np.array([round(s * 1e9) for s in seconds], np.int64)


def _counts(rule: RuleSettings, one: ObjectClass) -> bool:
    whole = f"{one.name}/{one.subclass}"
    return one.name in rule.counted or whole in rule.counted


def _area_m2(polygon: Sequence[Point], ground: Homography | None) -> float:
    """Return the area on the ground, NaN where it is not known or reaches the horizon."""
    if ground is None:
        return float("nan")
    x, y = ground.to_ground(np.array(polygon, np.float64)).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
