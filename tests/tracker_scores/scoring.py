"""MOTA, IDF1 and HOTA of tracked boxes against the truth, by TrackEval.

Source: Bernardin and Stiefelhagen, Evaluating Multiple Object Tracking Performance: The CLEAR
MOT Metrics, 2008; Ristani et al., Performance Measures and a Data Set for Multi-Target,
Multi-Camera Tracking, 2016; Luiten et al., HOTA, IJCV 129 (2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lap
import numpy as np

from edge_agent.geometry import iou_matrix
from edge_agent.types import BoolArray, FloatArray, IdArray, IntArray
from tests.tracker_scores.footage import Footage, Labels

#: From this IoU on a box is an object's.
LEAST_IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a tracker told of one frame: boxes with ids."""

    id: IdArray  # (N,)
    group: IntArray  # (N,)
    xyxy: FloatArray  # (N, 4) px


@dataclass(frozen=True, slots=True)
class Score:
    """Of one tracker on some footage; parts of 100, and counts."""

    mota: float
    idf1: float
    hota: float
    switches: int
    ids: int
    true_ids: int


def score(footage: Sequence[Footage], told: Sequence[Sequence[Told]]) -> Score:
    """Return the score over all `footage` together, of what was `told` of each frame.

    Boxes of one group are never matched with objects of the other. A box on an object that is
    not asked for does not count at all.
    """
    from trackeval import metrics  # type: ignore[import-not-found]  # not in every environment

    data = {
        f"{k} {one.name}": _as_data(one.frames, boxes)
        for k, (one, boxes) in enumerate(zip(footage, told, strict=True))
    }
    results = {}
    for metric in (
        metrics.HOTA(),
        metrics.CLEAR({"THRESHOLD": LEAST_IOU, "PRINT_CONFIG": False}),
        metrics.Identity({"THRESHOLD": LEAST_IOU, "PRINT_CONFIG": False}),
    ):
        each = {name: metric.eval_sequence(one) for name, one in data.items()}
        results[type(metric).__name__] = metric.combine_sequences(each)
    return Score(
        mota=100 * float(results["CLEAR"]["MOTA"]),
        idf1=100 * float(results["Identity"]["IDF1"]),
        hota=100 * float(results["HOTA"]["HOTA"].mean()),
        switches=int(results["CLEAR"]["IDSW"]),
        ids=sum(one["num_tracker_ids"] for one in data.values()),
        true_ids=sum(one["num_gt_ids"] for one in data.values()),
    )


def _as_data(frames: Sequence[Labels], told: Sequence[Told]) -> dict[str, Any]:
    """Return one sequence as TrackEval takes it."""
    truth_ids, told_ids, similarities = [], [], []
    for labels, boxes in zip(frames, told, strict=True):
        similarity = _similarity(labels, boxes)
        counted = ~_on_uncounted(similarity, labels.counts)
        truth_ids.append(labels.id[labels.counts])
        told_ids.append(boxes.id[counted])
        similarities.append(similarity[labels.counts][:, counted])
    truth_number, truth_rows = _numbered(truth_ids)
    told_number, told_rows = _numbered(told_ids)
    return {
        "gt_ids": truth_rows,
        "tracker_ids": told_rows,
        "similarity_scores": similarities,
        "num_gt_ids": truth_number,
        "num_tracker_ids": told_number,
        "num_gt_dets": sum(len(ids) for ids in truth_ids),
        "num_tracker_dets": sum(len(ids) for ids in told_ids),
        "num_timesteps": len(frames),
    }


def _similarity(labels: Labels, boxes: Told) -> FloatArray:
    similarity = iou_matrix(labels.xyxy, boxes.xyxy)
    similarity[labels.group[:, None] != boxes.group] = 0
    return similarity


def _on_uncounted(similarity: FloatArray, counts: BoolArray) -> BoolArray:
    """Return (N,) which boxes are on an object that is not asked for, given to one each."""
    out = np.zeros(similarity.shape[1], np.bool_)
    if not similarity.size or counts.all():
        return out
    # Objects that are asked for come first where both would do.
    cost = np.where(similarity >= LEAST_IOU, -similarity - counts[:, None], 0)
    column, _ = lap.lapjv(cost, extend_cost=True, return_cost=False)
    for row in np.flatnonzero((column >= 0) & ~counts):
        out[column[row]] = similarity[row, column[row]] >= LEAST_IOU
    return out


def _numbered(ids: Sequence[IdArray]) -> tuple[int, list[IdArray]]:
    """Return how many ids there are, and each frame's ids counted from 0."""
    known = np.unique(np.concatenate([*ids, np.empty(0, np.int64)]))
    return len(known), [np.searchsorted(known, row) for row in ids]
