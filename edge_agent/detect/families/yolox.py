"""YOLOX: one row an anchor with raw grid offsets, objectness and class scores.

Output (n, anchors, 5 + labels): x, y as offsets in cells from the anchor's cell, w, h as
logarithms of cells, objectness and label scores already through the sigmoid. Anchors run row
by row through the grid of each stride.
Source: Ge et al., YOLOX: Exceeding YOLO Series in 2021, arXiv:2107.08430, section 2.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import MAX_CANDIDATES, Candidates
from edge_agent.detect.labels import ClassTable
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import BoolArray, FloatArray, IntArray, Wh

_BOX = 4  # columns before the objectness


@dataclass(frozen=True, slots=True, eq=False)
class YoloxDecoder:
    """Decodes one model's outputs; holds what does not change from picture to picture."""

    subject: str  # how errors name the model
    labels: int
    table: ClassTable
    low_threshold: float
    cell_xy: FloatArray  # (anchors, 2) the anchor's cell, in cells
    stride: FloatArray  # (anchors, 1) pixels a cell

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each of `pictures` pictures.

        The threshold comes first, on objectness (label scores are at most 1) and then on
        objectness × label score over the labels that count; boxes are made of what passed. (To
        let the ignored labels compete too, as in the paper, gave the same AP on 358 photos:
        .752 for persons, .111 instead of .112 for vehicles.)
        Raises: ModelError where the shape is not (pictures, anchors, 5 + labels), or where no
        objectness of a picture is a number.
        """
        raw = self._checked(outputs, pictures)
        rows = raw.reshape(-1, raw.shape[2])
        objectness = rows[:, _BOX]
        over = objectness >= self.low_threshold
        not_finite = [0] * pictures
        finite = np.isfinite(objectness)
        if not finite.all():
            not_finite = self._count_not_finite(finite.reshape(pictures, -1))
            over &= finite
        likely = np.flatnonzero(over)
        found = rows[likely].astype(np.float32, copy=False)  # (k, 5 + labels), a copy
        by_label = found.take(self.table.columns + (_BOX + 1), axis=1)
        by_label *= found[:, _BOX : _BOX + 1]
        score: FloatArray = by_label.max(axis=1)
        passed = np.flatnonzero(~(score < self.low_threshold))  # NaN passes, and is seen below
        likely, score = likely[passed], score[passed]
        class_id = self.table.rows[by_label[passed].argmax(axis=1)]
        xyxy = self._boxes(found[passed, :_BOX], likely % len(self.cell_xy))
        splits = np.searchsorted(likely, np.arange(pictures + 1) * len(self.cell_xy)).tolist()
        return [
            _finite(xyxy[a:b], score[a:b], class_id[a:b], bad)
            for a, b, bad in zip(splits[:-1], splits[1:], not_finite, strict=True)
        ]

    def _count_not_finite(self, finite: BoolArray) -> list[int]:
        """Return how many anchors of each picture have an objectness that is no number.

        Raises: ModelError where that is so of all anchors of a picture.
        """
        counts: list[int] = (~finite).sum(axis=1).tolist()
        if max(counts) == finite.shape[1]:
            raise ModelError(
                f"{self.subject}: no objectness of a picture is a number; the batch is dropped"
            )
        return counts

    def _checked(self, outputs: Sequence[NDArray[Any]], pictures: int) -> NDArray[Any]:
        wanted = (pictures, len(self.cell_xy), _BOX + 1 + self.labels)
        shapes = [output.shape for output in outputs]
        if shapes == [wanted]:
            return outputs[0]
        hint = ""
        if len(shapes) == 1 and shapes[0] == (1, pictures * wanted[1], wanted[2]):
            hint = "; this export merges the batch into the anchors: export it again"
        raise ModelError(
            f"{self.subject}: output {', '.join(map(str, shapes))}, not {wanted} = (pictures, "
            f"anchors of the strides, 5 + labels){hint}"
        )

    def _boxes(self, raw: FloatArray, anchor: NDArray[np.int64]) -> FloatArray:
        stride = self.stride[anchor]
        centre = (raw[:, :2] + self.cell_xy[anchor]) * stride
        with np.errstate(over="ignore", invalid="ignore"):  # what is infinite is dropped later
            half = np.exp(raw[:, 2:]) * (stride / 2)
            return np.concatenate((centre - half, centre + half), axis=1)


def build_decoder(manifest: Manifest) -> YoloxDecoder:
    """Return the decoder for `manifest`'s input size, strides, labels and threshold."""
    cell_xy, stride = _grid(manifest.input_wh, manifest.strides)
    return YoloxDecoder(
        f"model {manifest.model_id}",
        len(manifest.labels),
        manifest.class_table,
        manifest.low_threshold,
        cell_xy,
        stride,
    )


def _grid(input_wh: Wh, strides: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    cells, sizes = [], []
    for stride in strides:
        rows, columns = np.mgrid[: input_wh[1] // stride, : input_wh[0] // stride]
        cells.append(np.stack((columns.ravel(), rows.ravel()), axis=1))
        sizes.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def _finite(xyxy: FloatArray, score: FloatArray, class_id: IntArray, not_finite: int) -> Candidates:
    good = np.isfinite(score) & np.isfinite(xyxy).all(axis=1)
    if not good.all():
        not_finite += len(good) - int(np.count_nonzero(good))
        xyxy, score, class_id = xyxy[good], score[good], class_id[good]
    if len(score) > MAX_CANDIDATES:
        top = np.argpartition(score, -MAX_CANDIDATES)[-MAX_CANDIDATES:]
        xyxy, score, class_id = xyxy[top], score[top], class_id[top]
    return Candidates(xyxy, score, class_id, not_finite)
