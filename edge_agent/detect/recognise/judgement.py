"""How well what a detector found fits what is in the pictures: pure sums."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.detect.agreement import Found
from edge_agent.detect.recognise.pictures import TestPicture
from edge_agent.geometry import iou_matrix
from edge_agent.types import BoolArray, FloatArray, ObjectClass

#: Two boxes that overlap so far are the same object.
_SAME_IOU = 0.5
#: A box of which this part lies inside an unsure one counts neither way.
_UNSURE_PART = 0.5
#: From which score an object counts as found.
FOUND_SCORE = 0.25
#: An own picture has no boxes to hold against; this many objects in it raise no doubt.
_PLAUSIBLE = 10.0
#: Fewer objects tell nothing about two readings.
_FEW = 4


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of some pictures; two of them add up."""

    hits: tuple[float, ...] = ()  # score × IoU for each object that is wanted, 0 where not found
    found: int = 0  # of these, those found with a score that counts
    boxes: tuple[tuple[float, bool], ...] = ()  # (score, whether an object is there) of each box

    @property
    def wanted(self) -> int:
        """How many objects there are to be found."""
        return len(self.hits)

    @property
    def false(self) -> int:
        """How many boxes with a score that counts show nothing."""
        return sum(not is_hit and score >= FOUND_SCORE for score, is_hit in self.boxes)

    @property
    def strength(self) -> float:
        """How strongly it speaks, 0..1: every object with score 1 and IoU 1, nothing else, is 1."""
        false_mass = sum(score for score, is_hit in self.boxes if not is_hit)
        total = self.wanted + false_mass
        return sum(self.hits) / total if total else 0.0

    @property
    def ap(self) -> float:
        """The average precision at IoU 0.5 over all classes, 0..1; blind to how scores are scaled.

        Source: Everingham et al., The PASCAL VOC Challenge, IJCV 2010, over all points.
        """
        if not self.boxes or not self.wanted:
            return 0.0
        is_hit = np.array([hit for _, hit in sorted(self.boxes, key=lambda box: -box[0])])
        precision = np.cumsum(is_hit) / np.arange(1, len(is_hit) + 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float(envelope[is_hit].sum() / self.wanted)

    def __add__(self, other: "Judgement") -> "Judgement":
        return Judgement(self.hits + other.hits, self.found + other.found, self.boxes + other.boxes)


def lead(one: Judgement, other: Judgement) -> float:
    """Return by how many standard errors `one` finds the same objects better than `other`.

    Objects that neither finds say nothing. Source: Student, The Probable Error of a Mean,
    Biometrika 1908 (paired differences).
    """
    pairs = np.array([p for p in zip(one.hits, other.hits, strict=False) if any(p)])
    if len(pairs) < _FEW:
        return 0.0
    gain = pairs[:, 0] - pairs[:, 1]
    return float(gain.mean() / max(gain.std(ddof=1) / np.sqrt(len(gain)), 1e-6))


def judge(picture: TestPicture, found: Found, classes: Sequence[ObjectClass]) -> Judgement:
    """Return how well `found` fits `picture`.

    Args: `found` in pixels of the picture, its `class_id` a row of `classes`. Objects of a class
    that `classes` lacks are not wanted.
    """
    if picture.label is not None:
        return _judge_own(picture.label, found, classes)
    total = Judgement()
    for name in ("person", "vehicle"):
        rows = [i for i, c in enumerate(classes) if c.name == name]
        if rows:
            wanted = picture.xyxy[np.array([c == name for c in picture.classes], np.bool_)]
            total += judge_class(found.keep(np.isin(found.class_id, rows)), wanted, picture.unsure)
    return total


def judge_class(found: Found, wanted: FloatArray, unsure: FloatArray) -> Judgement:
    """Return how well the boxes of one class fit those wanted, (N, 4)."""
    iou = iou_matrix(found.xyxy, wanted)
    hits, count = [0.0] * len(wanted), 0
    is_free = np.ones(len(found.score), np.bool_)
    for row in np.argsort(-found.score, kind="stable"):
        if len(wanted) and (best := float(iou[row].max())) >= _SAME_IOU:
            column = int(iou[row].argmax())
            iou[:, column] = 0
            is_free[row] = False
            hits[column] = float(found.score[row]) * best
            count += bool(found.score[row] >= FOUND_SCORE)
    is_hit = ~is_free
    is_free &= ~_lies_in(found.xyxy, unsure)
    counted = is_hit | is_free
    boxes = tuple(zip(found.score[counted].tolist(), is_hit[counted].tolist(), strict=True))
    return Judgement(tuple(hits), count, boxes)


def _lies_in(xyxy: FloatArray, unsure: FloatArray) -> BoolArray:
    """Return which boxes lie in an unsure one for the greater part, (N,) bool."""
    upper = np.maximum(xyxy[:, None, :2], unsure[None, :, :2])
    lower = np.minimum(xyxy[:, None, 2:], unsure[None, :, 2:])
    inter = np.maximum(lower - upper, 0).prod(axis=2)
    area = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0).prod(axis=1)
    covered: BoolArray = inter.max(axis=1, initial=0) >= _UNSURE_PART * np.maximum(area, 1e-6)
    return covered


def _judge_own(label: str, found: Found, classes: Sequence[ObjectClass]) -> Judgement:
    rows = [i for i, c in enumerate(classes) if label in (c.name, class_word(c))]
    best = float(found.score[np.isin(found.class_id, rows)].max(initial=0))
    crowd = max(0.0, float(found.score.sum()) - _PLAUSIBLE)
    return Judgement((best,), int(best >= FOUND_SCORE), ((best, True), (crowd, False)))


def class_word(c: ObjectClass) -> str:
    """Return a class as a manifest's `class_map` writes it."""
    return c.name if c.subclass is None else f"{c.name}/{c.subclass}"
