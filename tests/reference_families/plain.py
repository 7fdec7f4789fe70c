"""What the references share: preparation, small sums, and the way back to the picture."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from tests import reference_yolox
from tests.reference_yolox import Box

Outputs = Sequence[np.ndarray]


@dataclass(frozen=True)
class Task:
    """What a reference must know of a model."""

    input_wh: tuple[int, int]
    counted: tuple[int, ...]  # labels that count
    threshold: float
    labels: int
    options: Mapping[str, object]

    def with_options(self, **options: object) -> "Task":
        return replace(self, options={**self.options, **options})


Reference = Callable[[Outputs, Task], list[Box]]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def softmax(values: Sequence[float]) -> list[float]:
    top = max(values)
    powers = [math.exp(v - top) for v in values]
    return [p / sum(powers) for p in powers]


def best(scores: Sequence[float], task: Task) -> tuple[float, int]:
    """Return the best score among the labels that count, and its label."""
    label = max(task.counted, key=lambda k: scores[k])
    return scores[label], label


def from_centre(cx: float, cy: float, w: float, h: float, score: float, label: int) -> Box:
    return Box(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, score, label)


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes an input."""

    input_wh: tuple[int, int]
    channels: str
    letterbox: str
    scale: float = 1.0
    mean: tuple[float, float, float] = (0, 0, 0)
    std: tuple[float, float, float] = (1, 1, 1)
    pad: float = 114.0

    def inner(self, wh: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, upper, width, height of the scaled picture inside the input."""
        w, h = self.input_wh
        if self.letterbox == "stretch":
            return 0, 0, w, h
        ratio = min(w / wh[0], h / wh[1])
        inner_w, inner_h = int(wh[0] * ratio + 1e-9), int(wh[1] * ratio + 1e-9)
        if self.letterbox == "top_left":
            return 0, 0, inner_w, inner_h
        return (w - inner_w) // 2, (h - inner_h) // 2, inner_w, inner_h

    def image(self, bgr: np.ndarray) -> np.ndarray:
        """Return (3, h, w) float32."""
        left, upper, w, h = self.inner(bgr.shape[1::-1])
        scaled = cv2.resize(bgr, (w, h), interpolation=cv2.INTER_AREA)
        image = np.empty((3, self.input_wh[1], self.input_wh[0]), np.float32)
        for channel in range(3):
            plane = np.full((self.input_wh[1], self.input_wh[0]), self.pad, np.float32)
            source = channel if self.channels == "bgr" else 2 - channel
            plane[upper : upper + h, left : left + w] = scaled[:, :, source]
            image[channel] = (plane * self.scale - self.mean[channel]) / self.std[channel]
        return image

    def back(self, box: Box, wh: tuple[int, int]) -> Box:
        """Return a box of the input in pixels of the picture, clipped."""
        left, upper, inner_w, inner_h = self.inner(wh)
        moved = Box(
            box.x1 - left, box.y1 - upper, box.x2 - left, box.y2 - upper, box.score, box.label
        )
        return reference_yolox.to_picture(moved, (inner_w, inner_h), wh)
