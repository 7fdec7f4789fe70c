"""Which detections count at a camera: size limits by class and ignore-masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.geometry import anchor_points, points_in_polygon
from edge_agent.settings import CameraSettings, ClassLimits
from edge_agent.types import BoolArray, Detections, FloatArray, ObjectClass, Point


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """A camera's limits as arrays over the detector's class table (C rows)."""

    min_wh_norm: FloatArray  # (C, 2)
    max_wh_norm: FloatArray  # (C, 2)
    ignore: tuple[tuple[Point, ...], ...]
    #: False where no detection can be refused, which is the usual case.
    active: bool


def limits_of(camera: CameraSettings, object_class: ObjectClass) -> ClassLimits:
    """Return the limits of the camera that hold for a class."""
    return camera.persons if object_class.name == "person" else camera.vehicles


def build_admission(camera: CameraSettings, classes: Sequence[ObjectClass]) -> Admission:
    """Return the camera's limits laid out over the detector's class table."""
    limits = [limits_of(camera, object_class) for object_class in classes]
    min_wh = np.array([limit.min_wh_norm for limit in limits], np.float32).reshape(-1, 2)
    max_wh = np.array([limit.max_wh_norm for limit in limits], np.float32).reshape(-1, 2)
    active = bool(camera.ignore) or bool((min_wh > 0).any()) or bool((max_wh < 1).any())
    return Admission(min_wh, max_wh, camera.ignore, active)


def start_scores(
    camera: CameraSettings, classes: Sequence[ObjectClass], model_threshold: float
) -> FloatArray:
    """Return (C,) the score from which a detection of each class may begin a track."""
    scores = [limits_of(camera, object_class).min_score for object_class in classes]
    return np.array([model_threshold if s is None else s for s in scores], np.float32)


def admit(detections: Detections, admission: Admission) -> Detections:
    """Return the detections that count: of allowed size, anchor point in no ignore-mask."""
    if not admission.active or len(detections.score) == 0:
        return detections
    frame_wh = np.array(detections.ref.wh, np.float32)
    wh_norm = (detections.xyxy[:, 2:] - detections.xyxy[:, :2]) / frame_wh
    classes = detections.class_id
    large_enough = wh_norm >= admission.min_wh_norm[classes]
    small_enough = wh_norm <= admission.max_wh_norm[classes]
    keep: BoolArray = np.all(large_enough & small_enough, axis=1)
    anchors_norm = anchor_points(detections.xyxy) / frame_wh
    for polygon in admission.ignore:
        keep &= ~points_in_polygon(anchors_norm, polygon)
    return detections.keep(keep)
