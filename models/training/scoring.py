"""Scores of boxes against truth at IoU 0.5: AP with bootstrap intervals, recall at false alarms.

Matching is COCO's: by falling score, each detection takes the free truth that it overlaps most;
what matches only ignored truth counts neither way. As it goes picture by picture, a bootstrap
over pictures only sorts again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.geometry import iou_matrix

_IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """One picture, one class."""

    score: NDArray[np.float32]  # (detections,) that count
    hit: NDArray[np.bool_]  # (detections,)
    truths: int


def match(
    xyxy: NDArray[np.float32], score: NDArray[np.float32], truth: NDArray[np.float32],
    ignored: NDArray[np.bool_],
) -> Matched:  # fmt: skip
    """Match one picture's detections of a class with its truth (n, 4), some of it ignored."""
    order = np.argsort(-score, kind="stable")
    xyxy, score = xyxy[order], score[order]
    overlap = iou_matrix(xyxy.astype(np.float32), truth.astype(np.float32))
    free = np.ones(len(truth), bool)
    hit, counts = np.zeros(len(xyxy), bool), np.ones(len(xyxy), bool)
    for row in range(len(xyxy)):
        real = np.where(free & ~ignored, overlap[row], 0.0)
        if len(real) and real.max() >= _IOU:
            free[real.argmax()] = False
            hit[row] = True
        elif len(real) and np.where(ignored, overlap[row], 0.0).max() >= _IOU:
            counts[row] = False
    return Matched(score[counts], hit[counts], int((~ignored).sum()))


def both(one: Matched, other: Matched) -> Matched:
    """Return what two classes of one picture come to together."""
    return Matched(
        np.concatenate((one.score, other.score)), np.concatenate((one.hit, other.hit)),
        one.truths + other.truths,
    )  # fmt: skip


def average_precision(pictures: Sequence[Matched]) -> float:
    """Return COCO's AP at IoU 0.5 (101 points of recall); NaN without truth."""
    total = sum(p.truths for p in pictures)
    if total == 0:
        return float("nan")
    score = np.concatenate([p.score for p in pictures])
    order = np.argsort(-score, kind="mergesort")
    hit = np.concatenate([p.hit for p in pictures])[order]
    right = np.cumsum(hit)
    precision = right / np.arange(1, len(hit) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(right / total, np.linspace(0, 1, 101), side="left")
    return float(np.append(precision, 0.0)[np.minimum(at, len(precision))].mean())


def interval(pictures: Sequence[Matched], rounds: int = 1000, seed: int = 1) -> tuple[float, float]:
    """Return the middle 95 % of the AP over bootstraps of the pictures."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(rounds):
        found.append(
            average_precision([pictures[i] for i in rng.integers(0, len(pictures), len(pictures))])
        )
    found_at = np.nanpercentile(found, (2.5, 97.5))
    return float(found_at[0]), float(found_at[1])


@dataclass(frozen=True, slots=True)
class Operating:
    """Recall where false alarms come at the rate allowed, and the threshold that gives it."""

    recall: float
    threshold: float
    false_per_picture: float


def recall_at(pictures: Sequence[Matched], false_per_picture: float) -> Operating:
    """Return the best recall with at most so many false alarms a picture."""
    total = sum(p.truths for p in pictures)
    score = np.concatenate([p.score for p in pictures])
    order = np.argsort(-score, kind="mergesort")
    score, hit = score[order], np.concatenate([p.hit for p in pictures])[order]
    wrong = np.cumsum(~hit)
    allowed = int(np.searchsorted(wrong, false_per_picture * len(pictures), side="right"))
    # A threshold takes all detections of one score or none.
    while 0 < allowed < len(score) and score[allowed - 1] == score[allowed]:
        allowed -= 1
    if allowed == 0 or total == 0:
        return Operating(0.0, 1.0, 0.0)
    found = float(hit[:allowed].sum() / total)
    return Operating(found, float(score[allowed - 1]), float(wrong[allowed - 1] / len(pictures)))


def at_threshold(pictures: Sequence[Matched], threshold: float) -> Operating:
    """Return recall and false alarms where scores from `threshold` on count."""
    total = max(1, sum(p.truths for p in pictures))
    right = sum(int((p.hit & (p.score >= threshold)).sum()) for p in pictures)
    wrong = sum(int((~p.hit & (p.score >= threshold)).sum()) for p in pictures)
    return Operating(right / total, threshold, wrong / max(1, len(pictures)))
