"""Paint on roads: arrows, crosses and bars near vehicles, which are none.

No photograph in the data says often enough that a white arrow on asphalt is no white car, and
without these ring-nano gives it a higher score than the cars beside it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.labels import VEHICLE, Labels

Image = NDArray[np.uint8]
Rng = np.random.Generator

_ODDS = 0.6  # of the pictures with vehicles enough to know how large a mark is
_LEAST_VEHICLES = 2
_LEAST_PX = 7.0
_SHIFT = 4  # fractional bits of OpenCV's polygon corners

#: Outlines 1 long and of half width 1, from the shaft's end forwards; widths are drawn later.
_STRAIGHT = ((0, -0.35), (0.6, -0.35), (0.6, -1), (1, 0), (0.6, 1), (0.6, 0.35), (0, 0.35))
_BENT = ((0, -0.3), (0.5, -0.3), (0.62, 0.5), (0.5, 0.7), (0.95, 1), (1, -0.2), (0.8, 0.1),
         (0.65, -0.3))  # fmt: skip
_BAR = ((0, -0.4), (1, -0.4), (1, 0.4), (0, 0.4))
_WEDGE = ((0, -1), (1, 0), (0, 1), (0.35, 0))
_OUTLINES = (_STRAIGHT, _STRAIGHT, _BENT, _BENT, _BAR, _WEDGE)


def marked(bgr: Image, labels: Labels, rng: Rng) -> Image:
    """Return the picture with some marks where no labelled box is, drawn into it."""
    vehicles = labels.xyxy[(labels.class_id == VEHICLE) & ~labels.ignore]
    if len(vehicles) < _LEAST_VEHICLES or rng.random() >= _ODDS:
        return bgr
    sides = vehicles[:, 2:] - vehicles[:, :2]
    size = float(np.median(sides.max(axis=1)))
    if size < _LEAST_PX:
        return bgr
    turn = rng.uniform(0, 2 * np.pi)  # marks of one road lie alike
    for _ in range(int(rng.integers(2, 9))):
        place = _free_place(bgr, labels, vehicles, size, rng)
        if place is not None:
            _draw(bgr, place, size * rng.uniform(0.5, 1.3), turn + rng.normal(0, 0.3), rng)
    return bgr


def _free_place(
    bgr: Image, labels: Labels, vehicles: NDArray[np.float32], size: float, rng: Rng
) -> tuple[float, float] | None:
    """Return a point a few lengths from a vehicle, so likely on its road, and off all boxes."""
    h, w = bgr.shape[:2]
    for _ in range(6):
        box = vehicles[rng.integers(len(vehicles))]
        x, y = (box[:2] + box[2:]) / 2 + rng.normal(0, 3 * size, 2)
        reach = 0.75 * size
        near = ((labels.xyxy[:, :2] < (x + reach, y + reach))
                & (labels.xyxy[:, 2:] > (x - reach, y - reach))).all(axis=1)  # fmt: skip
        if 0 < x < w and 0 < y < h and not near.any():
            return float(x), float(y)
    return None


def _draw(bgr: Image, place: tuple[float, float], size: float, turn: float, rng: Rng) -> None:
    squash = rng.uniform(0.5, 1.0)  # seen from the side rather than from above
    tone = rng.uniform(165, 255) * np.array([1, 1, 1] if rng.random() < 0.9 else [0.4, 0.85, 1])
    wide = size * rng.uniform(0.12, 0.4)
    over = bgr.copy()
    for _ in range(1 + (rng.random() < 0.3)):  # two at once: straight on and a turn
        outline = np.array(_OUTLINES[rng.integers(len(_OUTLINES))], np.float64)
        outline[:, 0] = (outline[:, 0] - 0.5) * size
        outline[:, 1] *= wide * rng.choice((-1, 1))
        cos, sin = np.cos(turn), np.sin(turn)
        turned = outline @ np.array([[cos, sin], [-sin, cos]]) * (1, squash) + place
        corners = np.round(turned * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(over, [corners], tone.tolist(), cv2.LINE_AA, _SHIFT)
    strength = rng.uniform(0.6, 1.0)
    bgr[:] = cv2.addWeighted(over, strength, bgr, 1 - strength, 0)
