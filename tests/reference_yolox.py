"""YOLOX as published, slow and plain: one picture, one box, one number at a time.

Only the resampling of pixels is OpenCV's. Written from Ge et al., YOLOX (arXiv:2107.08430)
and the description of its ONNX demo: scale by the smaller ratio, paste at the upper left on
grey 114, decode (xy + cell) × stride and exp(wh) × stride, score = objectness × class score,
greedy suppression. One thing is done better than published: a box goes back by the scale that
each side of the picture really got, inner size / size, where the demo divides by the ratio before
rounding and so errs by up to a pixel of the input.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass
class Box:
    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    label: int


def make_input(bgr: np.ndarray, input_wh: tuple[int, int], pad: float = 114.0):
    """Return ((3, h, w) float32 values 0..255, (inner width, inner height))."""
    w, h = input_wh
    ratio = min(w / bgr.shape[1], h / bgr.shape[0])
    inner_w = int(bgr.shape[1] * ratio + 1e-9)
    inner_h = int(bgr.shape[0] * ratio + 1e-9)
    scaled = cv2.resize(bgr, (inner_w, inner_h), interpolation=cv2.INTER_AREA)
    image = np.full((3, h, w), pad, np.float32)
    for channel in range(3):
        image[channel, :inner_h, :inner_w] = scaled[:, :, channel]
    return image, (inner_w, inner_h)


def decode(
    rows: Sequence[Sequence[float]],
    input_wh: tuple[int, int],
    strides: Sequence[int],
    labels: Sequence[int],
    threshold: float,
) -> list[Box]:
    """Return the boxes in input pixels whose best score among `labels` reaches `threshold`."""
    found = []
    number = 0
    for stride in strides:
        for cell_y in range(input_wh[1] // stride):
            for cell_x in range(input_wh[0] // stride):
                row = rows[number]
                number += 1
                label = max(labels, key=lambda k: row[5 + k])
                score = row[4] * row[5 + label]
                if score < threshold:
                    continue
                x = (row[0] + cell_x) * stride
                y = (row[1] + cell_y) * stride
                w = math.exp(row[2]) * stride
                h = math.exp(row[3]) * stride
                found.append(Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, label))
    assert number == len(rows)
    return found


def iou(a: Box, b: Box) -> float:
    w = min(a.x2, b.x2) - max(a.x1, b.x1)
    h = min(a.y2, b.y2) - max(a.y1, b.y1)
    if w <= 0 or h <= 0:
        return 0.0
    area_a = (a.x2 - a.x1) * (a.y2 - a.y1)
    area_b = (b.x2 - b.x1) * (b.y2 - b.y1)
    return w * h / (area_a + area_b - w * h)


def suppress(boxes: Sequence[Box], group: Mapping[int, str], threshold: float) -> list[Box]:
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        for better in kept:
            if group[better.label] == group[box.label] and iou(better, box) > threshold:
                break
        else:
            kept.append(box)
    return kept


def to_picture(box: Box, inner_wh: tuple[int, int], wh: tuple[int, int]) -> Box:
    def back(value: float, side: int) -> float:
        return min(max(value * wh[side] / inner_wh[side], 0.0), float(wh[side]))

    return Box(
        back(box.x1, 0), back(box.y1, 1), back(box.x2, 0), back(box.y2, 1), box.score, box.label
    )
