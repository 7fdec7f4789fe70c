"""YOLOX: one row an anchor with raw grid offsets, objectness and class scores.

Output (n, anchors, 5 + labels): x, y as offsets in cells from the anchor's cell, w, h as
logarithms of cells, objectness and label scores already through the sigmoid. Anchors run row
by row through the grid of each stride. Cut for NPUs, a head a stride: (n, 5 + labels, h, w).
Source: Ge et al., YOLOX: Exceeding YOLO Series in 2021, arXiv:2107.08430, section 2.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates, keep_finite
from edge_agent.detect.clues import (
    IMAGENET,
    PLAIN,
    UNIT,
    Habit,
    are_scores,
    lie_within,
    make_claim,
    outputs_of,
    strides_of,
)
from edge_agent.detect.decoding.grids import anchor_tables, grid_cells, grid_sizes
from edge_agent.detect.decoding.sieve import Sieve, make_sieve
from edge_agent.detect.family import Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray, IdArray, Wh

_BOX = 4  # columns before the objectness
_HEAD_STRIDES = (8, 16, 32)
_HABIT = Habit(("bgr", "rgb"), (PLAIN, UNIT, IMAGENET), ("top_left", "centre", "stretch"))


@dataclass(frozen=True, slots=True, eq=False)
class YoloxDecoder:
    """Decodes one model's outputs; holds what does not change from picture to picture."""

    sieve: Sieve
    grids: tuple[Wh, ...]  # columns and rows of each stride
    cell_xy: FloatArray  # (anchors, 2) the anchor's cell, in cells
    stride: FloatArray  # (anchors, 1) pixels a cell

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each of `pictures` pictures.

        The threshold comes first, on objectness (label scores are at most 1) and then on
        objectness × label score over the labels that count; boxes are made of what passed.
        Raises: ModelError where the shape is not (pictures, anchors, 5 + labels), or where no
        objectness of a picture is a number.
        """
        raw = self._checked(outputs, pictures)
        rows = raw.reshape(-1, raw.shape[2])  # of all pictures together: a batch costs one pass
        likely = self.sieve.likely(rows[:, _BOX], pictures=pictures)
        found = rows[likely].astype(np.float32, copy=False)  # (k, 5 + labels), a copy
        # Infinity × 0 is NaN, and a logarithm may be too large: both are dropped later.
        with np.errstate(over="ignore", invalid="ignore"):
            by_label = self.sieve.activate(self.sieve.counted(found[:, _BOX + 1 :]))
            by_label *= self.sieve.activate(found[:, _BOX : _BOX + 1])
            hits, kept = self.sieve.judge(likely, by_label)
            anchors = len(self.cell_xy)
            anchor = hits.anchor if pictures == 1 else hits.anchor % anchors
            xyxy = self._boxes(found[kept, :_BOX], anchor)
        if pictures == 1:
            return [keep_finite(xyxy, hits.score, hits.class_id)]
        splits = np.searchsorted(hits.anchor, np.arange(pictures + 1) * anchors).tolist()
        return [
            keep_finite(xyxy[a:b], hits.score[a:b], hits.class_id[a:b]) for a, b in pairwise(splits)
        ]

    def _checked(self, outputs: Sequence[NDArray[Any]], pictures: int) -> NDArray[Any]:
        wanted = (pictures, len(self.cell_xy), _BOX + 1 + self.sieve.labels)
        shapes = [output.shape for output in outputs]
        if shapes == [wanted]:
            return outputs[0]
        if all(len(shape) == 4 for shape in shapes):
            heads = anchor_tables(outputs, self.grids, lambda channels: channels == wanted[2])
            rows = [head.rows for head in heads if len(head.rows) == pictures]
            if sum(part.shape[1] for part in rows) == wanted[1]:
                return np.concatenate(rows, axis=1)
        hint = ""
        if len(shapes) == 1 and shapes[0] == (1, pictures * wanted[1], wanted[2]):
            hint = "; this export merges the batch into the anchors: export it again"
        raise ModelError(
            f"{self.sieve.subject}: output {', '.join(map(str, shapes))}, not {wanted} = "
            f"(pictures, anchors of the strides, 5 + labels){hint}"
        )

    def _boxes(self, raw: FloatArray, anchor: IdArray) -> FloatArray:
        stride = self.stride[anchor]
        centre = raw[:, :2] + self.cell_xy[anchor]
        half = np.exp(raw[:, 2:])
        half *= 0.5
        boxes: FloatArray = np.concatenate((centre - half, centre + half), axis=1)
        boxes *= stride
        return boxes


def build_decoder(manifest: Manifest) -> YoloxDecoder:
    """Return the decoder for `manifest`'s input size, strides, labels and threshold."""
    cell_xy, stride = grid_cells(manifest.input_wh, manifest.strides)
    grids = tuple(grid_sizes(manifest.input_wh, manifest.strides))
    return YoloxDecoder(make_sieve(manifest), grids, cell_xy, stride)


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on rows with an objectness whose boxes are still in grid units."""
    outputs = outputs_of(facts)
    if facts.probe is None or not outputs:
        return None
    if len(outputs) == 1 and outputs[0].ndim == 3:
        rows = outputs[0][0].astype(np.float32)
    else:
        rows = _rows_of_heads(outputs, facts.probe.input_wh)
    strides = strides_of(len(rows), facts.probe.input_wh)
    if strides is None or rows.shape[1] <= _BOX + 1:
        return None
    scores_done = are_scores(rows[:, _BOX:])
    # Logarithms of cells go below 0, sizes do not; offsets span some cells, pixels the input.
    raw_boxes = (rows[:, 2:_BOX] < 0).any() and lie_within(rows[:, :_BOX], -16, 16, 0.99)
    if not raw_boxes or (not scores_done and len(outputs) == 1):
        return None
    return make_claim(
        facts,
        "yolox",
        0.95 if scores_done else 0.6,
        f"{len(outputs)} outputs such as {outputs[0].shape}: a row a cell of strides "
        f"{list(strides)} with offsets and logarithms, an objectness and label scores",
        habit=_HABIT,
        labels=rows.shape[1] - _BOX - 1,
        values={"strides": strides, "activation": "none" if scores_done else "sigmoid"},
    )


def _rows_of_heads(outputs: Sequence[NDArray[Any]], input_wh: Wh) -> FloatArray:
    """Return heads of one stride each as rows; none where they are not of one width."""
    grids = grid_sizes(input_wh, _HEAD_STRIDES)
    width = outputs[0].shape[1] if outputs[0].ndim == 4 else 0
    heads = anchor_tables(outputs, grids, lambda channels: channels == width)
    if len(heads) != len(outputs) or len(heads) != len(grids):
        return np.empty((0, 0), np.float32)
    return np.concatenate([head.rows[0] for head in heads]).astype(np.float32)


FAMILY = Family(
    "yolox",
    "YOLOX",
    recognise,
    build_decoder,
    keys=frozenset({"strides", "activation"}),
    whole_cells=True,
)
