"""What one writes first: `cv2.VideoCapture` threads, the newest frame, one call a frame.

    python -P cv2_threads.py --model yolox_nano.onnx --fps 5 [--tracker supervision] URL...

A thread a camera reads picture after picture and keeps the newest; one loop takes the newest of
each camera `fps` times a second, letterboxes it, calls ONNX Runtime on one thread, decodes
YOLOX's output and suppresses overlaps with `cv2.dnn.NMSBoxes`; with `--tracker supervision` its
ByteTrack follows the boxes. Nothing is stored or sent. OpenCV's defaults are kept.
"""

import argparse
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

_STRIDES = (8, 16, 32)
_SCORE, _IOU, _PAD = 0.35, 0.45, 114

Array = NDArray[Any]
#: Boxes (n, 4) xyxy in pixels, scores (n,), classes (n,).
Found = tuple[Array, Array, Array]


class Camera:
    """A stream and the newest picture of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.frames = 0
        self.newest: Array | None = None
        self.lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        capture = cv2.VideoCapture(self.url)
        while True:
            came, picture = capture.read()
            if not came:
                capture.release()
                time.sleep(1)
                capture = cv2.VideoCapture(self.url)
                continue
            with self.lock:
                self.newest = picture
            self.frames += 1

    def take(self) -> Array | None:
        """Return the newest picture, once."""
        with self.lock:
            picture, self.newest = self.newest, None
        return picture


class Detector:
    """YOLOX in ONNX Runtime."""

    def __init__(self, model: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        given = self.session.get_inputs()[0]
        self.name, self.side = given.name, int(given.shape[2])
        self.grid, self.stride = _anchors(self.side)

    def detect(self, picture: Array) -> Found:
        """Return what is in a picture (h, w, 3) BGR."""
        ratio = self.side / max(picture.shape[:2])
        wh = (round(picture.shape[1] * ratio), round(picture.shape[0] * ratio))
        boxed = np.full((self.side, self.side, 3), _PAD, np.uint8)
        boxed[: wh[1], : wh[0]] = cv2.resize(picture, wh, interpolation=cv2.INTER_LINEAR)
        given = np.ascontiguousarray(boxed.transpose(2, 0, 1)[None], np.float32)
        output = self.session.run(None, {self.name: given})[0][0]
        scores = output[:, 4:5] * output[:, 5:]
        classes = scores.argmax(1)
        best = scores[np.arange(len(scores)), classes]
        kept = best > _SCORE
        centre = (output[kept, :2] + self.grid[kept]) * self.stride[kept]
        size = np.exp(output[kept, 2:4]) * self.stride[kept]
        xywh = np.concatenate([centre - size / 2, size], 1) / ratio
        best, classes = best[kept], classes[kept]
        kept_rows = cv2.dnn.NMSBoxes(xywh.tolist(), best.tolist(), _SCORE, _IOU)
        rows = np.array(kept_rows, int).reshape(-1)
        xyxy = np.concatenate([xywh[rows, :2], xywh[rows, :2] + xywh[rows, 2:]], 1)
        return xyxy, best[rows], classes[rows]


def _anchors(side: int) -> tuple[Array, Array]:
    grids, strides = [], []
    for stride in _STRIDES:
        n = side // stride
        y, x = np.mgrid[:n, :n]
        grids.append(np.stack([x, y], 2).reshape(-1, 2))
        strides.append(np.full((n * n, 1), stride))
    return np.concatenate(grids), np.concatenate(strides)


def supervision_tracker(fps: float) -> Callable[[Array, Array, Array], None]:
    """Return a function from boxes to tracks with supervision's ByteTrack."""
    supervision = importlib.import_module("supervision")
    tracker = supervision.ByteTrack(frame_rate=max(1, round(fps)))

    def follow(xyxy: Array, scores: Array, classes: Array) -> None:
        found = supervision.Detections(
            xyxy=xyxy.astype(np.float32), confidence=scores.astype(np.float32), class_id=classes
        )
        tracker.update_with_detections(found)

    return follow


def analyse(
    cameras: list[Camera],
    detector: Detector,
    trackers: list[Callable[[Array, Array, Array], None]],
    fps: float,
    counts: dict[str, int],
) -> None:
    """Take each camera's newest picture `fps` times a second, for ever."""
    due = time.monotonic()
    while True:
        for number, camera in enumerate(cameras):
            picture = camera.take()
            if picture is None:
                continue
            found = detector.detect(picture)
            if trackers:
                trackers[number](*found)
            counts["images"] += 1
        due = max(due + 1 / fps, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def main() -> None:
    """Read the command line, run, and answer until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--tracker", choices=["supervision"])
    parser.add_argument("urls", nargs="+")
    given = parser.parse_args()
    detector = Detector(given.model)
    trackers = [supervision_tracker(given.fps) for _ in given.urls] if given.tracker else []
    cameras = [Camera(url) for url in given.urls]
    counts = {"images": 0}
    threading.Thread(
        target=analyse, args=(cameras, detector, trackers, given.fps, counts), daemon=True
    ).start()
    for _ in sys.stdin:
        frames = [camera.frames for camera in cameras]
        answer = {"frames": sum(frames), "streams": sum(n > 0 for n in frames), **counts}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
