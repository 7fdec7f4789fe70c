"""What a family's decoder hands on: one picture's boxes before NMS; and NMS, for all alike."""

from dataclasses import dataclass

import numpy as np

from edge_agent.geometry import Letterbox, nms
from edge_agent.types import FloatArray, IntArray

#: More boxes than this in one picture are no picture of a town; the best are kept.
MAX_CANDIDATES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The boxes of one picture that reach the low threshold, before NMS, in no order."""

    xyxy: FloatArray  # (N, 4) pixels of the model's input, not clipped
    score: FloatArray  # (N,)
    class_id: IntArray  # (N,) row of the detector's table
    not_finite: int  # anchors dropped because the model gave NaN or infinity


def keep_finite(xyxy: FloatArray, score: FloatArray, class_id: IntArray) -> Candidates:
    """Return the candidates that are numbers, at most `MAX_CANDIDATES`, and count the others."""
    not_finite = 0
    good = np.isfinite(score) & np.isfinite(xyxy).all(axis=1)
    if not good.all():
        not_finite = len(good) - int(np.count_nonzero(good))
        xyxy, score, class_id = xyxy[good], score[good], class_id[good]
    if len(score) > MAX_CANDIDATES:
        top = np.argpartition(score, -MAX_CANDIDATES)[-MAX_CANDIDATES:]
        xyxy, score, class_id = xyxy[top], score[top], class_id[top]
    return Candidates(xyxy, score, class_id, not_finite)


def suppress(
    candidates: Candidates, groups: IntArray, iou_threshold: float, fit: Letterbox
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return boxes in pixels of the picture, scores and classes, by falling score.

    One object of a group gives one box; boxes are clipped to the picture, and those with nothing
    inside it are dropped. Args: `groups` (classes,) what NMS keeps apart.
    """
    group = groups[candidates.class_id]
    kept = nms(candidates.xyxy, candidates.score, group, iou_threshold)
    xyxy = fit.to_source(candidates.xyxy[kept])
    inside = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)
    if not inside.all():
        kept, xyxy = kept[inside], xyxy[inside]
    return xyxy, candidates.score[kept], candidates.class_id[kept]
