"""Roads on the painted ground: their asphalt, their lines, and what is written on them."""

import cv2
import numpy as np
from numpy.typing import ArrayLike

from edge_agent.scenes.town import HALF_M, Road, Town
from edge_agent.types import FloatArray

PX_PER_M = 8
SHIFT = 4  # fractional bits of OpenCV's polygon corners

# Arrows as on real roads, metres: ahead, left. Each is what its lane allows.
_STRAIGHT = [(0.0, -0.09), (3.2, -0.09), (3.2, -0.38), (5.0, 0.0), (3.2, 0.38), (3.2, 0.09),
             (0.0, 0.09)]  # fmt: skip
_BENT = [(0.0, -0.09), (2.5, -0.09), (3.1, 0.45), (2.75, 0.6), (4.4, 1.15), (4.3, -0.1),
         (3.75, 0.2), (3.2, -0.09)]  # fmt: skip
_WORDS = ("SLOW", "BUS", "STOP", "30", "50", "TAXI", "EXIT", "ONLY")


def to_px(points: ArrayLike) -> np.ndarray:
    """Return the fixed-point pixels of points (N, 2); north is up."""
    xy = np.asarray(points, np.float64).reshape(-1, 2)
    px = np.stack((xy[:, 0] + HALF_M, HALF_M - xy[:, 1]), axis=1) * PX_PER_M
    return np.round(px * (1 << SHIFT)).astype(np.int32)


def strip(canvas: FloatArray, road: Road, half: float, bgr: ArrayLike) -> None:
    """Lay a road's whole length in one colour, `half` metres to either side of its middle."""
    reach = float(np.hypot(*np.subtract(road.end, road.start)))
    corners = [road.at(0, half), road.at(reach, half), road.at(reach, -half), road.at(0, -half)]
    colour = np.asarray(bgr, np.float64).tolist()
    cv2.fillPoly(canvas, [to_px(corners)], colour, cv2.LINE_AA, SHIFT)


def _bar(canvas: FloatArray, road: Road, ahead: float, left: float, long: float, wide: float,
         tone: float = 0.82) -> None:  # fmt: skip
    corners = [road.at(ahead, left - wide / 2), road.at(ahead + long, left - wide / 2),
               road.at(ahead + long, left + wide / 2), road.at(ahead, left + wide / 2)]  # fmt: skip
    cv2.fillPoly(canvas, [to_px(corners)], (tone, tone, tone), cv2.LINE_AA, SHIFT)


def mark(canvas: FloatArray, road: Road, others: list[Road], rng: np.random.Generator) -> None:
    """Paint lane lines, zebra crossings before junctions, worn wheel tracks and patches."""
    reach = float(np.hypot(*np.subtract(road.end, road.start)))
    lane = road.width / road.lanes
    crossings = []
    for other in others:
        for ahead in np.arange(0, reach, 1.0):
            if other.distance(*road.at(float(ahead), 0)) < other.width / 2 + 5.5:
                crossings.append(ahead)
    blocked = set(crossings)
    for ahead in np.arange(0, reach, 1.0):
        if ahead in blocked:
            continue
        for i in range(road.lanes + 1):
            edge = i in (0, road.lanes)
            left = -road.width / 2 + i * lane + (0.3 if i == 0 else -0.3 if edge else 0)
            if edge or ahead % 8 < 3:
                _bar(canvas, road, float(ahead), left, 1.02, 0.13)
    for start, step in ((min(crossings, default=None), 1), (max(crossings, default=None), -1)):
        if start is not None and road.pavement:
            for left in np.arange(-road.width / 2 + 0.5, road.width / 2 - 0.3, 1.0):
                _bar(canvas, road, float(start) + (0.3 if step > 0 else -2.7), left, 3.0, 0.5)
    for _ in range(int(reach / 14)):
        ahead, left = rng.uniform(0, reach), rng.uniform(-0.4, 0.4) * road.width
        x, y = to_px([road.at(ahead, left)])[0]
        size = np.array(rng.uniform(0.3, 1.2, 2)) * PX_PER_M * (1 << SHIFT)
        tone = rng.uniform(0.22, 0.3)
        cv2.ellipse(canvas, (int(x), int(y)), (int(size[0]), int(size[1])), rng.uniform(0, 180),
                    0, 360, (tone,) * 3, -1, cv2.LINE_AA, SHIFT)  # fmt: skip


def paint_signs(canvas: FloatArray, town: Town) -> None:
    """Paint arrows, words and hatching on two roads of three, of a town's own chance.

    From above they look like white cars to a detector that never saw them.
    """
    rng = np.random.default_rng([37, town.seed])
    for road in town.roads:
        if rng.random() < 0.35:
            continue
        reach = float(np.hypot(*np.subtract(road.end, road.start)))
        lane, tone = road.width / road.lanes, rng.uniform(0.6, 0.85)
        for row in np.arange(rng.uniform(10, 30), reach - 10, rng.uniform(18, 45)):
            others = [o for o in town.roads if o is not road]
            if any(o.distance(*road.at(float(row), 0)) < o.width / 2 + 12 for o in others):
                continue
            for i in range(road.lanes):
                left = -road.width / 2 + (i + 0.5) * lane
                what = rng.choice(4, p=(0.45, 0.15, 0.1, 0.3))
                back = i >= road.lanes / 2 and road.lanes > 1
                if what == 0:
                    _arrow(canvas, road, float(row), left, tone, rng, lane=lane, back=back)
                elif what == 1:
                    word = _WORDS[rng.integers(len(_WORDS))]
                    _write(canvas, road, float(row), left, word, tone, back=back)
                elif what == 2:
                    for k in range(4):
                        _bar(canvas, road, float(row) + k, left, 0.45, lane * 0.7, tone)


def _arrow(
    canvas: FloatArray, road: Road, ahead: float, left: float, tone: float,
    rng: np.random.Generator, *, lane: float, back: bool,
) -> None:  # fmt: skip
    """Paint one or two of: straight on, left, right."""
    size, bold, turn = rng.uniform(0.8, 1.4), rng.uniform(1.0, 2.2), -1 if back else 1
    shapes = [(_STRAIGHT, 1)] if rng.random() < 0.6 else []
    if not shapes or rng.random() < 0.4:
        shapes.append((_BENT, int(rng.choice([-1, 1]))))
    for outline, side in shapes:
        wide = min(size * bold, 0.45 * lane / max(abs(b) for _, b in outline))
        corners = [road.at(ahead + turn * size * a, left + turn * side * wide * b)
                   for a, b in outline]  # fmt: skip
        cv2.fillPoly(canvas, [to_px(corners)], (tone,) * 3, cv2.LINE_AA, SHIFT)


def _write(
    canvas: FloatArray, road: Road, ahead: float, left: float, word: str, tone: float, *, back: bool
) -> None:
    """Write a word across a lane, drawn long as on real roads."""
    (wide, high), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 4)
    ink = np.zeros((high + 8, wide + 8), np.uint8)
    cv2.putText(ink, word, (4, high + 3), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 4, cv2.LINE_AA)
    turn = -1 if back else 1
    corners = [road.at(ahead + turn * a, left + turn * b)
               for a, b in ((2.6, 1.1), (2.6, -1.1), (0.0, 1.1))]  # fmt: skip
    to = np.asarray(to_px(corners), np.float32) / (1 << SHIFT)
    low = np.floor(to.min(0)).astype(int) - 30
    size = tuple(int(v) for v in np.ceil(to.max(0)).astype(int) + 30 - low)
    if low.min() < 0 or (low + size).max() > len(canvas):
        return
    frame = np.array([(0, 0), (wide + 8, 0), (0, high + 8)], np.float32)
    warp = cv2.getAffineTransform(frame, (to - low).astype(np.float32))
    mask = np.asarray(cv2.warpAffine(ink, warp, size), np.float32)[..., None] / 255
    part = canvas[low[1] : low[1] + size[1], low[0] : low[0] + size[0]]
    part += (tone - part) * mask
