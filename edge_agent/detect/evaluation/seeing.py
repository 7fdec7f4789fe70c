"""What a detector finds in boxed pictures, and how long it takes."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge_agent.detect.agreement import Found
from edge_agent.detect.detector import OnnxDetector
from edge_agent.detect.evaluation.boxed import CLASSES, PictureSet
from edge_agent.detect.evaluation.scoring import Judged
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.picture import ArrayPicture
from edge_agent.detect.trimming import open_session
from edge_agent.errors import UsageError
from edge_agent.settings import Plan
from edge_agent.types import ClockSource, Frame, FrameRef

_WARM = 3  # runs before the clock counts
_TIMED = 40  # pictures


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians over pictures already in memory: letterbox, session, decoding, NMS."""

    pictures: int
    wall_ms: float
    cpu_ms: float


class Examinee:
    """A model under judgement: one session on one thread."""

    def __init__(self, manifest: Manifest, provider: str, floor: float) -> None:
        """Load the model; `floor` is the lowest score that is asked for. Raises: ModelError."""
        self.manifest = manifest
        self._floor = min(floor, manifest.score_threshold)
        session = open_session(manifest, threads=1, provider=provider)
        low = manifest.model_copy(update={"score_threshold": self._floor})
        self.provider = session.provider
        self._low = OnnxDetector(low, session, Plan())
        self._usual = OnnxDetector(manifest, session, Plan())

    def find(self, pictures: PictureSet, told: Callable[[], None]) -> list[Found]:
        """Return what is found in each picture; `class_id` counts in `CLASSES`.

        What people would not have boxed there, such as bicycles, is left out. `told` is called
        after each picture. Raises: UsageError on a picture that cannot be read, ModelError.
        """
        kinds = np.array(
            [CLASSES.index(c.name) if pictures.counts(c) else -1 for c in self._low.classes],
            np.int32,
        )
        found = []
        for number, picture in enumerate(pictures.pictures):
            batch = self._low.detect([_frame(str(picture.path), number)], 0)
            one = Found(batch.xyxy, batch.score, kinds[batch.class_id])
            found.append(one.keep((one.class_id >= 0) & (one.score >= self._floor)))
            told()
        return found

    def time(self, pictures: PictureSet) -> Speed:
        """Return how long the model takes at its own threshold, on the first pictures."""
        frames = [
            _frame(str(picture.path), number)
            for number, picture in enumerate(pictures.pictures[:_TIMED])
        ]
        for frame in frames[:_WARM]:
            self._usual.detect([frame], 0)
        walls, cpus = [], []
        for frame in frames:
            wall, cpu = time.perf_counter(), time.process_time()
            self._usual.detect([frame], 0)
            walls.append((time.perf_counter() - wall) * 1e3)
            cpus.append((time.process_time() - cpu) * 1e3)
        return Speed(len(frames), statistics.median(walls), statistics.median(cpus))


def judged_of(
    pictures: PictureSet, found: Sequence[Found], name: str, source: str | None
) -> list[Judged]:
    """Return the class `name` in each picture that covers it; `source` None takes all."""
    number = CLASSES.index(name)
    judged = []
    for picture, seen in zip(pictures.pictures, found, strict=True):
        if name in picture.truth and source in (None, picture.source):
            mine = seen.keep(seen.class_id == number)
            judged.append(Judged(picture.truth[name], mine.xyxy, mine.score))
    return judged


def _frame(path: str, number: int) -> Frame:
    bgr = cv2.imread(path)
    if bgr is None:
        raise UsageError(f"{path}: no picture that can be read; nothing is judged")
    picture = ArrayPicture(np.asarray(bgr, np.uint8))
    ref = FrameRef(
        "still", 1, number, number, number, number, ClockSource.ARRIVAL, True, picture.wh
    )
    return Frame(ref, picture)
