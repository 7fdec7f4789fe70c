"""Stages made by hand for the tests of the renderer, and what they measure on pictures."""

import hashlib

import numpy as np

from edge_agent.scenes.motion import Motion, stay
from edge_agent.scenes.painter import Painter
from edge_agent.scenes.persons import Gait
from edge_agent.scenes.stage import Actor, Gate, Rig, Scene, Stage, places_at
from edge_agent.scenes.town import Floor, Town
from edge_agent.scenes.truth import ObjectTruth
from edge_agent.scenes.view import Pose
from edge_agent.types import ByteArray, Wh

EMPTY = Town(Floor.PAVED, seed=1)
CAMERA = Pose(0, 0, 4, 0, -8, 0, 60)
WH: Wh = (640, 360)


def person(number: int, motion: Motion) -> Actor:
    gait = Gait.WALK if motion.length[-1] else Gait.STAND
    return Actor(number, None, 10 + number, 0, motion, gait)


def car(number: int, motion: Motion, subclass: str = "car") -> Actor:
    return Actor(number, subclass, 1, number, motion)


def at(x: float, y: float, heading: float = 0.0) -> Motion:
    return stay(x, y, heading)


def stage(*actors: Actor, town: Town = EMPTY, gates: tuple[Gate, ...] = ()) -> Stage:
    return Stage(town, actors, Rig(CAMERA), gates)


def paint(*actors: Actor, town: Town = EMPTY, wh: Wh = WH, **knobs):
    """Return the light and the objects by id of a hand-made stage at its beginning."""
    played = stage(*actors, town=town)
    painter = Painter(Scene("by-hand", **knobs), played, 1, wh)
    light, _, _, objects = painter.paint(0.0, places_at(played, 0.0))
    return light, {o.id: o for o in objects}


def hash_of(pictures: list[ByteArray]) -> str:
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(picture.tobytes())
    return digest.hexdigest()


def middle_of(o: ObjectTruth) -> tuple[float, float]:
    return (o.xyxy[0] + o.xyxy[2]) / 2, (o.xyxy[1] + o.xyxy[3]) / 2


def bounds(mask: np.ndarray) -> np.ndarray:
    """Return left, upper, right, lower edge of what is true."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
