"""What is known about a training picture: boxes, how sure they are, and what nobody labelled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLASSES = ("person", "vehicle")
PERSON, VEHICLE, BOTH = 0, 1, -1

#: A fused teacher's box from this score on is an object; a weaker one is neither object nor
#: background. Under the lower one it is nothing.
TEACHER_OBJECT, TEACHER_DOUBT = 0.35, 0.1
#: The score of an ignore box that is a body's own box, exact, but of a body hardly to be seen.
HARDLY_SEEN = -1.0


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The boxes of one picture, px.

    `score` is 1 where a person drew the box and a teacher's score otherwise; the loss makes the
    target softer by it. An `ignore` box says that inside it the class is neither there nor absent;
    with the score `HARDLY_SEEN` only an answer with that very box is neither right nor wrong.
    """

    xyxy: NDArray[np.float32]  # (n, 4)
    class_id: NDArray[np.int8]  # (n,) PERSON, VEHICLE, or BOTH (ignore boxes only)
    score: NDArray[np.float32]  # (n,)
    ignore: NDArray[np.bool_]  # (n,)

    def __len__(self) -> int:
        return len(self.xyxy)

    def keep(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Labels":
        """Return the rows that an index or mask names."""
        return Labels(self.xyxy[rows], self.class_id[rows], self.score[rows], self.ignore[rows])

    def moved(self, xyxy: NDArray[np.float32], ignore: NDArray[np.bool_]) -> "Labels":
        """Return the same objects at other places."""
        return Labels(xyxy.astype(np.float32), self.class_id, self.score, ignore)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Pixels with what is known about them."""

    bgr: NDArray[np.uint8]  # (h, w, 3)
    labels: Labels
    known: NDArray[np.bool_]  # (2,) False: a class whose absence means nothing here
    source: str


def labels_of(rows: Sequence[tuple[Sequence[float], int, float, bool]]) -> Labels:
    """Return labels from rows (xyxy, class, score, ignore)."""
    return Labels(
        np.array([r[0] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[1] for r in rows], np.int8),
        np.array([r[2] for r in rows], np.float32),
        np.array([r[3] for r in rows], np.bool_),
    )


def joined(parts: Sequence[Labels]) -> Labels:
    """Return the labels of several lists as one."""
    if not parts:
        return labels_of([])
    return Labels(
        np.concatenate([p.xyxy for p in parts]),
        np.concatenate([p.class_id for p in parts]),
        np.concatenate([p.score for p in parts]),
        np.concatenate([p.ignore for p in parts]),
    )
