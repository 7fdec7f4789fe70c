"""The one way from a model's scores to classes: threshold first, then labels, then classes.

Label scores of ignored labels never compete: an anchor that is .9 cat and .15 person is a weak
person. (To let them compete gave the same AP on 358 photos.)
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.labels import ClassTable
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray, IdArray, IntArray

Activation = Literal["none", "sigmoid", "softmax"]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The anchors of one picture that reach the low threshold; NaN does too, and goes later."""

    anchor: IdArray  # (K,) their places among all anchors
    score: FloatArray  # (K,)
    class_id: IntArray  # (K,) row of the detector's table


@dataclass(frozen=True, slots=True, eq=False)
class Sieve:
    """What one model's scores are sifted by; holds what does not change between pictures."""

    subject: str  # how errors name the model
    labels: int
    table: ClassTable
    row_of_label: IntArray  # (labels,) row of the table, -1 where the label is ignored
    low_threshold: float
    activation: Activation  # what the graph has not done to its scores
    floor: float  # the low threshold before the activation

    def pick(self, scores: NDArray[Any]) -> Hits:
        """Return the anchors with a label that counts.

        Args: `scores` (labels or more, anchors) of one picture, any strides. With "softmax" the
        rows beyond the labels take part in it.
        Raises: ModelError where no score is a number.
        """
        if self.activation == "softmax":
            scores = softmax(scores.astype(np.float32, copy=False), axis=0)
        counted = scores[self.table.columns].astype(np.float32, copy=False)  # (K, anchors)
        best = counted.max(axis=0)
        anchor = np.flatnonzero(~(best < self.floor))
        if len(anchor) == len(best):
            self._require_numbers(best, "score")
        class_id = self.table.rows[counted[:, anchor].argmax(axis=0)]
        return Hits(anchor, self.activate(best[anchor]), class_id)

    def likely(
        self, objectness: NDArray[Any], floor: float | None = None, *, pictures: int = 1
    ) -> IdArray:
        """Return the anchors whose objectness alone reaches the threshold.

        Label scores are at most 1, so the others cannot. Args: `objectness` (anchors,) of one
        picture, or of as many as there are one after the other; `floor` its threshold, if it is
        not the one before the activation.
        Raises: ModelError where none of a picture is a number.
        """
        anchor = np.flatnonzero(~(objectness < (self.floor if floor is None else floor)))
        if len(anchor) >= len(objectness) // pictures:
            for part in np.split(objectness, pictures):
                self._require_numbers(part, "objectness")
        return anchor

    def judge(self, anchor: IdArray, by_label: FloatArray) -> tuple[Hits, IdArray]:
        """Return the hits among `anchor`, and their places in it.

        Args: `by_label` (len(anchor), K) scores of the labels that count, activation done.
        """
        score: FloatArray = by_label.max(axis=1)
        kept = (~(score < self.low_threshold)).nonzero()[0]
        class_id = self.table.rows[by_label[kept].argmax(axis=1)]
        return Hits(anchor[kept], score[kept], class_id), kept

    def counted(self, scores: NDArray[Any]) -> FloatArray:
        """Return the columns of `scores` (N, labels) that count, (N, K), a copy."""
        return scores.take(self.table.columns, axis=1).astype(np.float32, copy=False)

    def pick_named(self, score: NDArray[Any], label: NDArray[Any]) -> Hits:
        """Return the rows whose label counts, where the model tells label numbers.

        A label below 0 fills up a table and is passed over.
        Args: `score`, `label` (rows,) of one picture.
        Raises: ModelError where a label is none of the manifest's.
        """
        row = np.flatnonzero(~(score < self.floor))
        found = self.activate(score[row].astype(np.float32))
        named = label[row]
        if named.dtype.kind == "f":
            known = np.isfinite(named)
            found[~known] = np.nan
            named = np.rint(np.where(known, named, 0))
        number = named.astype(np.int64)
        beyond = (number >= self.labels) & np.isfinite(found)
        if beyond.any():
            raise ModelError(
                f"{self.subject}: a box of label number {number[beyond].max()}, but `labels` of "
                f"the manifest ends with number {self.labels - 1}; the batch is dropped"
            )
        number[(number < 0) | (number >= self.labels)] = -1
        class_id = np.where(number < 0, -1, self.row_of_label[number]).astype(np.int32)
        counts = class_id >= 0
        return Hits(row[counts], found[counts], class_id[counts])

    def activate(self, raw: FloatArray) -> FloatArray:
        """Return scores 0..1 from what the graph gave ("softmax" is done before).

        What is infinite becomes NaN.
        """
        if self.activation != "sigmoid":
            return raw
        return np.where(np.isfinite(raw), sigmoid(raw), np.float32(np.nan))

    def _require_numbers(self, best: NDArray[Any], what: str) -> None:
        if len(best) > 0 and not np.isfinite(best).any():
            raise ModelError(
                f"{self.subject}: no {what} of a picture is a number; the batch is dropped"
            )


def make_sieve(manifest: Manifest, activation: Activation = "none") -> Sieve:
    """Return the sieve of `manifest`; `activation` where the manifest does not say it."""
    if manifest.activation is not None:
        activation = manifest.activation
    table = manifest.class_table
    row_of_label = np.full(len(manifest.labels), -1, np.int32)
    row_of_label[table.columns] = table.rows
    low = manifest.low_threshold
    return Sieve(
        f"model {manifest.model_id}",
        len(manifest.labels),
        table,
        row_of_label,
        low,
        activation,
        before_sigmoid(low) if activation == "sigmoid" else low,
    )


def sigmoid(raw: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-raw)); NaN stays NaN."""
    with np.errstate(over="ignore"):
        out: FloatArray = np.exp(-raw)
    out += 1
    return np.reciprocal(out, out=out)


def before_sigmoid(score: float) -> float:
    """Return what the sigmoid makes `score` of."""
    if score <= 0:
        return -float("inf")
    return float(np.log(score / (1 - score))) if score < 1 else float("inf")


def softmax(raw: FloatArray, axis: int) -> FloatArray:
    """Return exp(raw) over its sum along `axis`; NaN and infinity give NaN."""
    with np.errstate(invalid="ignore"):
        out: FloatArray = np.exp(raw - raw.max(axis=axis, keepdims=True))
        out /= out.sum(axis=axis, keepdims=True)
    return out
