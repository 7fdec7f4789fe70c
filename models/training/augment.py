"""Where things are in a training picture: crops, scales down to tiny objects, mirror, mosaic."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.labels import Labels, Picture, joined, labels_of

Wh = tuple[int, int]
Rect = tuple[int, int, int, int]  # x1 y1 x2 y2 of the canvas
Draw = Callable[[], Picture]

PAD = 114
_SMALLEST = 2.0  # px a side: what is smaller is ignored
_LEAST_AREA = 12.0  # px²
_LEAST_PART = 0.3  # of a box inside the cut: what shows less is ignored


@dataclass(frozen=True, slots=True)
class Knobs:
    """How often and how far a picture is changed; all of it is drawn from the sample's seed."""

    mosaic: float = 0.55
    plain: float = 0.25  # of the rest: letterboxed as the agent does it
    single_scale: tuple[float, float] = (0.55, 2.2)  # times the scale that fits the canvas
    mosaic_scale: tuple[float, float] = (0.75, 2.6)  # times the scale that fits the quarter
    mirror: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture as the network sees it."""

    bgr: NDArray[np.uint8]  # (h, w, 3)
    labels: Labels
    known: NDArray[np.bool_]  # (2,)
    sources: tuple[str, ...]


def compose(draw: Draw, wh: Wh, knobs: Knobs, rng: np.random.Generator) -> Sample:
    """Return a sample made of one picture or four, as `rng` decides."""
    canvas = np.full((wh[1], wh[0], 3), PAD, np.uint8)
    if rng.random() >= knobs.mosaic:
        picture = draw()
        if rng.random() < knobs.plain:
            placed = lay(canvas, picture, (0, 0, *wh), _fit(picture, wh), (0.0, 0.0))
        else:
            placed = _lay_at_random(canvas, picture, (0, 0, *wh), knobs.single_scale, rng)
        known, parts = picture.known, [placed]
        sources: tuple[str, ...] = (picture.source,)
    else:
        known, sources, parts = np.ones(2, bool), (), []
        for rect in _quarters(wh, rng):
            picture = draw()
            parts.append(_lay_at_random(canvas, picture, rect, knobs.mosaic_scale, rng))
            parts.append(_unknown_region(rect, picture.known))
            sources = (*sources, picture.source)
    labels = joined(parts)
    if rng.random() < knobs.mirror:
        canvas, labels = mirrored(canvas, labels)
    return Sample(canvas, labels, known, sources)


def _fit(picture: Picture, wh: Wh) -> float:
    h, w = picture.bgr.shape[:2]
    return float(min(wh[0] / w, wh[1] / h))


def _quarters(wh: Wh, rng: np.random.Generator) -> list[Rect]:
    x, y = (int(side * rng.uniform(0.3, 0.7)) for side in wh)
    return [(0, 0, x, y), (x, 0, wh[0], y), (0, y, x, wh[1]), (x, y, *wh)]


def _unknown_region(rect: Rect, known: NDArray[np.bool_]) -> Labels:
    return labels_of([(list(map(float, rect)), c, 1.0, True) for c in range(2) if not known[c]])


def _lay_at_random(
    canvas: NDArray[np.uint8], picture: Picture, rect: Rect, scale: tuple[float, float],
    rng: np.random.Generator,
) -> Labels:  # fmt: skip
    room = (rect[2] - rect[0], rect[3] - rect[1])
    factor = _fit(picture, room) * float(np.exp(rng.uniform(*np.log(scale))))
    # A picture smaller than its place lies anywhere in it; of a larger one a part is cut, and
    # most cuts are around an object: else most of them would be empty.
    target = rng.uniform(0, 1, 2)
    objects = picture.labels.xyxy[~picture.labels.ignore]
    focus = objects[rng.integers(len(objects))] if len(objects) and rng.random() < 0.6 else None
    h, w = picture.bgr.shape[:2]
    offset = []
    for axis, size in enumerate((w, h)):
        slack = room[axis] - size * factor
        at = float(target[axis])
        if slack < 0 and focus is not None:
            middle = float(focus[axis] + focus[axis + 2]) / 2 * factor
            at = float(np.clip((room[axis] * target[axis] - middle) / slack, 0, 1))
        offset.append(slack * at)
    return lay(canvas, picture, rect, factor, (offset[0], offset[1]))


def lay(
    canvas: NDArray[np.uint8], picture: Picture, rect: Rect, factor: float,
    offset: tuple[float, float],
) -> Labels:  # fmt: skip
    """Scale a picture by `factor`, put its corner at `offset` in `rect`, cut what is outside.

    Writes into `canvas`; returns the labels on the canvas.
    """
    h, w = picture.bgr.shape[:2]
    room = (rect[2] - rect[0], rect[3] - rect[1])
    spans = []
    for axis, size in enumerate((w, h)):
        first = max(0.0, -offset[axis]) / factor  # px of the picture
        start = int(min(first, size - 1))
        stop = int(np.ceil(min(size, (room[axis] - offset[axis]) / factor)))
        stop = max(start + 1, stop)
        to = round(max(0.0, start * factor + offset[axis])), round(stop * factor + offset[axis])
        to = min(to[0], room[axis] - 1), max(min(to[1], room[axis]), min(to[0], room[axis] - 1) + 1)
        spans.append((start, stop, *to))
    (sx, ex, tx, ux), (sy, ey, ty, uy) = spans
    canvas[rect[1] + ty : rect[1] + uy, rect[0] + tx : rect[0] + ux] = _resized(
        picture.bgr[sy:ey, sx:ex], (ux - tx, uy - ty)
    )
    # What the boxes went through: the same cut and the same scale, rounding included.
    scale = np.array([(ux - tx) / (ex - sx), (uy - ty) / (ey - sy)] * 2, np.float32)
    moved = (picture.labels.xyxy - (sx, sy, sx, sy)) * scale
    moved += (rect[0] + tx, rect[1] + ty) * 2
    inner = (rect[0] + tx, rect[1] + ty, rect[0] + ux, rect[1] + uy)
    return cut(picture.labels.moved(moved, picture.labels.ignore), inner)


def _resized(part: NDArray[np.uint8], to: Wh) -> NDArray[np.uint8]:
    """Scale to `to`; halved first as often as it goes, which is four times as fast."""
    while part.shape[0] >= 2 * to[1] and part.shape[1] >= 2 * to[0]:
        h, w = part.shape[:2]
        even = part[: h - h % 2, : w - w % 2]
        part = np.asarray(cv2.resize(even, (w // 2, h // 2), interpolation=cv2.INTER_AREA))
    how = cv2.INTER_AREA if part.shape[1] > to[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, to, interpolation=how), np.uint8)


def cut(labels: Labels, rect: Rect) -> Labels:
    """Return the labels cut at a rectangle; what is then too little becomes an ignore box."""
    low, high = np.array(rect[:2] * 2, np.float32), np.array(rect[2:] * 2, np.float32)
    inside = np.clip(labels.xyxy, low, high)
    side, before = inside[:, 2:] - inside[:, :2], labels.xyxy[:, 2:] - labels.xyxy[:, :2]
    area = side.prod(1)
    little = (side.min(1) < _SMALLEST) | (area < _LEAST_AREA)
    little |= area < _LEAST_PART * before.prod(1)
    return labels.moved(inside, labels.ignore | little).keep(area > 0)


def mirrored(bgr: NDArray[np.uint8], labels: Labels) -> tuple[NDArray[np.uint8], Labels]:
    """Return the mirror image."""
    xyxy = labels.xyxy.copy()
    xyxy[:, [0, 2]] = bgr.shape[1] - xyxy[:, [2, 0]]
    return np.ascontiguousarray(bgr[:, ::-1]), labels.moved(xyxy, labels.ignore)
