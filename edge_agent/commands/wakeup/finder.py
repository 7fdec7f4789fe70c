"""What the detector finds in a clip's frames, remembered on disk."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.detect.detector import OnnxDetector
from edge_agent.types import Detections, FloatArray, Frame, IntArray

Found = tuple[FloatArray, FloatArray, IntArray]  # xyxy, score, class_id


@dataclass(slots=True)
class Finder:
    """Detections of one clip by the frame's place on the grid; each frame is judged once, ever.

    Decoding on demand chooses the frames that full decoding chooses, and decoding is exact: the
    same place of the same clip is the same picture, whoever decodes it.
    """

    detector: OnnxDetector
    file: Path
    found: dict[int, Found]
    new: int = 0

    def find(self, frame: Frame) -> Detections:
        """Return what is in `frame`. Raises: ModelError."""
        place = frame.ref.index
        if place not in self.found:
            batch = self.detector.detect([frame], 0)
            self.found[place] = (batch.xyxy, batch.score, batch.class_id)
            self.new += 1
        return Detections(frame.ref, *self.found[place])

    def save(self) -> None:
        """Keep what is found for the next run."""
        if not self.new:
            return
        places = sorted(self.found)
        columns = zip(*(self.found[place] for place in places), strict=True)
        xyxy, score, class_id = (np.concatenate(column) for column in columns)
        rows = np.array([len(self.found[place][1]) for place in places])
        part = self.file.with_suffix(".part.npz")
        np.savez_compressed(
            part, places=np.array(places), rows=rows, xyxy=xyxy, score=score, class_id=class_id
        )
        part.replace(self.file)
        self.new = 0


def open_finder(clip: Path, model: Path, fps: float, detector: OnnxDetector) -> Finder:
    """Return the finder of a clip whose name tells its content, for frames at `fps`.

    What was found with the padding of the model's input and without it are kept apart.
    """
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    way = "trimmed" if detector.trims else "whole"
    file = clip.with_name(f"{clip.stem}-{digest}-{way}-{fps:g}.npz")
    found: dict[int, Found] = {}
    if file.exists():
        with np.load(file) as held:
            splits = np.cumsum(held["rows"])[:-1]
            parts = [np.split(held[name], splits) for name in ("xyxy", "score", "class_id")]
            found = dict(zip(held["places"].tolist(), zip(*parts, strict=True), strict=True))
    return Finder(detector, file, found)
