"""All that never moves, seen from one pose: sky, ground and town, with their depth."""

from dataclasses import dataclass

import numpy as np

from edge_agent.scenes.buildings import town_parts
from edge_agent.scenes.ground import Ground, draw_ground, lay_ground
from edge_agent.scenes.light import LAMP_BGR, Light, Weather, shade
from edge_agent.scenes.mesh import Mesh
from edge_agent.scenes.raster import FAR_M, rasterise, shrink, spread
from edge_agent.scenes.town import Town
from edge_agent.scenes.view import View
from edge_agent.types import BoolArray, FloatArray, IntArray

_TILE = 960  # px: a big picture is drawn in tiles to bound the memory


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """A picture without actors; never written to."""

    bgr: FloatArray  # (h, w, 3)
    depth: FloatArray  # (h, w) m
    is_ground: BoolArray  # (h, w)


@dataclass(frozen=True, slots=True, eq=False)
class Scenery:
    """The town under its light, ready to be seen from anywhere."""

    ground: Ground
    parts: tuple[Mesh, ...]
    bgr: tuple[FloatArray, ...]  # the parts' colours under the light
    middles: FloatArray  # (P, 3) of balls around the parts
    radii: FloatArray  # (P,)
    light: Light


def build_scenery(town: Town, light: Light, weather: Weather, eye: FloatArray) -> Scenery:
    """Paint the ground and shade the town; gloss is taken as seen from `eye`."""
    parts = tuple(town_parts(town))
    ground = lay_ground(town, light, weather)
    nothing = np.zeros(3, np.float32)
    colours = [shade(part, light, eye, nothing, 1.0) for part in parts]
    if light.lamps_lit and not light.infrared:
        for part, colour in zip(parts, colours, strict=True):
            colour += part.bgr * _lamp_light(town, part.xyz)[:, None] * LAMP_BGR
    low = np.array([part.xyz.min(0) for part in parts])
    high = np.array([part.xyz.max(0) for part in parts])
    radii = np.linalg.norm(high - low, axis=1) / 2
    return Scenery(ground, parts, tuple(colours), (low + high) / 2, radii, light)


def _in_view(scenery: Scenery, view: View) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return vertices, triangles and colours of the parts that may show in a view."""
    seen = (scenery.middles - view.eye) @ view.axes.T
    depth, radius = -seen[:, 2], scenery.radii
    keep = depth > -radius
    for side, half_px in ((0, view.wh[0] / 2), (1, view.wh[1] / 2)):
        slope = half_px / view.focal_px
        outside = (np.abs(seen[:, side]) - slope * depth) / np.hypot(1, slope)
        keep &= outside < radius
    chosen = np.flatnonzero(keep)
    if len(chosen) == 0:
        return (
            np.zeros((0, 3), np.float32),
            np.zeros((0, 3), np.int32),
            np.zeros((0, 3), np.float32),
        )
    parts = [scenery.parts[i] for i in chosen]
    offsets = np.cumsum([0] + [len(part.xyz) for part in parts[:-1]])
    return (
        np.concatenate([part.xyz for part in parts]),
        np.concatenate([p.faces + np.int32(o) for p, o in zip(parts, offsets, strict=True)]),
        np.concatenate([scenery.bgr[i] for i in chosen]),
    )


def _lamp_light(town: Town, xyz: FloatArray) -> FloatArray:
    """Return what the street lamps give to points (N, 3), (N,)."""
    total = np.zeros(len(xyz), np.float32)
    for x, y in town.lamps:
        far = (xyz[:, 0] - x) ** 2 + (xyz[:, 1] - y) ** 2 + (xyz[:, 2] - 5) ** 2 * 0.7
        total += np.float32(0.45) * np.exp(-far / 81.0)
    return total


def draw_backdrop(scenery: Scenery, view: View, *, samples: int) -> Backdrop:
    """Return the town as seen in `view`, with `samples` a pixel along each side for its edges."""
    bgr, depth = draw_ground(scenery.ground, view)
    sky = depth >= FAR_M * 0.99
    bgr[sky] = 0
    is_ground = ~sky
    width, height = view.wh
    xyz, faces, colours = _in_view(scenery, view)
    solids = (view.see(xyz), faces, colours)
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            window = (left, top, min(_TILE, width - left), min(_TILE, height - top))
            _draw_tile(solids, view, window, samples, bgr, depth, is_ground)
    light = scenery.light
    fade = 1 - np.exp(-np.minimum(depth, 1500) * np.float32(light.haze_per_m))
    bgr += (light.haze - bgr) * spread(fade)
    _paint_sky(bgr, sky & (depth >= FAR_M * 0.99), light)
    return Backdrop(bgr, depth, is_ground)


def _draw_tile(
    solids: tuple[FloatArray, IntArray, FloatArray], view: View,
    window: tuple[int, int, int, int], samples: int,
    bgr: FloatArray, depth: FloatArray, is_ground: BoolArray,
) -> None:  # fmt: skip
    left, top, width, height = window
    colours, depths = rasterise(*solids, view, window, samples)
    hit = (depths < FAR_M * 0.99).astype(np.float32)
    near = depths * hit
    if samples > 1:
        colours, hit, near = (shrink(layer, (width, height)) for layer in (colours, hit, near))
    part = np.s_[top : top + height, left : left + width]
    bgr[part] = bgr[part] * spread(1 - hit) + colours
    solid = hit > 0.5
    depth[part] = np.where(solid, near / np.maximum(hit, 1e-3), depth[part])
    is_ground[part] &= hit < 0.02


def _paint_sky(bgr: FloatArray, sky: BoolArray, light: Light) -> None:
    """Lay a sky that darkens upwards over the rows where nothing else is."""
    rows = np.flatnonzero(sky.any(axis=1))
    if len(rows) == 0:
        return
    top = light.zenith
    share = np.linspace(0, 1, rows[-1] - rows[0] + 1, dtype=np.float32)[:, None, None]
    part = np.s_[rows[0] : rows[-1] + 1]
    gradient = np.broadcast_to(top + (light.haze * 1.12 - top) * share, bgr[part].shape)
    np.copyto(bgr[part], gradient, where=sky[part][..., None])
