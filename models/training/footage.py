"""Frames of `../shared/media`, labelled by the fused teachers.

The clips that ring-nano is judged on (pets_street, both traffic_us101) are left out as a whole,
not only the frames with truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from models.training.labels import CLASSES, PERSON, VEHICLE, Picture, labels_of
from models.training.sources import bicycle_rows, teacher_rows
from models.training.teacher import Teacher


@dataclass(frozen=True, slots=True)
class Clip:
    """A file, how many frames to take, and which classes the teachers can judge in it."""

    file: str
    frames: int
    known: tuple[int, ...] = (PERSON, VEHICLE)


CLIPS = (
    Clip("traffic_dense_640x360.mp4", 70),
    Clip("motorway_640x360.mp4", 70),
    Clip("cctv_tunnel_640x360.mp4", 40),
    Clip("crowd_1280x720.mp4", 60),
    Clip("pedestrian_mpeg4_640x360.mp4", 70),
    Clip("office_person_1280x720.mp4", 20),
    Clip("one-by-one-person-detection_768x432.mp4", 70),
    Clip("night_ir_hevc_960x1088.mp4", 25),
    # Straight down on cars: the teachers call them anything but cars.
    Clip("car-detection_768x432.mp4", 25, known=(PERSON,)),
)
JUDGED_ON = (
    "pets_street_480x360.mp4",
    "traffic_us101_1_640x480.mp4",
    "traffic_us101_2_640x480.mp4",
)


def footage(media: Path, teacher: Teacher) -> Iterator[Picture]:
    """Yield evenly spread frames of the clips with the teachers' labels."""
    for clip in CLIPS:
        known = np.array([c in clip.known for c in range(len(CLASSES))])
        for bgr in spread_frames(media / clip.file, clip.frames):
            seen = teacher.look(bgr, thorough=True)
            rows = [row for row in teacher_rows(seen) if row[1] in clip.known]
            yield Picture(bgr, labels_of(rows + bicycle_rows(seen)), known, f"clip:{clip.file}")


def spread_frames(path: Path, count: int) -> Iterator[np.ndarray]:
    """Yield `count` frames of a clip at even distances, (h, w, 3) BGR."""
    with av.open(str(path)) as container:
        total = sum(1 for _ in container.decode(video=0))
    wanted = {int((i + 0.5) * total / count) for i in range(count)}
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
