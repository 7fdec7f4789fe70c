"""Shadows that bodies cast on the ground: hulls of what the sun, or the sky, throws down."""

from dataclasses import dataclass

import cv2
import numpy as np

from edge_agent.scenes.light import Light
from edge_agent.scenes.mesh import Mesh
from edge_agent.scenes.persons import PARTS
from edge_agent.scenes.stage import Actor
from edge_agent.scenes.view import View
from edge_agent.types import BoolArray, FloatArray

_SMALL_PX = 45  # a person so high throws one hull, not one a limb
_SKY = np.array([0.05, 0.03, 1.0], np.float32)
_SHIFT = 4
_FARTHEST_PX = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Shadow:
    left: int
    top: int
    dark: FloatArray  # (h, w) the part of the light that is taken away


def cast_shadow(
    mesh: Mesh, actor: Actor, light: Light, view: View, sunny: float, height_px: float
) -> Shadow | None:
    """Return the shadow of a body on the ground, or None where it is out of sight.

    In the sun one hard shadow and a soft one under the body; without it the soft one alone.
    """
    whole = mesh.xyz[None, ::3]
    plain = actor.subclass is not None or height_px < _SMALL_PX
    pieces = whole if plain else mesh.xyz.reshape(PARTS, -1, 3)[:, ::3]
    sunlit = bool(light.sun.max() > 0.1) and sunny > 0.2
    hard = _hulls(pieces, light.sun_from, view) if sunlit else []
    # The soft shadow under a small person in the sun would not show beside the hard one.
    soft = [] if hard and height_px < _SMALL_PX else _hulls(whole, _SKY, view)
    hulls = soft + hard
    if not hulls:
        return None
    corners = np.concatenate(hulls).reshape(-1, 2)
    width, height = view.wh
    spread = int(np.clip(np.ptp(corners[:, 0]) * 0.08, 2, 40))
    x1, y1 = (int(v) for v in np.maximum(corners.min(0) - spread, 0))
    x2 = int(min(corners[:, 0].max() + spread + 1, width))
    y2 = int(min(corners[:, 1].max() + spread + 1, height))
    if x2 - x1 < 2 or y2 - y1 < 2:
        return None
    dark = np.zeros((y2 - y1, x2 - x1), np.float32)
    if soft:
        dark += _fill(soft, (x1, y1, x2, y2), spread * 0.4) * (0.45 if actor.subclass else 0.27)
    if hard:
        np.maximum(dark, _fill(hard, (x1, y1, x2, y2), 0.6) * (light.shadow * sunny), out=dark)
    return Shadow(x1, y1, dark)


def _hulls(pieces: FloatArray, sun_from: FloatArray, view: View) -> list[FloatArray]:
    """Return the outlines in the picture of what pieces (P, V, 3) throw on the ground."""
    ground = pieces.reshape(-1, 3).copy()
    ground[:, :2] -= ground[:, 2:] * (sun_from[:2] / sun_from[2])
    ground[:, 2] = 0
    px = view.project(ground)
    if not (np.abs(px).max() < _FARTHEST_PX):  # NaN too: a part lies behind the camera
        return []
    return [
        np.asarray(cv2.convexHull(piece), np.float32) for piece in px.reshape(len(pieces), -1, 2)
    ]


def _fill(hulls: list[FloatArray], window: tuple[int, int, int, int], blur: float) -> FloatArray:
    x1, y1, x2, y2 = window
    mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
    origin = np.array([x1, y1], np.float32)
    for hull in hulls:
        fixed = np.round((hull - origin) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_AA, _SHIFT)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(blur, 0.5))
    return np.asarray(soft, np.float32)


def lay_shadow(light: FloatArray, is_ground: BoolArray, shadow: Shadow) -> None:
    """Darken the ground of a picture where the shadow falls."""
    height, width = shadow.dark.shape
    part = np.s_[shadow.top : shadow.top + height, shadow.left : shadow.left + width]
    light[part] *= (1 - shadow.dark * is_ground[part])[..., None]
