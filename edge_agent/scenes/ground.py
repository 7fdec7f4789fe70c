"""The ground: painted once for a town and a light, then laid under any view."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike

from edge_agent.scenes.light import LAMP_BGR, Light, Weather
from edge_agent.scenes.raster import FAR_M, spread
from edge_agent.scenes.road_paint import PX_PER_M, SHIFT, mark, paint_signs, strip, to_px
from edge_agent.scenes.town import HALF_M, Floor, Town
from edge_agent.scenes.view import View
from edge_agent.types import FloatArray

_SIZE = int(2 * HALF_M * PX_PER_M)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The lit ground at falling sharpness, and what lamps give at each place."""

    levels: tuple[FloatArray, ...]  # (S / 2^k, S / 2^k, 3)
    lamp_map: FloatArray  # (S / 4, S / 4) 0..1, a pixel each half metre
    sun_map: FloatArray  # (S / 4, S / 4) 0..1

    def at(self, picture: FloatArray, x: float, y: float) -> float:
        """Return the value of one of the maps at a place."""
        size = len(picture)
        column = int(np.clip((x + HALF_M) / (2 * HALF_M) * size, 0, size - 1))
        row = int(np.clip((HALF_M - y) / (2 * HALF_M) * size, 0, size - 1))
        return float(picture[row, column])


def noise(rng: np.random.Generator, size: int, cell: int, spread: float) -> FloatArray:
    """Return smooth noise around 1, (size, size), with spots of about `cell` pixels."""
    small = rng.normal(1.0, spread, (size // cell + 2, size // cell + 2)).astype(np.float32)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


@lru_cache(maxsize=2)
def _paint(town: Town) -> FloatArray:
    """Return the unlit ground, (S, S, 3): floor, pavements, roads and markings."""
    rng = np.random.default_rng([31, town.seed])
    base = {Floor.PAVED: (0.52, 0.54, 0.55), Floor.GRASS: (0.22, 0.4, 0.33),
            Floor.FIELDS: (0.24, 0.42, 0.4)}[town.floor]  # fmt: skip
    canvas = np.empty((_SIZE, _SIZE, 3), np.float32)
    canvas[:] = np.asarray(base) * rng.uniform(0.85, 1.1)
    if town.floor is Floor.PAVED:
        _tile(canvas, int(rng.integers(8, 28)), 0.88)
    else:
        _mow(canvas, rng, fields=town.floor is Floor.FIELDS)
    for road in town.roads:
        if road.pavement:
            strip(canvas, road, road.width / 2 + road.pavement, (0.55, 0.56, 0.56))
            strip(canvas, road, road.width / 2 + 0.25, (0.68, 0.69, 0.69))
    asphalt = np.array([0.36, 0.355, 0.35]) * rng.uniform(0.75, 1.15)
    for road in town.roads:
        strip(canvas, road, road.width / 2, asphalt)
    for road in town.roads:
        mark(canvas, road, [other for other in town.roads if other is not road], rng)
    paint_signs(canvas, town)
    canvas *= _grain(rng)[..., None]
    return canvas


def _grain(rng: np.random.Generator) -> FloatArray:
    """Return the uneven brightness of all ground around 1, (S, S), from patches to pebbles."""
    coarse = noise(rng, _SIZE // 4, 24, 0.06)
    for cell, strength in ((6, 0.04), (2, 0.05)):
        coarse *= noise(rng, _SIZE // 4, cell, strength)
    tile = noise(rng, 416, 2, 0.05) * rng.normal(1.0, 0.045, (416, 416)).astype(np.float32)
    fine = np.tile(tile, (_SIZE // 416 + 1,) * 2)[:_SIZE, :_SIZE]
    return np.asarray(cv2.resize(coarse, (_SIZE, _SIZE)) * fine, np.float32)


def _tile(canvas: FloatArray, step: int, darker: float) -> None:
    canvas[::step] *= darker
    canvas[:, ::step] *= darker


def _mow(canvas: FloatArray, rng: np.random.Generator, *, fields: bool) -> None:
    """Lay patches of other greens and browns, big ones where there are fields."""
    for _ in range(14 if fields else 5):
        x, y = rng.uniform(-HALF_M, HALF_M, 2)
        w, h = rng.uniform(30, 80, 2) if fields else rng.uniform(5, 15, 2)
        corners = to_px([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])
        tone = np.array([(0.25, 0.45, 0.42), (0.3, 0.45, 0.5), (0.2, 0.34, 0.3)])[rng.integers(3)]
        cv2.fillPoly(
            canvas, [corners], (tone * rng.uniform(0.8, 1.15)).tolist(), cv2.LINE_AA, SHIFT
        )
    canvas *= noise(rng, _SIZE, 10, 0.1)[..., None]


def lay_ground(town: Town, light: Light, weather: Weather) -> Ground:
    """Return the town's ground under a light, static shadows and lamps' pools included."""
    shadow = _shadows(town, light)
    lamps = _pools(town) if light.lamps_lit and not light.infrared else np.zeros_like(shadow)
    daylight = (light.sky + light.sun * light.sun_from[2]).astype(np.float32)
    falls = (1 - shadow * light.shadow)[..., None] * daylight + lamps[..., None] * LAMP_BGR
    if weather is Weather.RAIN:
        falls *= 0.72  # wet ground is darker
    lit = np.asarray(cv2.resize(falls.astype(np.float32), (_SIZE, _SIZE)), np.float32)
    lit *= _paint(town)
    levels = [lit]
    while len(levels) < 5:
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.float32))
    return Ground(tuple(levels), lamps, (1 - shadow).astype(np.float32))


def _shadows(town: Town, light: Light) -> FloatArray:
    """Return where houses and trees take the sun away, (S / 4, S / 4) 0..1."""
    size = _SIZE // 4
    mask = np.zeros((size, size), np.float32)
    per_m = size / (2 * HALF_M)
    sunny = bool(light.sun.max() > 0.1)
    drift = -light.sun_from[:2] / max(float(light.sun_from[2]), 0.2) if sunny else np.zeros(2)

    def px(points: ArrayLike) -> np.ndarray:
        xy = np.asarray(points)
        flipped = np.stack((xy[:, 0] + HALF_M, HALF_M - xy[:, 1]), axis=1) * per_m
        return np.round(flipped).astype(np.int32)

    for house in town.houses:
        half = np.array([house.length, house.depth]) / 2 + 0.3
        foot = np.array([house.x, house.y]) + half * [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        hull = cv2.convexHull(px(np.concatenate((foot, foot + drift * house.height))))
        cv2.fillConvexPoly(mask, hull, 1.0)
    for tree in town.trees:
        centre = np.array([[tree.x, tree.y]]) + drift * tree.height * 0.7
        middle = px(centre)[0]
        radius = int(tree.height * 0.26 * per_m)
        cv2.circle(mask, (int(middle[0]), int(middle[1])), radius, 0.9, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.8 if sunny else 3.0), np.float32)


def _pools(town: Town) -> FloatArray:
    """Return the light of the street lamps on the ground, (S / 4, S / 4)."""
    size = _SIZE // 4
    axis = (np.arange(size, dtype=np.float32) + 0.5) * (2 * HALF_M / size) - HALF_M
    pools = np.zeros((size, size), np.float32)
    for x, y in town.lamps:
        across = np.exp(-(((axis - x) / 9.0) ** 2))
        down = np.exp(-(((-axis - y) / 9.0) ** 2))
        pools += np.float32(0.62) * down[:, None] * across
    return pools


def draw_ground(ground: Ground, view: View) -> tuple[FloatArray, FloatArray]:
    """Return the picture of the ground alone, black above the horizon, and its depth.

    Args: a view of w × h px.
    Returns: (h, w, 3) and (h, w) m, FAR_M above the horizon.
    """
    width, height = view.wh
    u = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / view.focal_px
    v = (height / 2 - np.arange(height, dtype=np.float32) - 0.5) / view.focal_px
    right, up, back = view.axes
    rays = [right[i] * u[None, :] + up[i] * v[:, None] - back[i] for i in range(3)]
    falls = rays[2] < -1e-4
    depth = np.where(falls, -view.eye[2] / np.where(falls, rays[2], -1), FAR_M).astype(np.float32)
    depth = np.minimum(depth, FAR_M)
    x, y = view.eye[0] + rays[0] * depth, view.eye[1] + rays[1] * depth
    grain = depth / view.focal_px * PX_PER_M / np.clip(-rays[2] * 1.6, 0.08, 1)
    level = np.clip(np.log2(np.maximum(grain, 1e-3)), 0, len(ground.levels) - 1.001)
    picture = np.zeros((height, width, 3), np.float32)
    for k, texture in enumerate(ground.levels):
        weight = (np.maximum(1 - np.abs(level - k), 0) * falls).astype(np.float32)
        rows = np.flatnonzero(weight.any(axis=1))
        if len(rows) == 0:
            continue
        part = np.s_[rows[0] : rows[-1] + 1]
        scale = PX_PER_M / 2**k
        map_x = (x[part] + HALF_M) * scale - 0.5
        map_y = (HALF_M - y[part]) * scale - 0.5
        seen = cv2.remap(texture, map_x.astype(np.float32), map_y.astype(np.float32),
                         cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)  # fmt: skip
        picture[part] += seen * spread(weight[part])
    return picture, depth
