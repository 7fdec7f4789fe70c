"""The agent's tracker on given detections."""

from collections.abc import Sequence

import numpy as np

from edge_agent.settings import TrackingSettings
from edge_agent.tracking import Tracker
from edge_agent.types import ClockSource, Detections, FrameRef
from tests.tracker_scores.footage import Footage
from tests.tracker_scores.noise import Found
from tests.tracker_scores.scoring import Told


def track(footage: Footage, found: Sequence[Found], threshold: float) -> list[Told]:
    """Return what the tracker tells of each frame: confirmed tracks that have a detection."""
    tracker = Tracker(
        settings=TrackingSettings(),
        groups=np.array([0, 1], np.int32),
        score_threshold=threshold,
    )
    told = []
    for k, one in enumerate(found):
        at = round(k / footage.fps * 1e9)
        ref = FrameRef("camera", 1, k, at, at, at, ClockSource.ARRIVAL, True, footage.wh)
        tracks = tracker.step(Detections(ref, one.xyxy, one.score, one.group))
        kept = tracks.confirmed & (tracks.det_row >= 0)
        told.append(Told(tracks.track_id[kept], tracks.class_id[kept], tracks.xyxy[kept]))
    return told
