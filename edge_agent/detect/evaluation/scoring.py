"""AP and the best score threshold, by faster-coco-eval (the package of the extra `models`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_agent.detect.evaluation.boxed import Truth
from edge_agent.types import BoolArray, FloatArray

#: Detections of a class in a picture that count; COCO's 100 would cut a crowd short.
_MOST = 300
#: Thresholds that are tried; finer ones follow single boxes.
_STEPS = np.arange(1, 100) / 100


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One class in one picture: what is there, and what was found."""

    truth: Truth
    xyxy: FloatArray  # (M, 4) px
    score: FloatArray  # (M,)


@dataclass(frozen=True, slots=True)
class Precision:
    """Average precision over pictures; NaN where no object is there."""

    pictures: int
    objects: int
    ap50: float
    ap: float  # mean over IoU .5, .55, … .95


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """All detections of a class at IoU 0.5, without those on ignored regions."""

    score: FloatArray  # (M,)
    right: BoolArray  # (M,)
    objects: int


@dataclass(frozen=True, slots=True)
class Operating:
    """What a threshold gives."""

    threshold: float
    recall: float
    precision: float
    f1: float


def average_precision(judged: Sequence[Judged]) -> Precision:
    """Return COCO's AP over `judged`, at most 300 detections a picture.

    Source: Lin et al., Microsoft COCO, ECCV 2014; cocodataset.org/#detection-eval.
    """
    objects = sum(int((~j.truth.ignored).sum()) for j in judged)
    if not objects:
        return Precision(len(judged), 0, float("nan"), float("nan"))
    evaluator = _evaluator(judged)
    evaluator.evaluate()
    evaluator.accumulate()
    by_iou = evaluator.eval["precision"][:, :, 0, 0, -1].mean(axis=1)
    return Precision(len(judged), objects, float(by_iou[0]), float(by_iou.mean()))


def match_hits(judged: Sequence[Judged]) -> Hits:
    """Return which detections are right at IoU 0.5."""
    evaluator = _evaluator(judged, matches=True)
    evaluator.evaluate()
    evaluator.accumulate()
    pairs = [tuple(map(int, key.split("_"))) for key in evaluator.eval["matched"]]
    ignored = np.concatenate([[False], *(j.truth.ignored for j in judged)])
    score = np.concatenate([np.empty(0, np.float32), *(j.score for j in judged)])
    right, counts = np.zeros(len(score), bool), np.ones(len(score), bool)
    for found, truth in pairs:  # both counted from 1
        right[found - 1] = not ignored[truth]
        counts[found - 1] = not ignored[truth]
    return Hits(score[counts], right[counts], int((~ignored[1:]).sum()))


def at_threshold(hits: Hits, threshold: float) -> Operating:
    """Return what scores from `threshold` on give; without a detection precision is 1."""
    told = hits.score >= threshold
    right = int((hits.right & told).sum())
    recall = right / hits.objects if hits.objects else 1.0
    precision = right / int(told.sum()) if told.any() else 1.0
    total = hits.objects + int(told.sum())
    return Operating(threshold, recall, precision, 2 * right / total if total else 1.0)


def best_threshold(classes: Sequence[Hits], floor: float) -> float:
    """Return the threshold with the highest mean of the classes' F1, in steps of 0.01.

    One number serves all classes, so each weighs alike, however many objects it has. Only steps
    from `floor` on: weaker detections were not asked for. Of equals the middle one.
    Raises: ValueError where no class has an object.
    """
    judged = [hits for hits in classes if hits.objects]
    if not judged:
        raise ValueError("best threshold: no class has an object")
    steps = _STEPS[floor <= _STEPS]
    means = [np.mean([at_threshold(hits, float(step)).f1 for hits in judged]) for step in steps]
    best = np.flatnonzero(np.isclose(means, max(means), rtol=0, atol=1e-9))
    run = best[: np.searchsorted(np.diff(best) > 1, True) + 1]  # the first row of neighbours
    return float(steps[run[len(run) // 2]])


def _evaluator(judged: Sequence[Judged], *, matches: bool = False) -> Any:
    """Return faster-coco-eval's evaluator of one class; ignored regions are its crowds."""
    from faster_coco_eval import COCO, COCOeval_faster

    coco = COCO(_truth_document(judged))
    found = [
        {"image_id": number, "category_id": 1, "bbox": box, "score": float(score)}
        for number, one in enumerate(judged, 1)
        for box, score in zip(_xywh(one.xyxy), one.score, strict=True)
    ]
    evaluator = COCOeval_faster(
        coco, coco.loadRes(found), "bbox", print_function=lambda *_: None, extra_calc=matches
    )
    evaluator.params.maxDets = [_MOST]
    evaluator.params.areaRng, evaluator.params.areaRngLbl = [[0, 1e10]], ["all"]
    if matches:
        evaluator.params.iouThrs = np.array([0.5])
    return evaluator


def _truth_document(judged: Sequence[Judged]) -> dict[str, Any]:
    boxes: list[dict[str, Any]] = []
    for number, one in enumerate(judged, 1):
        for box, ignored in zip(_xywh(one.truth.xyxy), one.truth.ignored, strict=True):
            boxes.append(
                {"id": len(boxes) + 1, "image_id": number, "category_id": 1, "bbox": box,
                 "area": box[2] * box[3], "iscrowd": int(ignored)}
            )  # fmt: skip
    images = [{"id": n, "width": 0, "height": 0} for n in range(1, len(judged) + 1)]
    return {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "object"}]}


def _xywh(xyxy: FloatArray) -> list[list[float]]:
    boxes: list[list[float]] = np.concatenate(
        (xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]), axis=1
    ).tolist()
    return boxes
