"""How far two detectors agree on the same pictures: pure functions over their boxes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge_agent.geometry import iou_matrix
from edge_agent.types import BoolArray, FloatArray, IntArray

#: Two boxes of one class that overlap so far are the same object.
_SAME_IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a detector found in one picture."""

    xyxy: FloatArray  # (N, 4)
    score: FloatArray  # (N,)
    class_id: IntArray  # (N,)

    def keep(self, mask: BoolArray) -> "Found":
        """Return the rows where `mask` (N,) is true."""
        return Found(self.xyxy[mask], self.score[mask], self.class_id[mask])


@dataclass(frozen=True, slots=True)
class Agreement:
    """One detector held against another over several pictures."""

    pictures: int
    wanted: int  # boxes of the reference
    found: int  # boxes of the other
    both: int
    score_shift: float  # mean of (other - reference) over the boxes of both
    score_spread: float  # mean of its amount

    @property
    def recall(self) -> float:
        """Which part of the reference's boxes the other has."""
        return self.both / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        """Which part of the other's boxes the reference has."""
        return self.both / self.found if self.found else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of recall and precision."""
        total = self.wanted + self.found
        return 2 * self.both / total if total else 1.0


def compare_found(pairs: Iterable[tuple[Found, Found]]) -> Agreement:
    """Hold (reference, other) of each picture against one another.

    The best score of the other chooses first, among the reference's free boxes of its class with
    an IoU of at least 0.5.
    Source: Everingham et al., The PASCAL VOC Challenge, IJCV 2010, section 4.2.
    """
    pictures = wanted = found = 0
    shifts: list[float] = []
    for reference, other in pairs:
        pictures += 1
        wanted += len(reference.score)
        found += len(other.score)
        shifts += _score_shifts(reference, other)
    array = np.array(shifts or [0.0])
    return Agreement(
        pictures, wanted, found, len(shifts), float(array.mean()), float(np.abs(array).mean())
    )


def _score_shifts(reference: Found, other: Found) -> list[float]:
    iou = iou_matrix(other.xyxy, reference.xyxy)
    iou[other.class_id[:, None] != reference.class_id[None, :]] = 0
    shifts = []
    for row in np.argsort(-other.score, kind="stable"):
        if iou.shape[1] == 0:
            break
        column = int(iou[row].argmax())
        if iou[row, column] >= _SAME_IOU:
            shifts.append(float(other.score[row] - reference.score[column]))
            iou[:, column] = 0
    return shifts
