"""What a real detector finds in the pictures of footage."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np

from edge_agent.detect import ArrayPicture, OnnxDetector, load_manifest, open_detector
from edge_agent.settings import Plan
from edge_agent.types import ByteArray, ClockSource, Frame, FrameRef
from tests.tracker_scores.footage import VEHICLE, Footage
from tests.tracker_scores.noise import Found


def open_model(manifest: Path) -> OnnxDetector:
    """Return the detector of `manifest` on one thread. Raises: ModelError."""
    return open_detector(manifest, plan=Plan(lanes=1, threads=1, batch=1))


def model_name(manifest: Path) -> str:
    """Return the model's own name. Raises: ModelError."""
    return load_manifest(manifest).name


def detected(footage: Footage, detector: OnnxDetector) -> list[Found]:
    """Return what `detector` finds in each frame of `footage`, weak boxes too.

    Only of those groups whose truth is known.
    """
    vehicle = np.array([c.name == "vehicle" for c in detector.classes])
    found = []
    for bgr in islice(_pictures(footage), len(footage.frames)):
        picture = ArrayPicture(bgr)
        ref = FrameRef("camera", 1, 0, 0, 0, 0, ClockSource.ARRIVAL, True, picture.wh)
        rows = detector.detect([Frame(ref, picture)], 0).rows(0)
        group = np.where(vehicle[rows.class_id], VEHICLE, 1 - VEHICLE).astype(np.int32)
        known = np.isin(group, footage.groups)
        found.append(Found(rows.xyxy[known], rows.score[known], group[known]))
    return found


def _pictures(footage: Footage) -> Iterator[ByteArray]:
    assert footage.clip is not None
    with av.open(str(footage.clip)) as clip:
        for k, frame in enumerate(clip.decode(clip.streams.video[0])):
            if k % footage.stride == 0:
                yield frame.to_ndarray(format="bgr24")
