"""Detections and tracks for the tests of tracking and rules: scripted objects, no detector."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge_agent.rules.lifecycle import CameraView
from edge_agent.settings import TrackingSettings
from edge_agent.tracking import Tracker
from edge_agent.types import (
    ClockSource,
    Detections,
    FrameRef,
    Layer,
    ObjectClass,
    Ring,
    Severity,
    Tracks,
    Wh,
)

#: The table that `class_id` refers to, and its groups: person, vehicles.
CLASSES = (
    ObjectClass("person"),
    ObjectClass("vehicle", "car"),
    ObjectClass("vehicle", "bus"),
    ObjectClass("vehicle", "truck"),
)
GROUPS = np.array([0, 1, 1, 1], np.int32)
PERSON, CAR, BUS, TRUCK = range(4)
WALL_NS = 1_800_000_000_000_000_000
#: A detection as tests write it: left, top, right, lower edge in px, score, class_id.
Row = tuple[float, float, float, float, float, int]


def frame_ref(
    pts_s: float, *, camera_id: str = "gate", connection: int = 1, wh: Wh = (640, 360)
) -> FrameRef:
    """Return the frame at `pts_s`; wall and arrival run along."""
    pts_ns = round(pts_s * 1e9)
    return FrameRef(
        camera_id=camera_id,
        connection=connection,
        index=round(pts_s * 5),
        pts_ns=pts_ns,
        mono_ns=pts_ns + 40_000_000,
        wall_ns=WALL_NS + pts_ns,
        clock_source=ClockSource.RTCP,
        time_trusted=True,
        wh=wh,
    )


def detections(ref: FrameRef, rows: Sequence[Row] = ()) -> Detections:
    """Return `rows` as the detections of a frame, sorted by falling score."""
    table = np.array(sorted(rows, key=lambda row: -row[4]), np.float64).reshape(-1, 6)
    return Detections(
        ref,
        table[:, :4].astype(np.float32),
        table[:, 4].astype(np.float32),
        table[:, 5].astype(np.int32),
    )


def box(cx: float, cy: float, w: float, h: float, score: float = 0.8, class_id: int = CAR) -> Row:
    """Return a detection by its centre and size."""
    return (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, score, class_id)


def new_tracker(score_threshold: float = 0.4, **settings: float) -> Tracker:
    """Return a tracker of `CLASSES`."""
    return Tracker(
        settings=TrackingSettings.model_validate(settings),
        groups=GROUPS,
        score_threshold=score_threshold,
    )


def run(
    tracker: Tracker, frames: Iterable[tuple[float, Sequence[Row]]], connection: int = 1
) -> list[Tracks]:
    """Step through (pts_s, rows) and return the tracks after each frame."""
    return [
        tracker.step(detections(frame_ref(pts_s, connection=connection), rows))
        for pts_s, rows in frames
    ]


def view(**changes: Any) -> CameraView:
    """Return what the rules know of the camera `gate`."""
    gate = CameraView(
        camera_id="gate",
        ring=Ring.SUBURBAN,
        layer=Layer.CHECKPOINT,
        model_id="yolox_nano",
        classes=CLASSES,
        zones=(),
        update_s=1.0,
        stationary_update_s=180.0,
        severity=Severity.INFO,
    )
    return replace(gate, **changes)


@dataclass
class ScriptedTrack:
    """One row of `Tracks`, as a test writes it."""

    track_id: int
    centre: tuple[float, float] = (320.0, 180.0)
    size: tuple[float, float] = (40.0, 80.0)
    class_id: int = CAR
    score: float = 0.8
    matched: bool = True
    confirmed: bool = True
    stationary: bool = False
    first_pts_s: float = 0.0
    last_pts_s: float | None = None  # None: this frame, if matched


def tracks(
    ref: FrameRef, rows: Sequence[ScriptedTrack] = (), removed: Sequence[int] = ()
) -> Tracks:
    """Return `rows` as the tracks after a frame."""

    def last(row: ScriptedTrack) -> int:
        return ref.pts_ns if row.last_pts_s is None else round(row.last_pts_s * 1e9)

    boxes = [
        (
            row.centre[0] - row.size[0] / 2,
            row.centre[1] - row.size[1] / 2,
            row.centre[0] + row.size[0] / 2,
            row.centre[1] + row.size[1] / 2,
        )
        for row in rows
    ]
    return Tracks(
        ref=ref,
        track_id=np.array([row.track_id for row in rows], np.int64),
        xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        class_id=np.array([row.class_id for row in rows], np.int32),
        score=np.array([row.score for row in rows], np.float32),
        det_row=np.array([0 if row.matched else -1 for row in rows], np.int32),
        confirmed=np.array([row.confirmed for row in rows], np.bool_),
        stationary=np.array([row.stationary for row in rows], np.bool_),
        first_pts_ns=np.array([round(row.first_pts_s * 1e9) for row in rows], np.int64),
        last_pts_ns=np.array([last(row) for row in rows], np.int64),
        removed_id=np.array(removed, np.int64),
    )


def seconds(begin: float, end: float, fps: float = 5.0) -> Iterator[float]:
    """Yield the pts of a camera's frames from `begin` up to, not including, `end`."""
    for k in range(round((end - begin) * fps)):
        yield begin + k / fps
