"""The photos of `../shared/data`: which are trained on, and what is known about each.

Only split `train`. A class that a picture does not cover gets the fused teachers' boxes; bicycles,
which nobody boxed, make ignore regions for vehicles.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.training.labels import (
    CLASSES,
    TEACHER_DOUBT,
    TEACHER_OBJECT,
    VEHICLE,
    Labels,
    Picture,
    labels_of,
)
from models.training.teacher import BICYCLE, Rows, overlaps

Look = Callable[[Path], Rows]

#: Sources whose people left objects unboxed (SOURCES2.md, and looked at): what the teachers
#: surely see there and nobody boxed is ignored, not background.
INCOMPLETE = {"nepal", "oi_vehicles", "tollcam", "topview", "atl", "aerial"}
_SURE = 0.4
_BICYCLE_SEEN = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A picture of an annotation file."""

    path: Path
    source: str
    split: str
    covers: frozenset[int]
    human: Labels  # crowds are ignore boxes
    teacher: Rows | None  # boxes that came with the set for what it does not cover


def read_entries(data: Path, split: str) -> list[Entry]:
    """Return the pictures of both sets that are in `split` (train or val)."""
    first = _read(data / "annotations.json", {})
    given: dict[int, list[list[float]]] = defaultdict(list)
    for row in json.loads((data / "teacher_boxes2.json").read_text())["annotations"]:
        box = _xyxy(row["bbox"])
        given[row["image_id"]].append([*box, row["score"], row["category_id"] - 1])
    second = _read(data / "annotations2.json", given)
    return [entry for entry in (*first, *second) if entry.split == split]


def _read(file: Path, given: dict[int, list[list[float]]]) -> list[Entry]:
    content = json.loads(file.read_text())
    boxes: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        boxes[annotation["image_id"]].append(annotation)
    entries = []
    for image in content["images"]:
        rows = [
            (_xyxy(a["bbox"]), a["category_id"] - 1, 1.0, bool(a["iscrowd"]))
            for a in boxes[image["id"]]
        ]
        teacher = np.array(given[image["id"]], np.float32).reshape(-1, 6) if given else None
        covers = frozenset(CLASSES.index(name) for name in image["covers"])
        entries.append(
            Entry(
                file.parent / image["file_name"], image["source"], image["split"], covers,
                labels_of([r for r in rows if r[1] in covers]), teacher,
            )
        )  # fmt: skip
    return entries


def _xyxy(bbox: list[float]) -> list[float]:
    x, y, w, h = bbox
    return [x, y, x + w, y + h]


def labelled(entry: Entry, seen: Rows) -> Labels:
    """Return all that is known about a picture, given what the teachers see in it now."""
    human = list(_rows_of(entry.human))
    teacher = seen if entry.teacher is None else entry.teacher
    for class_id in range(len(CLASSES)):
        if class_id not in entry.covers:
            human += teacher_rows(teacher[teacher[:, 5] == class_id])
        elif entry.source in INCOMPLETE:
            human += _unboxed(entry.human, seen, class_id)
    human += bicycle_rows(seen)
    return labels_of(human)


def teacher_rows(rows: Rows) -> list[tuple[list[float], int, float, bool]]:
    """Return a teacher's boxes as objects where it is sure enough and as ignore where not."""
    return [
        (list(row[:4]), int(row[5]), float(row[4]), bool(row[4] < TEACHER_OBJECT))
        for row in rows
        if row[4] >= TEACHER_DOUBT and row[5] != BICYCLE
    ]


def bicycle_rows(rows: Rows) -> list[tuple[list[float], int, float, bool]]:
    """Return ignore boxes for vehicles where the teachers see a bicycle."""
    return [
        (list(row[:4]), VEHICLE, 1.0, True)
        for row in rows
        if row[5] == BICYCLE and row[4] >= _BICYCLE_SEEN
    ]


def _unboxed(
    human: Labels, seen: Rows, class_id: int
) -> list[tuple[list[float], int, float, bool]]:
    boxed = human.xyxy[human.class_id == class_id]
    rows = []
    for row in seen[(seen[:, 5] == class_id) & (seen[:, 4] >= _SURE)]:
        if not len(boxed) or overlaps(row, boxed).max() < 0.3:
            rows.append((list(row[:4]), class_id, 1.0, True))
    return rows


def _rows_of(labels: Labels) -> Iterator[tuple[list[float], int, float, bool]]:
    for i in range(len(labels)):
        yield (
            list(labels.xyxy[i]), int(labels.class_id[i]), float(labels.score[i]),
            bool(labels.ignore[i]),
        )  # fmt: skip


def photos(data: Path, look: Look) -> Iterator[Picture]:
    """Yield the training photos of both sets with their labels."""
    for entry in read_entries(data, "train"):
        bgr = cv2.imread(str(entry.path))
        if bgr is None:
            raise FileNotFoundError(f"picture {entry.path}: cannot be read")
        known = np.ones(len(CLASSES), bool)
        yield Picture(bgr.astype(np.uint8), labelled(entry, look(entry.path)), known, entry.source)
