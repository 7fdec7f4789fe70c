"""What decoding and suppression cost beyond the session, a family a line.

    taskset -c 0 python -m tests.bench_families

One picture of 50 objects at the family's usual size, five anchors each before suppression where
anchors compete; COCO's labels. Milliseconds of CPU, the median of five rounds of 200: on a shared
machine the wall says more about the others.
"""

import statistics
import sys
import time
import timeit
from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_agent.detect.candidates import suppress
from edge_agent.detect.families import FAMILIES
from edge_agent.detect.manifest import Manifest
from edge_agent.geometry import stretch

OBJECTS, EACH, LABELS = 50, 5, 80
COUNTED = (0, 1, 2, 3, 5, 7)
ROUNDS, RUNS = 5, 200


class Scene:
    """50 objects in an input of one size, and the numbers that stand for them."""

    def __init__(self, side: int) -> None:
        self.rng = np.random.default_rng(3)
        self.side = side
        sides = self.rng.uniform(0.05, 0.1, (OBJECTS, 2)) * side
        number = np.arange(OBJECTS)
        first = np.stack((number % 8, number // 8), axis=1) * side * 0.12 + side * 0.02
        self.corners = np.concatenate((first, first + sides), axis=1)
        self.label = self.rng.choice(COUNTED, OBJECTS)

    def cells(self, *strides: int) -> int:
        return sum((-(-self.side // s)) ** 2 for s in strides)

    def dense(self, anchors: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (anchors, 4) corners, (anchors, 80) scores, and which anchors see an object."""
        boxes = self.rng.uniform(0, self.side, (anchors, 4)).astype(np.float32)
        boxes[:, 2:] = boxes[:, :2] + 10
        scores = (self.rng.random((anchors, LABELS)) * 0.01).astype(np.float32)
        seen = self.rng.choice(anchors, OBJECTS * EACH, replace=False)
        shifts = self.rng.normal(0, 1, (OBJECTS * EACH, 4))
        boxes[seen] = np.repeat(self.corners, EACH, axis=0) + shifts
        scores[seen, np.repeat(self.label, EACH)] = self.rng.uniform(0.3, 0.9, OBJECTS * EACH)
        return boxes, scores, seen

    def sightings(self, *strides: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return anchor, cell (2,), stride and object of five cells around each object."""
        starts = np.cumsum([0, *((self.side // s) ** 2 for s in strides)])
        found = []
        for number, (x1, y1, x2, y2) in enumerate(self.corners):
            level = number % (len(strides) - 1)
            stride, cells = strides[level], self.side // strides[level]
            x, y = int((x1 + x2) / 2 / stride), int((y1 + y2) / 2 / stride)
            for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
                cx, cy = np.clip((x + dx, y + dy), 0, cells - 1)
                found.append((starts[level] + cy * cells + cx, cx, cy, stride, number))
        table = np.array(found)
        return table[:, 0], table[:, 1:3], table[:, 3:4], table[:, 4]

    def finished(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (50, 4) corners, (50,) scores and labels."""
        score = self.rng.uniform(0.3, 0.9, OBJECTS)
        return self.corners.astype(np.float32), score.astype(np.float32), self.label


def centred(corners: np.ndarray) -> np.ndarray:
    middle = (corners[:, :2] + corners[:, 2:]) / 2
    return np.concatenate((middle, corners[:, 2:] - corners[:, :2]), axis=1)


def with_objectness(scores: np.ndarray, seen: np.ndarray) -> np.ndarray:
    objectness = np.full((len(scores), 1), 0.01, np.float32)
    objectness[seen] = 0.95
    return np.concatenate((objectness, scores), axis=1)


def quiet(scene: Scene, anchors: int) -> np.ndarray:
    return (scene.rng.random((anchors, LABELS)) * 0.01).astype(np.float32)


def yolox() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    scene = Scene(416)
    anchor, cell, stride, number = scene.sightings(8, 16, 32)
    scores = quiet(scene, scene.cells(8, 16, 32))
    scores[anchor, scene.label[number]] = scene.rng.uniform(0.3, 0.9, len(anchor))
    boxes = centred(scene.corners)[number]
    raw = scene.rng.normal(0.5, 0.4, (len(scores), 4))
    raw[anchor, :2] = boxes[:, :2] / stride - cell
    raw[anchor, 2:] = np.log(boxes[:, 2:] / stride)
    rows = np.concatenate((raw, with_objectness(scores, anchor)), axis=1)
    return [rows[None].astype(np.float32)], {"input_wh": (416, 416)}


def yolov5() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    scene = Scene(640)
    boxes, scores, seen = scene.dense(3 * scene.cells(8, 16, 32))
    rows = np.concatenate((centred(boxes), with_objectness(scores, seen)), axis=1)
    return [rows[None].astype(np.float32)], {}


def yolov5_half() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    (rows,), keys = yolov5()
    return [rows.astype(np.float16)], keys


def yolov5_heads() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    scene = Scene(640)
    strides = (8, 16, 32)
    anchor, cell, stride, number = scene.sightings(*strides)
    boxes = centred(scene.corners)[number]
    sizes = np.array([[50.0, 50.0]] * 3)
    done = np.concatenate(
        ((boxes[:, :2] / stride - cell + 0.5) / 2, np.sqrt(boxes[:, 2:] / sizes[0]) / 2), axis=1
    ).clip(0.01, 0.99)
    heads, first = [], 0
    for size in strides:
        cells = 640 // size
        head = scene.rng.normal(-6, 1, (3, cells * cells, 5 + LABELS)).astype(np.float32)
        here = np.flatnonzero(stride[:, 0] == size)
        places = anchor[here] - first
        head[0, places, :4] = np.log(done[here] / (1 - done[here]))
        head[0, places, 4] = 3
        head[0, places, 5 + scene.label[number[here]]] = 2
        heads.append(head.reshape(1, 3, cells, cells, -1))
        first += cells * cells
    return heads, {"anchors": (tuple(map(tuple, sizes)),) * 3}


def yolov8() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    scene = Scene(640)
    boxes, scores, _ = scene.dense(scene.cells(8, 16, 32))
    rows = np.concatenate((centred(boxes), scores), axis=1)
    return [np.ascontiguousarray(rows.T[None], np.float32)], {}


def yolov8_rows() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    (columns,), keys = yolov8()
    return [np.ascontiguousarray(columns.transpose(0, 2, 1))], keys


def yolov8_half() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    (columns,), keys = yolov8()
    return [columns.astype(np.float16)], keys


def distances(side: int, strides: tuple[int, ...], bins: int) -> list[np.ndarray]:
    scene = Scene(side)
    anchor, cell, stride, number = scene.sightings(*strides)
    scores = quiet(scene, scene.cells(*strides))
    scores[anchor, scene.label[number]] = scene.rng.uniform(0.3, 0.9, len(anchor))
    distance = scene.rng.normal(0, 2, (len(scores), 4 * bins)).astype(np.float32)
    point = (cell + 0.5) * stride
    corners = scene.corners[number]
    sides = np.concatenate((point - corners[:, :2], corners[:, 2:] - point), axis=1) / stride
    far = np.abs(np.arange(bins) - sides.clip(0, bins - 1)[..., None])
    distance[anchor] = np.log(np.maximum(1 - far, 1e-6)).reshape(len(anchor), -1)
    splits = np.cumsum([scene.cells(s) for s in strides])[:-1]
    return [part[None] for rows in (scores, distance) for part in np.split(rows, splits)]


def nanodet() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    return distances(320, (8, 16, 32), 8), {"input_wh": (320, 320)}


def nanodet_plus() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    parts = distances(416, (8, 16, 32, 64), 8)
    pairs = zip(parts[:4], parts[4:], strict=True)
    rows = np.concatenate([np.concatenate(p, axis=2) for p in pairs], axis=1)
    return [rows], {"input_wh": (416, 416), "strides": (8, 16, 32, 64)}


def picodet() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    keys = {"input_wh": (416, 416), "strides": (8, 16, 32, 64)}
    return distances(416, (8, 16, 32, 64), 8), keys


def yolov8_heads() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    parts = distances(640, (8, 16, 32), 16)
    images = []
    for part in parts:
        cells = round(part.shape[1] ** 0.5)
        images.append(part.transpose(0, 2, 1).reshape(1, -1, cells, cells).copy())
    return images, {"activation": "none"}


def end_to_end() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    corners, score, label = Scene(640).finished()
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, :OBJECTS] = np.concatenate((corners, score[:, None], label[:, None]), axis=1)
    return [rows], {}


def yolov7_rows() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    corners, score, label = Scene(640).finished()
    parts = (np.zeros((OBJECTS, 1)), corners, label[:, None], score[:, None])
    columns = ("batch", "x1", "y1", "x2", "y2", "class", "score")
    return [np.concatenate(parts, axis=1).astype(np.float32)], {"columns": columns}


def ssd() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    corners, score, label = Scene(320).finished()
    roles = ("boxes", "classes", "scores", "count")
    count = np.array([OBJECTS], np.float32)
    return (
        [corners[None] / 320, label[None].astype(np.float32), score[None], count],
        {"input_wh": (320, 320), "outputs": roles, "box_units": "normalised"},
    )


def tensorrt_nms() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    corners, score, label = Scene(640).finished()
    count = np.array([[OBJECTS]], np.int32)
    return [count, corners[None], score[None], label[None].astype(np.int32)], {}


def detr() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    corners, score, label = Scene(640).finished()
    pad = ((0, 0), (0, 250))
    boxes = np.pad(corners[None], (*pad, (0, 0)))
    return [np.pad(label[None], pad), boxes, np.pad(score[None], pad)], {}


def detr_logits() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    corners, _, label = Scene(560).finished()
    logits = np.full((1, 300, LABELS), -6, np.float32)
    logits[0, np.arange(OBJECTS), label] = 1
    boxes = np.pad(centred(corners)[None] / 560, ((0, 0), (0, 250), (0, 0))).astype(np.float32)
    return [boxes, logits], {"input_wh": (560, 560), "outputs": ("boxes", "scores")}


def boxes_scores() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    scene = Scene(640)
    boxes, scores, _ = scene.dense(scene.cells(8, 16, 32))
    return [boxes[None], np.ascontiguousarray(scores.T[None])], {}


def fastestdet() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    scene = Scene(352)
    boxes = centred(scene.corners)
    cell = (boxes[:, :2] // 16).astype(int)
    anchor = cell[:, 1] * 22 + cell[:, 0]
    scores = quiet(scene, 22 * 22)
    scores[anchor, scene.label] = 0.8
    raw = scene.rng.normal(0, 1, (22 * 22, 4))
    raw[anchor, :2] = np.arctanh((boxes[:, :2] / 16 - cell).clip(0, 0.99))
    raw[anchor, 2:] = np.log(boxes[:, 2:] / (352 - boxes[:, 2:]))
    objectness = with_objectness(scores, anchor)[:, :1]
    grid = np.concatenate((objectness, raw, scores), axis=1).T.reshape(1, -1, 22, 22)
    return [np.ascontiguousarray(grid, np.float32)], {"input_wh": (352, 352)}


def yolo_fastestv2() -> tuple[list[np.ndarray], Mapping[str, Any]]:
    scene = Scene(352)
    boxes = centred(scene.corners)
    sizes = np.array([[30.0, 30.0]] * 3)
    heads = []
    for stride, cells in ((16, 22), (32, 11)):
        head = scene.rng.random((cells, cells, 15 + LABELS)).astype(np.float32)
        head[..., 12:] *= 0.01
        cell = (boxes[:, :2] // stride).astype(int)
        x, y = cell.T
        head[y, x, :2] = (boxes[:, :2] / stride - cell + 0.5) / 2
        head[y, x, 2:4] = (np.sqrt(boxes[:, 2:] / sizes[0]) / 2).clip(0.01, 0.99)
        head[y, x, 12] = 0.9
        head[y, x, 15 + scene.label] = 0.8
        heads.append(head[None])
    anchors = (tuple(map(tuple, sizes)),) * 2
    return heads, {"input_wh": (352, 352), "strides": (16, 32), "anchors": anchors}


#: A name -> the family and what makes its outputs and keys.
BENCHES = {
    "yolox": ("yolox", yolox),
    "yolov5": ("yolov5", yolov5),
    "yolov5, half": ("yolov5", yolov5_half),
    "yolov5, raw heads": ("yolov5", yolov5_heads),
    "yolov8": ("yolov8", yolov8),
    "yolov8, rows": ("yolov8", yolov8_rows),
    "yolov8, half": ("yolov8", yolov8_half),
    "yolov8_heads": ("yolov8_heads", yolov8_heads),
    "end_to_end, 300 × 6": ("end_to_end", end_to_end),
    "end_to_end, 50 × 7": ("end_to_end", yolov7_rows),
    "nanodet": ("nanodet", nanodet),
    "nanodet, plus": ("nanodet", nanodet_plus),
    "picodet": ("picodet", picodet),
    "ssd": ("ssd", ssd),
    "tensorrt_nms": ("tensorrt_nms", tensorrt_nms),
    "detr": ("detr", detr),
    "detr, logits": ("detr", detr_logits),
    "boxes_scores": ("boxes_scores", boxes_scores),
    "fastestdet": ("fastestdet", fastestdet),
    "yolo_fastestv2": ("yolo_fastestv2", yolo_fastestv2),
}


def measure(family: str, outputs: list[np.ndarray], keys: Mapping[str, Any]) -> tuple[float, int]:
    """Return the milliseconds of one picture, and how many boxes it gave."""
    values = {
        "name": "bench",
        "file": "bench.onnx",
        "sha256": "0" * 64,
        "family": family,
        "input_wh": (640, 640),
        "channels": "rgb",
        "letterbox": "stretch",
        "labels": "coco",
        "score_threshold": 0.3,
        "licence": "Apache-2.0",
        "source": "the bench",
    }
    manifest = Manifest.model_validate({**values, **keys})
    decoder = FAMILIES[family].build_decoder(manifest)
    groups = manifest.class_table.groups
    fit = stretch((1920, 1080), manifest.input_wh)

    def run() -> int:
        (candidates,) = decoder.decode(outputs, 1)
        return len(suppress(candidates, groups, 0.45, fit)[1])

    found = run()
    timer = timeit.Timer(run, timer=time.thread_time)
    return statistics.median(timer.timeit(RUNS) / RUNS * 1e3 for _ in range(ROUNDS)), found


def main() -> None:
    for name, (family, make) in BENCHES.items():
        outputs, keys = make()
        ms, found = measure(family, outputs, keys)
        sys.stdout.write(f"{name:22} {ms:6.3f} ms  {found:3d} boxes\n")


if __name__ == "__main__":
    main()
