"""Public trackers on given detections; run as a file, in an environment of its own.

    build/peers/trackers/bin/python -P tests/tracker_scores/peers.py DETECTIONS.npz TOLD.npz [--all]

DETECTIONS.npz has `splits` (F + 1,), `xyxy`, `score` and `group` of all boxes, `begins` (S,)
the first frame of each piece of footage, `fps` (S,) and `threshold` (S,). TOLD.npz gets, for
each tracker NAME, `NAME` (N,) the id of each box, -1 where it told none; ids are unique within
a piece of footage. Each group has a tracker of its own, so that persons and vehicles do not mix.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import supervision
import trackers
from numpy.typing import NDArray

Array = NDArray[Any]
Make = Callable[[float, float], Any]

#: Ids of the second group begin here.
APART = 1_000_000


def byte_track(iou: float, above: float) -> Make:
    """Return a maker of ByteTrack that begins tracks `above` the model's threshold.

    Three detections confirm a track and it lives for 2 s, as with the agent's tracker.
    """

    def make(fps: float, threshold: float) -> Any:
        return trackers.ByteTrackTracker(
            frame_rate=fps,
            lost_track_buffer=60,
            track_activation_threshold=threshold + above,
            high_conf_det_threshold=threshold,
            minimum_consecutive_frames=3,
            minimum_iou_threshold=iou,
        )

    return make


#: By name; those that begin with ByteTrack are settings of one tracker.
MAKERS: dict[str, Make] = {
    **{
        f"ByteTrack iou {iou:g} +{above:g}": byte_track(iou, above)
        for iou in (0.1, 0.3)
        for above in (0.0, 0.1)
    },
    "ByteTrack as it comes": lambda fps, threshold: trackers.ByteTrackTracker(frame_rate=fps),
    "C-BIoU as it comes": lambda fps, threshold: trackers.CBIoUTracker(frame_rate=fps),
    "OC-SORT as it comes": lambda fps, threshold: trackers.OCSORTTracker(frame_rate=fps),
}


def main(source: str, target: str, every: str = "") -> None:
    """Track every piece of footage with ByteTrack's settings, or with `every` tracker."""
    with np.load(source) as archive:  # which reads an array anew each time it is asked
        given = {name: archive[name] for name in archive.files}
    makers = {name: make for name, make in MAKERS.items() if every or "iou" in name}
    told = {name: np.full(len(given["score"]), -1, np.int64) for name in makers}
    begins = [*given["begins"].tolist(), len(given["splits"]) - 1]
    for k, (fps, threshold) in enumerate(zip(given["fps"], given["threshold"], strict=True)):
        for name, make in makers.items():
            for group in (0, 1):
                tracker = make(float(fps), float(threshold))
                for frame in range(begins[k], begins[k + 1]):
                    rows = slice(*given["splits"][frame : frame + 2].tolist())
                    _step(tracker, given, rows, group, told[name])
    np.savez_compressed(target, **told)


def _step(tracker: Any, given: dict[str, Array], rows: slice, group: int, told: Array) -> None:
    mine = np.flatnonzero(given["group"][rows] == group) + rows.start
    tracked = tracker.update(
        supervision.Detections(
            xyxy=given["xyxy"][mine].astype(np.float64),
            confidence=given["score"][mine],
            class_id=np.full(len(mine), group),
            data={"row": mine},
        )
    )
    if len(tracked):
        row = np.asarray(tracked.data["row"], np.int64)
        ids = np.asarray(tracked.tracker_id, np.int64)
        told[row] = np.where(ids >= 0, ids + APART * group, -1)


if __name__ == "__main__":
    main(*sys.argv[1:])
