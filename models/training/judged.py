"""What ring-nano and YOLOX-Nano are judged on: pictures with truth, never trained on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.scenes import FrameTruth, frames
from models.training.labels import CLASSES, PERSON, VEHICLE, Labels, labels_of
from models.training.rendered import evaluation_scenes
from models.training.sources import Look, read_entries
from models.training.teacher import BICYCLE, Rows

_VISIBLE, _HEIGHT, _CONTRAST = 0.5, 16.0, 4.0
_BICYCLE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A picture, its truth (ignore boxes count neither way), and the classes to count."""

    bgr: NDArray[np.uint8]
    truth: Labels
    covers: frozenset[int]
    group: str


def photos(data: Path, look: Look) -> Iterator[Judged]:
    """Yield the photos of split val; a bicycle that the teachers see is ignored as a vehicle."""
    for entry in read_entries(data, "val"):
        bgr = cv2.imread(str(entry.path))
        if bgr is None:
            raise FileNotFoundError(f"picture {entry.path}: cannot be read")
        human = entry.human
        rows = [
            (list(human.xyxy[i]), int(human.class_id[i]), 1.0, bool(human.ignore[i]))
            for i in range(len(human))
        ]
        rows += [(list(row[:4]), VEHICLE, 1.0, True) for row in _bicycles(look(entry.path))]
        yield Judged(bgr.astype(np.uint8), labels_of(rows), entry.covers, entry.source)


def _bicycles(seen: Rows) -> Rows:
    bicycle = (seen[:, 5] == BICYCLE) & (seen[:, 4] >= _BICYCLE)
    return np.asarray(seen[bicycle], np.float32)


def street(media: Path) -> Iterator[Judged]:
    """Yield the 400 frames of pets_street with truth: persons only, hidden ones too."""
    rows = np.loadtxt(media / "truth/pets_street_480x360.frames-1-400.mot.txt", delimiter=",")
    for index, bgr in enumerate(_decoded(media / "pets_street_480x360.mp4", 400), 1):
        boxes = rows[rows[:, 0] == index][:, 2:6]
        truth = [([x, y, x + w, y + h], PERSON, 1.0, False) for x, y, w, h in boxes]
        yield Judged(bgr, labels_of(truth), frozenset({PERSON}), "pets_street")


def motorway(media: Path) -> Iterator[Judged]:
    """Yield the frames of both us101 clips: vehicles only."""
    truth = json.loads((media / "truth/traffic_us101.boxes.json").read_text())
    for clip in truth["clips"]:
        decoded = _decoded(media / clip["file"], clip["frames"])
        for bgr, boxes in zip(decoded, clip["boxes"], strict=True):
            rows = [([x, y, x + w, y + h], VEHICLE, 1.0, False) for x, y, w, h in boxes]
            yield Judged(bgr, labels_of(rows), frozenset({VEHICLE}), "traffic_us101")


def _decoded(path: Path, count: int) -> Iterator[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == count:
                return
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def scenes(input_wh: tuple[int, int], moments: int = 3) -> Iterator[Judged]:
    """Yield rendered pictures of held-out towns, bodies and seeds, by hour and weather."""
    for scene, seed in evaluation_scenes():
        played = frames(scene, seed=seed, seconds=moments * 3.0, fps=1 / 3)
        for bgr, truth in played:
            scale = min(input_wh[0] / bgr.shape[1], input_wh[1] / bgr.shape[0])
            yield Judged(
                bgr, _scene_truth(truth, scale), frozenset(range(len(CLASSES))),
                f"{scene.hour}, {scene.weather}",
            )  # fmt: skip


def _scene_truth(truth: FrameTruth, scale: float) -> Labels:
    rows = []
    for o in truth.objects:
        high = (o.xyxy[3] - o.xyxy[1]) * scale >= _HEIGHT
        asked = high and o.visible >= _VISIBLE and o.contrast >= _CONTRAST
        rows.append((list(o.xyxy), CLASSES.index(o.object_class), 1.0, not asked))
    return labels_of(rows)
