"""What is known of each track of a camera, brought up to date frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_agent.geometry import Polygons, anchor_points
from edge_agent.rules.path import Path
from edge_agent.types import FloatArray, Point, Tracks

#: A track's zones are looked up again when its anchor point has moved by this part of its box's
#: width or height: what stands on a border is not in and out with the jitter of its box.
ZONE_STEP = 0.1

Zone = tuple[str, tuple[Point, ...]]


@dataclass(slots=True)
class Life:
    """One track. Boxes and points are in 0..1 of the picture and of the last matched frame."""

    first_wall_ns: int  # of the frame in which it was first seen, before it was confirmed
    first_pts_ns: int
    last_pts_ns: int = -1  # of the last matched detection
    xyxy: list[float] = field(default_factory=list)
    score: float = 0.0
    best_score: float = 0.0
    class_id: int = -1
    stationary: bool = False
    zones: tuple[str, ...] = ()
    zones_at: Point | None = None  # the anchor point when they were last looked up
    path: Path = field(default_factory=Path)
    confirmed: bool = False
    started: bool = False
    told_pts_ns: int = -1  # of the frame in which it was last told
    changed: bool = False  # stationary, zones or class changed since then


def observe(
    lives: dict[int, Life], newest_id: int, tracks: Tracks, zones: Sequence[Zone], areas: Polygons
) -> int:
    """Bring `lives` up to this frame and return the newest id; drops none.

    `areas` are the polygons of `zones`.
    Ids only rise: one that is neither among `lives` nor above `newest_id` is dead.
    """
    ref = tracks.ref
    boxes = _norm(tracks)
    anchors = anchor_points(boxes)
    points, xyxy, first = anchors.tolist(), boxes.tolist(), tracks.first_pts_ns.tolist()
    rows = zip(
        tracks.track_id.tolist(),
        tracks.det_row.tolist(),
        tracks.last_pts_ns.tolist(),
        tracks.score.tolist(),
        tracks.class_id.tolist(),
        tracks.stationary.tolist(),
        tracks.confirmed.tolist(),
        strict=True,
    )
    moved = []
    for i, (track_id, det_row, last, score, class_id, stationary, confirmed) in enumerate(rows):
        life = lives.get(track_id)
        if life is None:
            if track_id <= newest_id:
                continue
            newest_id = track_id
            life = lives[track_id] = Life(ref.wall_ns, first[i])
        if det_row >= 0 or not life.xyxy:
            point = (points[i][0], points[i][1])
            life.last_pts_ns, life.xyxy, life.score = last, xyxy[i], score
            life.best_score = max(life.best_score, score)
            life.path.add(point)
            if zones and not life.stationary and _has_moved(life, point):
                moved.append(life)
        if stationary != life.stationary or class_id != life.class_id:
            life.stationary, life.class_id, life.changed = stationary, class_id, True
        life.confirmed = confirmed
    if moved:
        _look_up_zones(moved, zones, areas)
    return newest_id


def _has_moved(life: Life, point: Point) -> bool:
    """Whether `point` is far enough from where the zones were last looked up."""
    if life.zones_at is None:
        return True
    left, top, right, bottom = life.xyxy
    dx, dy = abs(point[0] - life.zones_at[0]), abs(point[1] - life.zones_at[1])
    return dx >= ZONE_STEP * (right - left) or dy >= ZONE_STEP * (bottom - top)


def _look_up_zones(lives: Sequence[Life], zones: Sequence[Zone], areas: Polygons) -> None:
    """Say of each life in which zones its last anchor point lies, in the order of `zones`."""
    points = np.array([life.path.last for life in lives], np.float32)
    for life, into in zip(lives, areas.contain(points).tolist(), strict=True):
        entered = tuple(zone[0] for zone, is_in in zip(zones, into, strict=True) if is_in)
        if entered != life.zones:
            life.zones, life.changed = entered, True
        life.zones_at = life.path.last


def _norm(tracks: Tracks) -> FloatArray:
    """Return (M, 4) boxes in 0..1; what lies outside of the picture is cut off."""
    width, height = tracks.ref.wh
    boxes = tracks.xyxy.copy()
    boxes /= np.array((width, height, width, height), np.float32)
    np.maximum(boxes, 0, out=boxes)
    return np.minimum(boxes, 1, out=boxes)
