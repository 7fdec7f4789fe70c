"""AP50 by faster-coco-eval, to hold our own evaluator against."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from models.training.judged import Judged
from models.training.labels import CLASSES
from models.training.teacher import Rows


def coco_ap50(pictures: Sequence[Judged], seen: Sequence[Rows]) -> dict[str, float]:
    """Return AP50 of each class over the pictures that cover it."""
    figures = {}
    for class_id, name in enumerate(CLASSES):
        chosen = [i for i, p in enumerate(pictures) if class_id in p.covers]
        truth = _truth([pictures[i] for i in chosen], class_id)
        found = [
            {"image_id": n + 1, "category_id": 1, "bbox": _xywh(row), "score": float(row[4])}
            for n, i in enumerate(chosen)
            for row in seen[i][seen[i][:, 5] == class_id]
        ]
        coco = COCO(truth)
        judge = COCOeval_faster(coco, coco.loadRes(found), "bbox", print_function=lambda *_: None)
        judge.params.maxDets = [1, 10, 300]
        judge.params.iouThrs = np.array([0.5])
        judge.evaluate()
        judge.accumulate()
        precision = judge.eval["precision"][0, :, 0, 0, -1]
        figures[name] = float(precision.mean())
    return figures


def _truth(pictures: Sequence[Judged], class_id: int) -> dict[str, Any]:
    boxes: list[dict[str, Any]] = []
    for n, picture in enumerate(pictures):
        truth = picture.truth.keep(picture.truth.class_id == class_id)
        for row, ignored in zip(truth.xyxy, truth.ignore, strict=True):
            x, y, w, h = _xywh(row)
            boxes.append(
                {"id": len(boxes) + 1, "image_id": n + 1, "category_id": 1, "area": w * h,
                 "bbox": [x, y, w, h], "iscrowd": int(ignored)}
            )  # fmt: skip
    images = [
        {"id": n + 1, "width": p.bgr.shape[1], "height": p.bgr.shape[0], "file_name": str(n)}
        for n, p in enumerate(pictures)
    ]
    return {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "object"}]}


def _xywh(row: Any) -> list[float]:
    x1, y1, x2, y2 = (float(v) for v in row[:4])
    return [x1, y1, x2 - x1, y2 - y1]
