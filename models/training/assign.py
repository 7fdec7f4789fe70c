"""Which anchors answer for which object: task-aligned assignment.

Source: Feng et al., TOOD, ICCV 2021, with the exponents that YOLOv8's report uses (0.5 and 6).
Two things are added for objects of a few pixels: candidates lie at least within `_REACH` of the
centre, and the overlap that ranks candidates never falls to 0, so that nearness decides at first.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_TOP = 10
_ALPHA, _BETA = 0.5, 6.0
_REACH = 6.0  # px
_FLOOR = 0.2  # the best anchor of an object is asked for at least this score


@dataclass(frozen=True, slots=True, eq=False)
class Assigned:
    """For each anchor the object it answers for, -1 for none, and the score asked of it."""

    object_row: Tensor  # (anchors,) int64
    target: Tensor  # (anchors,) 0..1


def pairwise_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU (n, m) of boxes (n, 4) with boxes (m, 4)."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(-1), (b[:, 2:] - b[:, :2]).prod(-1)
    return inter / (area_a[:, None] + area_b[None] - inter).clamp(min=1e-6)


def within(points: Tensor, xyxy: Tensor, reach: float) -> Tensor:
    """Return (boxes, points): the point lies in the box, or within `reach` of its centre."""
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    half = ((xyxy[:, 2:] - xyxy[:, :2]) / 2).clamp(min=reach)
    return ((points[None] - centre[:, None]).abs() < half[:, None]).all(-1)


@torch.no_grad()
def assign(
    predicted: Tensor, score: Tensor, points: Tensor, xyxy: Tensor, class_id: Tensor
) -> Assigned:
    """Return the assignment of one picture.

    Args: `predicted` (anchors, 4) px; `score` (anchors, classes) 0..1; `points` (anchors, 2) the
    anchors' centres, px; `xyxy` (objects, 4) and `class_id` (objects,) int64.
    """
    anchors, objects = len(predicted), len(xyxy)
    if objects == 0:
        none = torch.full((anchors,), -1, dtype=torch.int64)
        return Assigned(none, torch.zeros(anchors))
    iou = pairwise_iou(xyxy, predicted)
    candidate = within(points, xyxy, _REACH)
    ranked = (iou + 0.02 * _nearness(points, xyxy)).clamp(max=1.0)
    metric = score[:, class_id].T.clamp(min=1e-6) ** _ALPHA * ranked**_BETA * candidate
    best, rows = metric.topk(min(_TOP, anchors), dim=1)
    chosen = torch.zeros_like(metric, dtype=torch.bool)
    chosen.scatter_(1, rows, best > 0)
    # An anchor that several objects chose answers for the one it overlaps most.
    ranked = torch.where(chosen, ranked, -1.0)
    overlap, object_row = ranked.max(0)
    object_row = torch.where(overlap >= 0, object_row, -1)
    return Assigned(object_row, _targets(metric, iou, object_row))


def _nearness(points: Tensor, xyxy: Tensor) -> Tensor:
    centre, size = (xyxy[:, :2] + xyxy[:, 2:]) / 2, (xyxy[:, 2:] - xyxy[:, :2]).clamp(min=_REACH)
    off = (points[None] - centre[:, None]) / size[:, None]
    return torch.exp(-4 * off.square().sum(-1))


def _targets(metric: Tensor, iou: Tensor, object_row: Tensor) -> Tensor:
    """Return the scores asked for: an object's best anchor gets its best overlap, others less."""
    mine = torch.arange(len(metric))[:, None] == object_row[None]
    kept = torch.where(mine, metric, 0.0)
    ceiling = torch.where(mine, iou, 0.0).amax(1).clamp(min=_FLOOR)
    scaled = kept / kept.amax(1, keepdim=True).clamp(min=1e-20) * ceiling[:, None]
    return scaled.amax(0).clamp(max=1.0)
