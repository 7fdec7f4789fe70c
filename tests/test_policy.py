"""Which detections count at a camera, and what an event is worth."""

import numpy as np
import pytest

from edge_agent.policy.admission import admit, build_admission, start_scores
from edge_agent.policy.severity import severity_of
from edge_agent.settings import CameraSettings
from edge_agent.types import Detections, EventKind, ObjectClass, Severity
from tests.frames import frame_ref

CLASSES = (ObjectClass("person"), ObjectClass("vehicle", "car"), ObjectClass("vehicle", "bus"))


def camera(**settings: object) -> CameraSettings:
    return CameraSettings(id="c", url="rtsp://h/1", ring="urban", layer="portrait", **settings)


def detections(*boxes: tuple[float, float, float, float], class_id: int = 0) -> Detections:
    n = len(boxes)
    return Detections(
        frame_ref(wh=(100, 100)), np.array(boxes, np.float32).reshape(n, 4),
        np.full(n, 0.5, np.float32), np.full(n, class_id, np.int32),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "class_id", "kept"),
    [
        ({}, 0, [0, 1, 2]),
        ({"persons": {"min_wh_norm": (0.0, 0.2)}}, 0, [1, 2]),  # the first is 10 px high
        ({"persons": {"max_wh_norm": (0.5, 1.0)}}, 0, [0, 1]),  # the last is 80 px wide
        ({"persons": {"min_wh_norm": (0.0, 0.2)}}, 2, [0, 1, 2]),  # not the vehicles' limit
        ({"vehicles": {"min_wh_norm": (0.0, 0.2)}}, 2, [1, 2]),
        # the mask covers the lower half: only a box whose anchor point lies there goes
        ({"ignore": [[(0, 0.5), (1, 0.5), (1, 1), (0, 1)]]}, 0, [0]),
    ],
)
def test_admission(settings: dict[str, object], class_id: int, kept: list[int]) -> None:
    found = detections((10, 10, 20, 20), (10, 10, 40, 60), (10, 10, 90, 90), class_id=class_id)
    admitted = admit(found, build_admission(camera(**settings), CLASSES))
    assert admitted.xyxy.tolist() == found.xyxy[kept].tolist()


def test_nothing_to_admit_stays_nothing() -> None:
    limits = build_admission(camera(persons={"min_wh_norm": (0.1, 0.1)}), CLASSES)
    assert len(admit(detections(), limits).score) == 0


def test_start_scores_follow_the_class_and_else_the_model() -> None:
    scores = start_scores(camera(vehicles={"min_score": 0.7}), CLASSES, 0.4)
    assert scores.tolist() == pytest.approx([0.4, 0.7, 0.7])


def test_tracks_are_info_and_a_lost_camera_is_a_warning() -> None:
    assert severity_of(EventKind.START) is Severity.INFO
    assert severity_of(EventKind.CAMERA_LOST) is Severity.WARNING
