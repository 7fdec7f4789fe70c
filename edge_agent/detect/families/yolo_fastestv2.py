"""YOLO-FastestV2: two grids of three anchors that share their label scores.

For each stride (16, 32) (n, h, w, 4 × anchors + anchors + labels) or the same with channels
second: the boxes of all anchors, their objectness, the label scores of the cell, all activated.
Boxes as YOLOv5's.
Source: dog-qiuqiu, Yolo-FastestV2 (2021), its detector and post-processing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates, keep_finite
from edge_agent.detect.clues import UNIT, Habit, are_scores, lie_within, make_claim, outputs_of
from edge_agent.detect.decoding.anchored import anchored_boxes
from edge_agent.detect.decoding.grids import grid_sizes
from edge_agent.detect.decoding.sieve import Sieve, make_sieve
from edge_agent.detect.family import Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray, IntArray, Wh

_STRIDES = (16, 32)
_EACH = 3
#: The anchors of the published COCO model in pixels. Source: its data/coco.data.
_COCO_ANCHORS = (
    ((12.64, 19.39), (37.88, 51.48), (55.71, 138.31)),
    ((126.91, 78.23), (131.57, 214.55), (279.92, 258.87)),
)


@dataclass(frozen=True, slots=True, eq=False)
class FastestV2Decoder:
    """Decodes the grids, one a stride."""

    sieve: Sieve
    grids: tuple[Wh, ...]
    strides: tuple[int, ...]
    anchors: FloatArray  # (strides, anchors of a cell, 2) pixels

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture.

        Raises: ModelError where the outputs are not the grids of the strides, or no objectness
        of a picture is a number.
        """
        heads = [self._head(level, outputs, pictures) for level in range(len(self.strides))]
        found = []
        for picture in range(pictures):
            parts = [self._decode_head(head[picture], level) for level, head in enumerate(heads)]
            found.append(keep_finite(*(np.concatenate(p) for p in zip(*parts, strict=True))))
        return found

    def _decode_head(
        self, head: NDArray[Any], level: int
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """Return boxes, scores and classes of a head (h, w, channels)."""
        each = self.anchors.shape[1]
        likely = self.sieve.likely(head[..., 4 * each : 5 * each].ravel())
        y, x, anchor = np.unravel_index(likely, (*head.shape[:2], each))
        found = self.sieve.activate(head[y, x].astype(np.float32, copy=False))
        objectness = found[np.arange(len(found)), 4 * each + anchor]
        with np.errstate(invalid="ignore"):  # infinity × 0 is NaN, which is dropped later
            by_label = self.sieve.counted(found[:, 5 * each :]) * objectness[:, None]
        hits, kept = self.sieve.judge(likely, by_label)
        anchor = anchor[kept]
        box = found[kept[:, None], anchor[:, None] * 4 + np.arange(4)]
        cell = np.stack((x[kept], y[kept]), axis=1).astype(np.float32)
        xyxy = anchored_boxes(box, cell, self.strides[level], self.anchors[level, anchor])
        return xyxy, hits.score, hits.class_id

    def _head(self, level: int, outputs: Sequence[NDArray[Any]], pictures: int) -> NDArray[Any]:
        """Return the grid of a stride as (n, h, w, channels), a view."""
        w, h = self.grids[level]
        width = 5 * self.anchors.shape[1] + self.sieve.labels
        for output in outputs:
            if output.shape == (pictures, h, w, width):
                return output
            if output.shape == (pictures, width, h, w):
                return output.transpose(0, 2, 3, 1)
        seen = ", ".join(str(output.shape) for output in outputs)
        raise ModelError(
            f"{self.sieve.subject}: output {seen}, none of them the grid of stride "
            f"{self.strides[level]}, ({pictures}, {h}, {w}, {width}) = (pictures, rows, columns, "
            "5 × anchors of a cell + labels)"
        )


def build_decoder(manifest: Manifest) -> FastestV2Decoder:
    """Return the decoder for `manifest`'s strides, which it must name, and anchors."""
    anchors = np.array(manifest.anchors, np.float32)
    grids = tuple(grid_sizes(manifest.input_wh, manifest.strides))
    return FastestV2Decoder(make_sieve(manifest), grids, manifest.strides, anchors)


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on two grids whose label scores sum to 1."""
    outputs = outputs_of(facts)
    if facts.probe is None or len(outputs) != 2 or any(o.ndim != 4 for o in outputs):
        return None
    grids = grid_sizes(facts.probe.input_wh, _STRIDES)
    heads = []
    for output, (w, h) in zip(outputs, grids, strict=True):
        head = output[0].transpose(1, 2, 0) if output.shape[2:] == (h, w) else output[0]
        if head.shape[:2] != (h, w) or head.shape[2] <= 5 * _EACH:
            return None
        heads.append(head)
    sums = np.concatenate([head[..., 5 * _EACH :].sum(axis=2).ravel() for head in heads])
    done = all(are_scores(head) for head in heads)
    if not done or not lie_within(sums, 0.98, 1.02, 0.95):
        return None
    return make_claim(
        facts,
        "yolo_fastestv2",
        0.95,
        f"outputs {outputs[0].shape} and {outputs[1].shape}: grids of strides 16 and 32, three "
        "anchors with label scores in common",
        habit=Habit(("bgr", "rgb"), (UNIT,), ("stretch", "centre", "top_left")),
        labels=heads[0].shape[2] - 5 * _EACH,
        values={"strides": _STRIDES, "anchors": _COCO_ANCHORS},
    )


FAMILY = Family(
    "yolo_fastestv2",
    "YOLO-FastestV2",
    recognise,
    build_decoder,
    keys=frozenset({"strides", "anchors", "activation"}),
    required=frozenset({"strides", "anchors"}),
    whole_cells=True,
)
