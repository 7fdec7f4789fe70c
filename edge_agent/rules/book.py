"""A camera's rules laid out as arrays, made once and asked each frame.

Columns stand for rules (R, in the order of the file), for zone watches (S) and line watches
(L). A watch is one zone or line, looked at by one anchor point with one settling time: rules
that ask the same share it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_agent.geometry import Homography, Polygons, Polylines
from edge_agent.settings import Anchor, CameraSettings, RuleKind, RuleSettings
from edge_agent.settings.rules import RUNNING_KMH
from edge_agent.types import BoolArray, FloatArray, IdArray, Layer, ObjectClass, Point, Ring

#: Frames on a grid come a few nanoseconds early; what is due with them is due.
SLACK_NS = 5_000_000
#: Kinds that look at the camera, not at its tracks.
CAMERA_KINDS = frozenset({RuleKind.TAMPER, RuleKind.CAMERA_LOST})
#: How long a track must be in or out of a zone before its reports say so.
_REPORTED_SETTLE_S = 0.2
_ANCHORS = tuple(Anchor)
_SENSE = {RuleKind.DIRECTION: 1.0, RuleKind.WRONG_WAY: -1.0}

Floats = NDArray[np.float64]
#: A zone or line by its number (-1: the whole picture), the anchor's number, ns to settle.
_Watch = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Watches:
    """W zones or lines, each by an anchor point, with the time that a change must last."""

    place: IdArray  # (W,) number of the zone or line
    anchor: IdArray  # (W,) row of `RuleBook.anchors`
    settle_ns: IdArray  # (W,)


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
    zones_as_watched: bool  # the zone watches are the zones, in their order, by one anchor
    zone_watches: Watches  # S; the first Z are all zones by the lower edge, for reports
    lines: Polylines  # L, one for each watch
    line_watches: Watches  # L
    zone_of: IdArray  # (R,) the zone watch of each rule
    line_of: IdArray  # (R,) the line watch of each rule, -1: none
    counts_class: BoolArray  # (C, R)
    min_score: FloatArray  # (R,)
    min_height: FloatArray  # (R,) 0..1
    for_ns: IdArray  # (R,)
    clear_ns: IdArray  # (R,)
    visit_clear_ns: IdArray  # (R,) an absence shorter than this does not end a visit
    over_kmh: Floats  # (R,) NaN: not asked
    sense: Floats  # (R,) 1 along the arrow, -1 against it, 0: no arrow
    least_cosine: Floats  # (R,) of the angle to the arrow
    arrows: Floats  # (R, 2) from an arrow's tail to its head in the picture, NaN: none
    arrows_m: Floats  # (R, 2) the same in metres, NaN where it is not known
    ground: Homography | None
    zone_m2: Floats  # (Z,) NaN where it is not known
    _columns: dict[tuple[RuleKind, ...], IdArray] = field(default_factory=dict)

    def of(self, *kinds: RuleKind) -> IdArray:
        """Return the columns of the rules of `kinds`."""
        columns = self._columns.get(kinds)
        if columns is None:
            found = [i for i, rule in enumerate(self.rules) if rule.kind in kinds]
            columns = self._columns[kinds] = np.array(found, np.int64)
        return columns


def write_book(
    camera: CameraSettings, *, classes: Sequence[ObjectClass], model_id: str
) -> RuleBook:
    """Return the rules of `camera` for a detector with `classes`."""
    rules = tuple(rule for rule in camera.rules if rule.kind not in CAMERA_KINDS)
    zones, lines = camera.zone_polygons(), camera.line_points()
    zone_ids, line_ids = [zone_id for zone_id, _ in zones], [line_id for line_id, _ in lines]
    reported: list[_Watch] = [(z, 0, round(_REPORTED_SETTLE_S * 1e9)) for z in range(len(zones))]
    watched = [_watch(rule, rule.zone, zone_ids) for rule in rules]
    crossed = [_watch(rule, rule.line, line_ids) for rule in rules if rule.line is not None]
    zone_watches, line_watches = list(dict.fromkeys(reported + watched)), list(
        dict.fromkeys(crossed)
    )  # fmt: skip
    ground = None if camera.ground is None else camera.ground.homography()
    return RuleBook(
        camera_id=camera.id,
        ring=camera.ring,
        layer=camera.layer,
        model_id=model_id,
        classes=tuple(classes),
        rules=rules,
        of_camera=tuple(rule for rule in camera.rules if rule.kind in CAMERA_KINDS),
        anchors=_ANCHORS if any(rule.anchor is not Anchor.BOTTOM for rule in rules)
        else (Anchor.BOTTOM,),
        zone_ids=tuple(zone_ids),
        zones=Polygons([polygon for _, polygon in zones]),
        zones_as_watched=zone_watches == reported,
        zone_watches=_laid_out(zone_watches),
        lines=Polylines([lines[place][1] for place, _, _ in line_watches]),
        line_watches=_laid_out(line_watches),
        zone_of=np.array([zone_watches.index(watch) for watch in watched], np.int64),
        line_of=np.array(
            [-1 if rule.line is None
             else line_watches.index(_watch(rule, rule.line, line_ids)) for rule in rules],
            np.int64,
        ),
        counts_class=np.array(
            [[_counts(rule, one) for rule in rules] for one in classes], np.bool_
        ).reshape(len(classes), len(rules)),
        min_score=np.array([rule.min_score or 0.0 for rule in rules], np.float32),
        min_height=np.array([rule.min_height_norm for rule in rules], np.float32),
        for_ns=_ns(rule.held_s for rule in rules),
        clear_ns=_ns(rule.cleared_s for rule in rules),
        visit_clear_ns=_ns(
            rule.cleared_s if rule.kind is RuleKind.LOITERING else 0.0 for rule in rules
        ),
        over_kmh=np.array([_over_kmh(rule) for rule in rules], np.float64),
        sense=np.array([_SENSE.get(rule.kind, 0.0) for rule in rules], np.float64),
        least_cosine=np.cos(np.radians([rule.tolerance_deg for rule in rules])),
        arrows=np.array([_arrow(rule, None) for rule in rules]).reshape(-1, 2),
        arrows_m=np.array([_arrow(rule, ground) for rule in rules]).reshape(-1, 2),
        ground=ground,
        zone_m2=np.array([_area_m2(polygon, ground) for _, polygon in zones], np.float64),
    )  # fmt: skip


def _watch(rule: RuleSettings, name: str | None, names: list[str]) -> _Watch:
    if name is None:  # the whole picture has no border to settle at
        return -1, _ANCHORS.index(rule.anchor), 0
    return names.index(name), _ANCHORS.index(rule.anchor), round(rule.settle_s * 1e9)


def _laid_out(watches: list[_Watch]) -> Watches:
    table = np.array(watches, np.int64).reshape(-1, 3)
    return Watches(table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy())


def _ns(seconds: Iterable[float]) -> IdArray:
    return np.array([round(s * 1e9) for s in seconds], np.int64)


def _counts(rule: RuleSettings, one: ObjectClass) -> bool:
    whole = f"{one.name}/{one.subclass}"
    return one.name in rule.counted or whole in rule.counted


def _over_kmh(rule: RuleSettings) -> float:
    if rule.over_kmh is None:
        return RUNNING_KMH if rule.kind is RuleKind.RUNNING else float("nan")
    return rule.over_kmh


def _arrow(rule: RuleSettings, ground: Homography | None) -> Floats:
    """Return (2,) the way along a rule's arrow, in metres where a `ground` is given."""
    if rule.arrow is None:
        return np.full(2, np.nan)
    ends = np.array(rule.arrow, np.float64)
    tail, head = ends if ground is None else ground.to_ground(ends)
    way: Floats = head - tail
    return way


def _area_m2(polygon: Sequence[Point], ground: Homography | None) -> float:
    """Return the area on the ground, NaN where it is not known or reaches the horizon."""
    if ground is None:
        return float("nan")
    x, y = ground.to_ground(np.array(polygon, np.float64)).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
