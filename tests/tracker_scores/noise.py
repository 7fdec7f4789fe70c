"""Detections as a detector would make them of a known scene; the same for the same footage.

Boxes jitter, and their error moves on slowly; what is half hidden scores low and is missed
more often; misses come in runs; a thing that is no person is taken for one again and again; now
and then an object has two boxes, or something has one for a single frame.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_agent.types import FloatArray, IntArray
from tests.tracker_scores.footage import Footage, Labels

#: Standard deviation of an edge's error in parts of the box's size, and how much of it is new
#: a second later.
JITTER, RENEWED_S = 0.05, 0.5
#: The part of the frames in which a body in full view is missed, and how long a run of them is.
MISSED, MISSED_RUN_S = 0.08, 0.4
#: Below this visible part nothing is found.
HIDDEN = 0.1
#: How many things are mistaken, how often each; boxes out of nothing and second boxes a frame.
MISTAKEN, MISTAKEN_PART, STRAY, TWICE = 3, 0.25, 0.1, 0.02
#: The score of a body in full view, of a false box, and the deviation of both.
SEEN_SCORE, FALSE_SCORE, SCORE_SPREAD = 0.72, 0.32, 0.13
LEAST_SCORE = 0.1

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a detector found in one frame, by falling score."""

    xyxy: FloatArray  # (N, 4) px
    score: FloatArray  # (N,)
    group: IntArray  # (N,)


@dataclass(slots=True)
class _Body:
    """How one object is seen: what lasts from frame to frame."""

    error: Array  # (4,) of the edges, in parts of the size
    missed: bool = False


@dataclass(slots=True)
class _Camera:
    footage: Footage
    rng: np.random.Generator
    bodies: dict[int, _Body] = field(default_factory=dict)


def noisy(footage: Footage) -> list[Found]:
    """Return what a detector of middling quality finds in each frame of `footage`."""
    seed = zlib.crc32(f"{footage.name} {footage.fps:g}".encode())
    camera = _Camera(footage, np.random.default_rng(seed))
    mistaken = _mistaken(camera)
    return [_found(camera, labels, mistaken) for labels in footage.frames]


def _found(camera: _Camera, labels: Labels, mistaken: Array) -> Found:
    rng, wh = camera.rng, np.array(camera.footage.wh)
    rows = [*_seen(camera, labels)]
    for xyxy, group in zip(mistaken[:, :4], mistaken[:, 4], strict=True):
        if rng.random() < MISTAKEN_PART:
            size = np.tile(xyxy[2:] - xyxy[:2], 2)
            rows.append((xyxy + rng.normal(0, JITTER, 4) * size, FALSE_SCORE, int(group)))
    if rng.random() < STRAY:
        rows.append((_anywhere(rng, wh), FALSE_SCORE, int(rng.integers(2))))
    xyxy = np.array([row[0] for row in rows]).reshape(-1, 4)
    xyxy = np.clip(np.sort(xyxy.reshape(-1, 2, 2), axis=1).reshape(-1, 4), 0, np.tile(wh, 2))
    score = np.array([row[1] for row in rows]) + rng.normal(0, SCORE_SPREAD, len(rows))
    score = np.clip(score, 0, 0.97)
    kept = np.flatnonzero(score >= LEAST_SCORE)
    order = kept[np.argsort(-score[kept], kind="stable")]
    group = np.array([row[2] for row in rows], np.int32)
    return Found(xyxy[order].astype(np.float32), score[order].astype(np.float32), group[order])


def _seen(camera: _Camera, labels: Labels) -> Iterator[tuple[Array, float, int]]:
    """Yield box, mean score and group of each object that is found."""
    rng = camera.rng
    step_s = 1 / camera.footage.fps
    kept = (1 - RENEWED_S) ** step_s
    run = min(1.0, step_s / MISSED_RUN_S)
    for who, group, xyxy, visible in zip(
        labels.id.tolist(), labels.group.tolist(), labels.xyxy, labels.visible.tolist(),
        strict=True,
    ):  # fmt: skip
        new = rng.normal(0, JITTER, 4)
        body = camera.bodies.setdefault(who, _Body(new))
        body.error = body.error * kept + new * np.sqrt(1 - kept**2)
        part = min(1.0, max(0.0, (visible - HIDDEN) / (1 - HIDDEN)))
        rate = 1 - (1 - MISSED) * min(1.0, 2 * part)  # from half hidden on more and more
        # Of the frames the part `rate` is missed, in runs of MISSED_RUN_S.
        ends, begins = run * (1 - rate), run * rate
        body.missed = rng.random() >= ends if body.missed else rng.random() < begins
        if body.missed or not part:
            continue
        size = np.tile(xyxy[2:] - xyxy[:2], 2).astype(np.float64)
        score = FALSE_SCORE + (SEEN_SCORE - FALSE_SCORE) * min(1.0, 1.5 * part)
        yield xyxy + (body.error + rng.normal(0, JITTER / 2, 4)) * size, score, group
        if rng.random() < TWICE:
            yield xyxy + rng.normal(0, 4 * JITTER, 4) * size, FALSE_SCORE, group


def _mistaken(camera: _Camera) -> Array:
    """Return (MISTAKEN, 5) boxes and groups of things that are mistaken for an object."""
    rng, wh = camera.rng, np.array(camera.footage.wh)
    return np.array([[*_anywhere(rng, wh), rng.integers(2)] for _ in range(MISTAKEN)])


def _anywhere(rng: np.random.Generator, wh: IntArray) -> Array:
    size = rng.uniform((12, 24), (50, 90))
    upper = rng.uniform(0, 1, 2) * (wh - size)
    return np.concatenate([upper, upper + size])
