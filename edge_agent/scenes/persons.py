"""Persons: a figure dressed by its number, and its pose at a moment of its gait."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from edge_agent.scenes.mesh import COARSE, FINE, LimbShape, Mesh, limb_faces, limbs
from edge_agent.types import FloatArray


class Gait(StrEnum):
    STAND = "stand"
    WALK = "walk"
    RUN = "run"
    RIDE = "ride"  # on a motorcycle


_SKIN = np.array([(0.55, 0.68, 0.87), (0.45, 0.58, 0.78), (0.3, 0.42, 0.6), (0.17, 0.24, 0.36)])
_HAIR = np.array([(0.05, 0.06, 0.08), (0.09, 0.14, 0.22), (0.2, 0.34, 0.5), (0.5, 0.5, 0.52)])
_DARK = np.array(
    [(0.10, 0.10, 0.10), (0.22, 0.14, 0.11), (0.34, 0.22, 0.15), (0.16, 0.2, 0.24),
     (0.3, 0.3, 0.3), (0.28, 0.4, 0.5), (0.07, 0.07, 0.08)]
)  # fmt: skip
_TOPS = np.array(
    [(0.12, 0.12, 0.13), (0.85, 0.86, 0.87), (0.18, 0.16, 0.62), (0.55, 0.33, 0.16),
     (0.25, 0.42, 0.25), (0.55, 0.56, 0.58), (0.3, 0.2, 0.14), (0.24, 0.62, 0.8),
     (0.6, 0.5, 0.72), (0.2, 0.28, 0.38), (0.75, 0.66, 0.5), (0.09, 0.08, 0.1)]
)  # fmt: skip

#: Parts of a figure, in the order of the arrays below.
_PARTS = (
    "thigh_l", "thigh_r", "shin_l", "shin_r", "foot_l", "foot_r", "pelvis", "chest", "shoulders",
    "upper_arm_l", "upper_arm_r", "forearm_l", "forearm_r", "hand_l", "hand_r", "neck", "head",
    "hair", "skirt", "pack",
)  # fmt: skip
PARTS = len(_PARTS)
#: Radius across and deep at start and end, in body heights.
_RADIUS = np.array(
    [
        *[((0.052, 0.056), (0.036, 0.038))] * 2, *[((0.036, 0.038), (0.026, 0.027))] * 2,
        *[((0.024, 0.026), (0.024, 0.016))] * 2, ((0.092, 0.07), (0.084, 0.06)),
        ((0.084, 0.06), (0.108, 0.072)), ((0.04, 0.045), (0.04, 0.045)),
        *[((0.034, 0.034), (0.028, 0.028))] * 2, *[((0.028, 0.028), (0.021, 0.021))] * 2,
        *[((0.02, 0.02), (0.018, 0.018))] * 2, ((0.03, 0.032), (0.028, 0.03)),
        ((0.037, 0.044), (0.042, 0.052)), ((0.044, 0.05), (0.043, 0.054)),
        ((0.1, 0.078), (0.125, 0.1)), ((0.07, 0.045), (0.075, 0.05)),
    ],
    np.float32,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """Who walks there: height in m, build, colours of the parts, what is worn and carried."""

    height: float
    radius: FloatArray  # (P, 2, 2) m; 0 where a part is not worn
    bgr: FloatArray  # (P * vertices, 3) of the fine shape
    coarse_bgr: FloatArray


@lru_cache(maxsize=2048)
def figure(number: int) -> Figure:
    """Return the figure with this number; equal numbers give equal figures."""
    rng = np.random.default_rng([7, number])
    height = float(np.clip(rng.normal(1.71, 0.09), 1.45, 1.95))
    build = rng.uniform(0.94, 1.2)
    radius = _RADIUS * height
    radius[: _PARTS.index("neck"), :, :] *= np.float32(build)
    loose = rng.uniform(1.0, 1.25)
    radius[:4] *= np.float32(loose)
    radius[2:4] *= np.float32(1 + (loose - 1) * 1.5)
    radius[9:15] *= np.float32(0.9)
    woman_skirt = rng.random() < 0.16
    coat = not woman_skirt and rng.random() < 0.3
    radius[_PARTS.index("skirt")] *= np.float32(1.0 if woman_skirt or coat else 0.0)
    radius[_PARTS.index("pack")] *= np.float32(rng.random() < 0.25)
    radius[9:13] *= np.float32(1.25 if coat else rng.uniform(1.0, 1.15))
    fine = _clothes(rng, coat, woman_skirt)
    coarse = np.repeat(fine.mean(axis=1, keepdims=True), COARSE.vertices, axis=1)
    return Figure(
        height, radius.astype(np.float32), fine.reshape(-1, 3),
        coarse.reshape(-1, 3).astype(np.float32),
    )  # fmt: skip


def _clothes(rng: np.random.Generator, coat: bool, skirt: bool) -> FloatArray:
    """Return the colours of all vertices, (P, V, 3): clothes, skin, hair, folds and weave."""
    skin = _SKIN[rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))] * rng.uniform(0.9, 1.1)
    hair = _HAIR[rng.choice(4, p=(0.45, 0.3, 0.15, 0.1))]
    top = _TOPS[rng.integers(len(_TOPS))] * rng.uniform(0.8, 1.15)
    legs = _DARK[rng.integers(len(_DARK))] * rng.uniform(0.8, 1.3)
    shoes = np.full(3, rng.choice([0.07, 0.12, 0.7]))
    sleeve = skin if not coat and rng.random() < 0.35 else top
    lower = skin if skirt and rng.random() < 0.6 else legs
    below = top if coat else legs
    pack = _TOPS[rng.integers(len(_TOPS))] * 0.7
    parts = (lower, lower, lower, lower, shoes, shoes, below, top, top, top, top, sleeve, sleeve,
             skin, skin, skin, skin, hair, below, pack)  # fmt: skip
    colours = np.repeat(np.array(parts, np.float32)[:, None], FINE.vertices, axis=1)
    if rng.random() < 0.35:  # an open jacket shows the shirt in front
        front = _front_of_chest()
        colours[_PARTS.index("chest"), front] = _TOPS[rng.integers(len(_TOPS))]
    folds = rng.normal(1.0, 0.1, (*colours.shape[:2], 1))
    return np.clip(colours * folds, 0, 1).astype(np.float32)


def _front_of_chest() -> np.ndarray:
    """Return the rows of the chest's vertices that look forward."""
    start, end = np.zeros((1, 3), np.float32), np.array([[0, 0, 1]], np.float32)
    _, normal = limbs(start, end, np.ones((1, 2, 2), np.float32), _LEFT[None])
    return np.flatnonzero(normal.reshape(-1, 3)[:, 0] > 0.8)


_LEFT = np.array([0, 1, 0], np.float32)


def pose(who: Figure, gait: Gait, phase: float, shape: LimbShape = FINE) -> Mesh:
    """Return the figure's body at a phase (radians) of its gait, feet at the origin.

    Args: `shape` FINE or COARSE, which is enough for bodies of few pixels.
    """
    start, end = (points * who.height for points in _joints(gait, phase))
    side = np.tile(_LEFT, (len(_PARTS), 1))
    shoulders = _PARTS.index("shoulders")
    side[shoulders] = (1, 0, 0)
    xyz, normal = limbs(start, end, who.radius, side, shape)
    flat = xyz.reshape(-1, 3)
    if gait is not Gait.RIDE:
        flat[:, 2] -= flat[: 6 * shape.vertices, 2].min()  # the lower foot stands on the ground
    none = np.zeros(len(flat), np.float32)
    return Mesh(
        flat, normal.reshape(-1, 3), who.bgr if shape is FINE else who.coarse_bgr, none, none,
        limb_faces(len(_PARTS), shape),
    )  # fmt: skip


def _bend(angle: float, length: float) -> FloatArray:
    """Return a bone that hangs down, swung forward by `angle`."""
    return np.array([np.sin(angle) * length, 0, -np.cos(angle) * length], np.float32)


def _leg(gait: Gait, phase: float) -> tuple[float, float]:
    """Return the angles of thigh and shin, forward positive, at a phase of the step."""
    swing = np.sin(phase)
    lift = max(0.0, np.cos(phase))  # the leg that swings forward bends its knee
    if gait is Gait.STAND:
        return 0.03 * swing, -0.02
    if gait is Gait.RIDE:
        return 1.25, -0.35
    if gait is Gait.RUN:
        thigh = 0.2 + 0.75 * swing
        return thigh, thigh - 0.35 - 1.35 * lift
    thigh = 0.06 + 0.42 * swing
    return thigh, thigh - 0.1 - 0.75 * lift


def _arm(gait: Gait, phase: float) -> tuple[float, float]:
    swing = np.sin(phase)
    if gait is Gait.RIDE:
        return 0.9, 1.25
    if gait is Gait.RUN:
        return -0.1 + 0.7 * swing, 1.3 + 0.7 * swing
    if gait is Gait.STAND:
        return 0.05, 0.2
    return 0.4 * swing, 0.18 + 0.45 * swing


def _joints(gait: Gait, phase: float) -> tuple[FloatArray, FloatArray]:
    """Return both ends of every part in body heights: x forward, y left, z up."""
    lean = {Gait.RUN: 0.2, Gait.RIDE: 0.25}.get(gait, 0.04)
    hip = np.array([0, 0, 0.52], np.float32)
    up = np.array([np.sin(lean), 0, np.cos(lean)], np.float32)
    waist, chest, neck = hip + up * 0.1, hip + up * 0.245, hip + up * 0.33
    starts = np.zeros((len(_PARTS), 3), np.float32)
    ends = np.zeros_like(starts)
    for i, sign in enumerate((1, -1)):
        out = _LEFT * sign
        step = phase if sign > 0 else phase + np.pi
        thigh, shin = _leg(gait, step)
        hip_joint = hip + out * (0.05 if gait is not Gait.RIDE else 0.09)
        knee = hip_joint + _bend(thigh, 0.245)
        ankle = knee + _bend(shin, 0.235)
        toe = np.array([np.cos(shin), 0, 0.6 * np.sin(shin)], np.float32)
        upper, fore = _arm(gait, step + np.pi)
        shoulder = hip + up * 0.295 + out * 0.118
        elbow = shoulder + _bend(upper, 0.165) + out * 0.022
        wrist = elbow + _bend(fore, 0.15) - out * (0.004 if gait is Gait.WALK else 0.02)
        for name, a, b in (
            ("thigh", hip_joint, knee), ("shin", knee, ankle),
            ("foot", ankle - toe * 0.015 - (0, 0, 0.012), ankle + toe * 0.085 - (0, 0, 0.02)),
            ("upper_arm", shoulder, elbow), ("forearm", elbow, wrist),
            ("hand", wrist, wrist + _bend(fore, 0.04)),
        ):  # fmt: skip
            row = _PARTS.index(f"{name}_{'lr'[i]}")
            starts[row], ends[row] = a, b
    head = neck + up * 0.055
    forward = np.array([1, 0, 0], np.float32)
    hem = hip - np.array([0, 0, 0.2], np.float32)
    for name, a, b in (
        ("pelvis", hip - up * 0.01, waist), ("chest", waist, chest),
        ("shoulders", hip + up * 0.285 + _LEFT * 0.085, hip + up * 0.285 - _LEFT * 0.085),
        ("neck", hip + up * 0.3, neck), ("head", head, head + up * 0.045 + forward * 0.004),
        ("hair", head + up * 0.035 - forward * 0.014, head + up * 0.056 - forward * 0.008),
        ("skirt", waist - up * 0.02, hem), ("pack", hip + up * 0.12 - forward * 0.1,
                                            hip + up * 0.25 - forward * 0.095),
    ):  # fmt: skip
        row = _PARTS.index(name)
        starts[row], ends[row] = a, b
    return starts, ends
