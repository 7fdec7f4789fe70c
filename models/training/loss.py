"""The loss: varifocal on scores, generalised IoU on boxes.

Sources: Zhang et al., VarifocalNet, CVPR 2021; Rezatofighi et al., Generalized IoU, CVPR 2019;
weights 1 and 2.5 as in PP-YOLOE (Xu et al., 2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.training.assign import assign, pairwise_iou, within
from models.training.net import CLASSES, boxes_of

_BOX_WEIGHT = 2.5
_NEGATIVE, _GAMMA = 0.75, 2.0
_THAT_BOX = 0.4  # IoU; under the 0.5 that is judged, since boxes still move
_SURE = 0.6  # a teacher's score from which its box counts like one that a person drew


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known about one training picture, px of the input."""

    xyxy: Tensor  # (objects, 4)
    class_id: Tensor  # (objects,) int64
    score: Tensor  # (objects,) 1 where a person drew the box
    ignored: Tensor  # (regions, 4)
    ignored_class: Tensor  # (regions,) int64, -1 for both
    ignored_exact: Tensor  # (regions,) bool: only answers with that very box are ignored
    known: Tensor  # (classes,) bool


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """The sum to minimise and its parts."""

    total: Tensor
    label: Tensor
    box: Tensor
    positives: int


def losses(raw: Tensor, truths: Sequence[Truth], cells: Tensor, strides: Tensor) -> Losses:
    """Return the losses of a batch of raw rows (n, anchors, 4 + classes)."""
    boxes, logits = boxes_of(raw, cells, strides), raw[..., 4:]
    points = (cells + 0.5) * strides
    label_parts, box_parts, asked, positives = [], [], [], 0
    for i, truth in enumerate(truths):
        given = assign(boxes[i].detach(), logits[i].detach().sigmoid(), points,
                       truth.xyxy, truth.class_id)  # fmt: skip
        rows = torch.nonzero(given.object_row >= 0)[:, 0]
        owner = given.object_row[rows]
        soft = given.target[rows] * (truth.score[owner] / _SURE).clamp(max=1.0)
        target = torch.zeros_like(logits[i])
        target[rows, truth.class_id[owner]] = soft
        mask = counted(truth, points, boxes[i].detach(), target)
        label_parts.append(varifocal(logits[i], target, mask))
        box_parts.append((soft * (1 - generalised_iou(boxes[i][rows], truth.xyxy[owner]))).sum())
        asked.append(soft.sum())
        positives += len(rows)
    scale = torch.stack(asked).sum().clamp(min=1.0)
    label = torch.stack(label_parts).sum() / scale
    box = torch.stack(box_parts).sum() / scale
    return Losses(label + _BOX_WEIGHT * box, label, box, positives)


def counted(truth: Truth, points: Tensor, predicted: Tensor, target: Tensor) -> Tensor:
    """Return (anchors, classes): 1 where an answer is judged, 0 where nobody knows the truth.

    `predicted` (anchors, 4): a body that can hardly be seen excuses an answer that has its box, not
    one that lies between it and the next.
    """
    mask = truth.known.to(target.dtype).expand(len(points), CLASSES).clone()
    if len(truth.ignored):
        inside = within(points, truth.ignored, 4.0)
        near = pairwise_iou(truth.ignored, predicted) >= _THAT_BOX
        inside &= near | ~truth.ignored_exact[:, None]
        for class_id in range(CLASSES):
            about = (truth.ignored_class == class_id) | (truth.ignored_class < 0)
            mask[inside[about].any(0), class_id] = 0.0
    mask[target > 0] = 1.0
    return mask


def varifocal(logits: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the sum over anchors and classes; positives weigh as much as they are asked for."""
    score = logits.detach().sigmoid()
    weight = torch.where(target > 0, target, _NEGATIVE * score.pow(_GAMMA)) * mask
    return functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the GIoU (n,) of pairs of boxes (n, 4)."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (high - low).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - inter
    around = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    hull = around.prod(1).clamp(min=1e-6)
    return inter / union.clamp(min=1e-6) - (hull - union) / hull
