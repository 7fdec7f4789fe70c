"""FastestDet: one coarse grid, one box a cell.

Output (n, 5 + labels, h, w) or (n, h, w, 5 + labels): objectness through the sigmoid, then raw x,
y, w, h, then label scores through the softmax. Centre (tanh(x, y) + cell) × stride, sides
sigmoid(w, h) of the input; score objectness^0.6 × label^0.4. The stride follows from the grid.
Source: dog-qiuqiu, FastestDet (2022), its post-processing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates, keep_finite
from edge_agent.detect.clues import UNIT, Habit, are_scores, lie_within, make_claim, outputs_of
from edge_agent.detect.decoding.boxes import to_xyxy
from edge_agent.detect.decoding.sieve import Sieve, make_sieve, sigmoid
from edge_agent.detect.family import Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray, IdArray

_BOX = slice(1, 5)
_LABELS = 5
_OBJECT_POWER, _LABEL_POWER = np.float32(0.6), np.float32(0.4)


@dataclass(frozen=True, slots=True, eq=False)
class FastestDetDecoder:
    """Decodes the grid."""

    sieve: Sieve
    input_wh: FloatArray  # (2,)

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture.

        Raises: ModelError where there is no such grid, or no objectness of a picture is a number.
        """
        width = _LABELS + self.sieve.labels
        for output in outputs:
            if output.ndim == 4 and len(output) == pictures and width in output.shape[1::2]:
                channels_first = output.shape[1] == width
                grids = output.transpose(0, 2, 3, 1) if channels_first else output
                return [self._decode_grid(grid) for grid in grids]
        seen = ", ".join(str(output.shape) for output in outputs)
        raise ModelError(
            f"{self.sieve.subject}: output {seen}, not ({pictures}, {width}, rows, columns) = "
            "(pictures, 5 + labels, rows, columns)"
        )

    def _decode_grid(self, grid: NDArray[Any]) -> Candidates:
        low = self.sieve.low_threshold ** (1 / float(_OBJECT_POWER))
        likely = self.sieve.likely(grid[..., 0].ravel(), low)
        y, x = np.unravel_index(likely, grid.shape[:2])
        found = grid[y, x].astype(np.float32, copy=False)
        with np.errstate(invalid="ignore"):  # what is no number is dropped later
            by_label = self.sieve.counted(found[:, _LABELS:]) ** _LABEL_POWER
            by_label *= found[:, :1] ** _OBJECT_POWER
        hits, kept = self.sieve.judge(likely, by_label)
        boxes = self._boxes(found[kept, _BOX], x[kept], y[kept], grid.shape[1], grid.shape[0])
        return keep_finite(boxes, hits.score, hits.class_id)

    def _boxes(self, raw: FloatArray, x: IdArray, y: IdArray, w: int, h: int) -> FloatArray:
        cell = np.stack((x, y), axis=1).astype(np.float32)
        centre = (np.tanh(raw[:, :2]) + cell) * (self.input_wh / np.array((w, h), np.float32))
        sides = sigmoid(raw[:, 2:]) * self.input_wh
        return to_xyxy(np.concatenate((centre, sides), axis=1), "cxcywh", None)


def build_decoder(manifest: Manifest) -> FastestDetDecoder:
    """Return the decoder for `manifest`'s input size, labels and threshold."""
    return FastestDetDecoder(make_sieve(manifest), np.array(manifest.input_wh, np.float32))


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on one grid whose labels sum to 1."""
    outputs = outputs_of(facts)
    if facts.probe is None or len(outputs) != 1 or outputs[0].ndim != 4:
        return None
    w, h = facts.probe.input_wh
    grid = outputs[0][0]
    if grid.shape[1] * w == grid.shape[2] * h:
        grid = grid.transpose(1, 2, 0)
    if grid.shape[2] <= _LABELS or grid.shape[0] * w != grid.shape[1] * h:
        return None
    sums = grid[..., _LABELS:].astype(np.float32).sum(axis=2)
    if not are_scores(grid[..., 0]) or not lie_within(sums, 0.98, 1.02, 0.95):
        return None
    return make_claim(
        facts,
        "fastestdet",
        0.95,
        f"output {outputs[0].shape}: one grid of {grid.shape[1]} × {grid.shape[0]} cells, an "
        "objectness, a box and label scores that sum to 1",
        habit=Habit(("bgr", "rgb"), (UNIT,), ("stretch", "centre", "top_left")),
        labels=grid.shape[2] - _LABELS,
        values={},
    )


FAMILY = Family("fastestdet", "FastestDet", recognise, build_decoder)
