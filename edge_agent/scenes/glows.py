"""Lamps in the dark: the cones of headlights on the ground, and the glow around what shines."""

from collections.abc import Sequence

import cv2
import numpy as np

from edge_agent.scenes.ground import Ground
from edge_agent.scenes.light import LAMP_BGR, Light
from edge_agent.scenes.motion import Place
from edge_agent.scenes.raster import NEAR_M
from edge_agent.scenes.stage import Actor
from edge_agent.scenes.town import Town
from edge_agent.scenes.vehicles import vehicle
from edge_agent.scenes.view import View
from edge_agent.types import BoolArray, FloatArray

_CONE = np.array([(0.2, 0.7), (14, 3.6), (17, 0), (14, -3.6), (0.2, -0.7)])


def lamp_light(ground: Ground, light: Light, where: Place, actor: Actor) -> FloatArray:
    """Return what street lamps give to a body at a place, (3,)."""
    if not light.lamps_lit:
        return np.zeros(3, np.float32)
    lamp = ground.at(ground.lamp_map, where.x, where.y)
    if actor.subclass is not None and where.speed > 0:
        lamp += 0.1  # its own headlights, thrown back by the road
    lit: FloatArray = LAMP_BGR * np.float32(lamp)
    return lit


def _ahead(where: Place, points: FloatArray, z: float) -> FloatArray:
    """Return points (N, 2) ahead and left of a body in world coordinates, (N, 3)."""
    cos, sin = np.cos(where.heading), np.sin(where.heading)
    x = where.x + points[:, 0] * cos - points[:, 1] * sin
    y = where.y + points[:, 0] * sin + points[:, 1] * cos
    return np.stack((x, y, np.full(len(points), z)), axis=1).astype(np.float32)


def add_vehicle_lights(
    light: FloatArray, is_ground: BoolArray, view: View, places: Sequence[tuple[Actor, Place]]
) -> None:
    """Brighten the road ahead of vehicles that move."""
    height, width = is_ground.shape
    for actor, where in places:
        if actor.subclass is None or where.speed == 0:
            continue
        front = vehicle(actor.subclass, actor.number, actor.paint).length / 2
        xyz = _ahead(where, _CONE + np.array([front, 0]), 0.0)
        if (view.depths(xyz) < NEAR_M).any():
            continue
        px = view.project(xyz)
        blur = float(np.clip(np.ptp(px[:, 0]) * 0.05, 1.0, 25.0))
        pad = 3 * blur
        x1, y1 = (int(v) for v in np.clip(px.min(0) - pad, 0, (width, height)))
        x2, y2 = (int(v) for v in np.clip(px.max(0) + pad, 0, (width, height)))
        if x2 - x1 < 2 or y2 - y1 < 2:
            continue
        mask = np.zeros((y2 - y1, x2 - x1), np.float32)
        corners = np.round((px - (x1, y1)) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, corners, 1.0, cv2.LINE_AA, 4)
        part = np.s_[y1:y2, x1:x2]
        beam = cv2.GaussianBlur(mask, (0, 0), blur) * is_ground[part]
        light[part] *= (1 + 1.6 * beam)[..., None]
        light[part] += beam[..., None] * (0.1 * LAMP_BGR)


def add_street_glow(
    light: FloatArray, depth: FloatArray, view: View, town: Town, hour: Light,
    places: Sequence[tuple[Actor, Place]],
) -> None:  # fmt: skip
    """Lay the glow of street lamps, headlights and tail lamps over the picture."""
    for x, y in town.lamps if not hour.infrared else ():
        _glow(light, depth, view, np.array([[x, y, 7.2]], np.float32), 0.5, LAMP_BGR)
    for actor, where in places:
        if actor.subclass is None or where.speed == 0:
            continue
        body = vehicle(actor.subclass, actor.number, actor.paint)
        away = view.eye[:2] - (where.x, where.y)
        facing = float(away @ (np.cos(where.heading), np.sin(where.heading)))
        facing /= max(float(np.linalg.norm(away)), 1e-6)
        half = 0.0 if actor.subclass == "motorcycle" else body.width * 0.33
        for side in {half, -half}:
            if facing > 0.05:
                at = _ahead(where, np.array([[body.length / 2, side]]), 0.7)
                _glow(light, depth, view, at, 0.13 + 0.2 * facing, np.ones(3, np.float32) * 1.1)
            elif facing < -0.05:
                at = _ahead(where, np.array([[-body.length / 2, side]]), 0.85)
                _glow(light, depth, view, at, 0.15, np.array([0.05, 0.05, 0.7], np.float32))


def _glow(
    light: FloatArray, depth: FloatArray, view: View, at: FloatArray, radius: float, bgr: FloatArray
) -> None:
    """Add a round glow of a radius in m around a point, unless something hides the point."""
    far = float(view.depths(at)[0])
    if far < NEAR_M:
        return
    x, y = (float(v) for v in view.project(at)[0])
    height, width = depth.shape
    if not (0 <= x < width and 0 <= y < height) or depth[int(y), int(x)] < far - 0.6:
        return
    sigma = max(0.8, radius * view.focal_px / far)
    reach = int(min(sigma * 3, 0.2 * height))
    x1, x2 = max(0, int(x) - reach), min(width, int(x) + reach + 1)
    y1, y2 = max(0, int(y) - reach), min(height, int(y) + reach + 1)
    across = np.exp(-0.5 * ((np.arange(x1, x2) + 0.5 - x) / sigma) ** 2)
    down = np.exp(-0.5 * ((np.arange(y1, y2) + 0.5 - y) / sigma) ** 2)
    light[y1:y2, x1:x2] += ((down[:, None] * across)[..., None] * bgr).astype(np.float32)
