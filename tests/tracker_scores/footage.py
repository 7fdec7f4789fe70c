"""What trackers are scored on: frames whose objects are known, with their ids."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from edge_agent.scenes import FrameTruth, Order, scene_named
from edge_agent.types import BoolArray, FloatArray, IdArray, IntArray, Wh

#: The tracker's groups: a person never becomes a vehicle.
PERSON, VEHICLE = 0, 1
#: An object is asked for from this visible part of its body and this height, px. A smaller or
#: more hidden one is neither asked for nor held against a tracker that has it.
LEAST_VISIBLE, LEAST_HEIGHT_PX = 0.25, 16.0

#: A scene for each sensing layer, and a camera that pans.
SCENES = ("street-corner", "checkpoint", "square", "country-uav", "pan")
SEEDS = (901, 902)
SECONDS, FPS = 30, 10

#: Of real footage: its clip and its truth in ../shared/media, and the truth's frame rate.
PETS = ("pets_street_480x360.mp4", "truth/pets_street_480x360.frames-1-400.mot.txt", 10)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The objects of one frame, one row each."""

    id: IdArray  # (N,)
    group: IntArray  # (N,) PERSON or VEHICLE
    xyxy: FloatArray  # (N, 4) px, hidden parts included
    visible: FloatArray  # (N,) 0..1
    counts: BoolArray  # (N,) whether it is asked for


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """Frames of one camera at even times."""

    name: str
    wh: Wh
    fps: float
    frames: tuple[Labels, ...]
    clip: Path | None = None  # its pictures; None where it has none
    stride: int = 1  # every so many of the clip's pictures is a frame
    groups: tuple[int, ...] = (PERSON, VEHICLE)  # those whose truth is known


def thinned(footage: Footage, stride: int) -> Footage:
    """Return every `stride`-th frame of `footage`."""
    return replace(
        footage,
        fps=footage.fps / stride,
        frames=footage.frames[::stride],
        stride=footage.stride * stride,
    )


def rendered(
    name: str, wh: Wh, fps: float, frames: Iterable[FrameTruth], clip: Path | None = None
) -> Footage:
    """Return the footage of a rendered scene."""
    return Footage(name, wh, fps, tuple(_labels_of(frame) for frame in frames), clip)


def scene_orders(names: Iterable[str] = SCENES) -> list[Order]:
    """Return the clips of the scenes, with bodies that no detector of ours was trained on."""
    scenes = [scene_named(name, held_out=True) for name in names]
    return [
        Order(scene, seed, SECONDS, Fraction(FPS), scene.wh, "h264", Path())
        for scene in scenes
        for seed in SEEDS
    ]


def _labels_of(frame: FrameTruth) -> Labels:
    objects = frame.objects
    xyxy = np.array([o.xyxy for o in objects], np.float32).reshape(-1, 4)
    visible = np.array([o.visible for o in objects], np.float32)
    tall = xyxy[:, 3] - xyxy[:, 1] >= LEAST_HEIGHT_PX
    return Labels(
        id=np.array([o.id for o in objects], np.int64),
        group=np.array([o.object_class == "vehicle" for o in objects], np.int32),
        xyxy=xyxy,
        visible=visible,
        counts=tall & (visible >= LEAST_VISIBLE),
    )


def read_pets(media: Path) -> Footage:
    """Return the street of PETS2009: up to 10 persons, asked for also where wholly hidden.

    Args: `media` the folder of the clip. Raises: OSError.
    """
    clip, truth, fps = PETS
    rows: dict[int, list[list[float]]] = defaultdict(list)
    for line in (media / truth).read_text().splitlines():
        frame, *row = (float(value) for value in line.split(",")[:6])
        rows[int(frame)].append(row)
    return Footage(
        "pets",
        (480, 360),
        fps,
        tuple(_persons(np.array(rows[k]).reshape(-1, 5)) for k in range(1, max(rows) + 1)),
        media / clip,
        groups=(PERSON,),
    )


def _persons(rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Labels:
    """Return persons of rows (N, 5): id, left, top, width, height."""
    n = len(rows)
    return Labels(
        id=rows[:, 0].astype(np.int64),
        group=np.full(n, PERSON, np.int32),
        xyxy=np.concatenate([rows[:, 1:3], rows[:, 1:3] + rows[:, 3:]], axis=1).astype(np.float32),
        visible=np.ones(n, np.float32),
        counts=np.ones(n, np.bool_),
    )
