"""YOLOv5, YOLOv7 and YOLOv6: one row an anchor with a box, an objectness and label scores.

Decoded: (n, anchors, 5 + labels): cx, cy, w, h in pixels of the input (TensorFlow's exports:
0..1), objectness, label scores, all through the sigmoid. YOLOv6, and YOLOX exported with its
decoding, have the same rows, one a cell instead of three.
Raw heads, where the manifest has `anchors`: a tensor a stride, (n, anchors of a cell, h, w,
5 + labels), or the same as channels (n, …, h, w) or (n, h, w, …), before the sigmoid.
Source: Jocher, YOLOv5 (doi 10.5281/zenodo.3908559), "Architecture Summary", section 4.3; Wang
et al., YOLOv7, arXiv:2207.02696; Li et al., YOLOv6, arXiv:2209.02976.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
    are_sides,
    lie_within,
    likely_labels,
    make_claim,
    outputs_of,
    strides_of,
)
from edge_agent.detect.decoding.anchored import anchored_boxes
from edge_agent.detect.decoding.grids import grid_sizes
from edge_agent.detect.decoding.packed import packed_decoder
from edge_agent.detect.decoding.sieve import Sieve, make_sieve
from edge_agent.detect.family import Decoder, Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray, IntArray, Wh

_BOX = 4
_HABIT = Habit(preparation=(UNIT, PLAIN, IMAGENET))
#: The anchors of the published COCO models in pixels. Source: yolov5s.yaml of YOLOv5.
_COCO_ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
#: Source: yolov7.yaml of YOLOv7.
_V7_ANCHORS = (
    ((12, 16), (19, 36), (40, 28)),
    ((36, 75), (76, 55), (72, 146)),
    ((142, 110), (192, 243), (459, 401)),
)


@dataclass(frozen=True, slots=True, eq=False)
class HeadsDecoder:
    """Decodes the raw heads, one a stride, in the order of `strides`."""

    sieve: Sieve
    grids: tuple[Wh, ...]
    strides: tuple[int, ...]
    anchors: FloatArray  # (strides, anchors of a cell, 2) pixels

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture.

        Raises: ModelError where the heads are not those of the strides and anchors, or no
        objectness of a picture is a number.
        """
        heads = [self._head(level, outputs, pictures) for level in range(len(self.strides))]
        return [self._decode_picture(heads, picture) for picture in range(pictures)]

    def _decode_picture(self, heads: Sequence[NDArray[Any]], picture: int) -> Candidates:
        boxes, scores, classes = [], [], []
        for level, head in enumerate(heads):
            xyxy, score, class_id = self._decode_head(head[picture], level)
            boxes.append(xyxy)
            scores.append(score)
            classes.append(class_id)
        return keep_finite(np.concatenate(boxes), np.concatenate(scores), np.concatenate(classes))

    def _decode_head(
        self, head: NDArray[Any], level: int
    ) -> tuple[FloatArray, FloatArray, IntArray]:
        """Return boxes, scores and classes of a head (anchors of a cell, h, w, 5 + labels)."""
        likely = self.sieve.likely(head[..., _BOX].ravel())
        anchor, y, x = np.unravel_index(likely, head.shape[:3])
        done = self.sieve.activate(head[anchor, y, x].astype(np.float32, copy=False))
        with np.errstate(invalid="ignore"):  # infinity × 0 is NaN, which is dropped later
            by_label = self.sieve.counted(done[:, _BOX + 1 :]) * done[:, _BOX : _BOX + 1]
        hits, kept = self.sieve.judge(likely, by_label)
        cell = np.stack((x[kept], y[kept]), axis=1).astype(np.float32)
        sizes = self.anchors[level, anchor[kept]]
        xyxy = anchored_boxes(done[kept, :_BOX], cell, self.strides[level], sizes)
        return xyxy, hits.score, hits.class_id

    def _head(self, level: int, outputs: Sequence[NDArray[Any]], pictures: int) -> NDArray[Any]:
        """Return the head of a stride as (n, anchors of a cell, h, w, 5 + labels), a view."""
        w, h = self.grids[level]
        each, width = self.anchors.shape[1], _BOX + 1 + self.sieve.labels
        for output in outputs:
            if output.shape == (pictures, each, h, w, width):
                return output
            if output.shape == (pictures, h, w, each, width):
                return output.transpose(0, 3, 1, 2, 4)
            if output.shape == (pictures, each * width, h, w):
                return output.reshape(pictures, each, width, h, w).transpose(0, 1, 3, 4, 2)
            if output.shape == (pictures, h, w, each * width):
                return output.reshape(pictures, h, w, each, width).transpose(0, 3, 1, 2, 4)
        seen = ", ".join(str(output.shape) for output in outputs)
        raise ModelError(
            f"{self.sieve.subject}: output {seen}, none of them the head of stride "
            f"{self.strides[level]}, ({pictures}, {each}, {h}, {w}, {width}) = (pictures, anchors "
            "of a cell, rows, columns, 5 + labels)"
        )


def build_decoder(manifest: Manifest) -> Decoder:
    """Return the decoder of decoded rows, or with `anchors` of raw heads."""
    if manifest.anchors is None:
        return packed_decoder(manifest, objectness=True)
    return HeadsDecoder(
        make_sieve(manifest, "sigmoid"),
        tuple(grid_sizes(manifest.input_wh, manifest.strides)),
        manifest.strides,
        np.array(manifest.anchors, np.float32),
    )


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on rows with an objectness, or on three heads of three anchors."""
    return _recognise_heads(facts) or _recognise_rows(facts)


def _recognise_rows(facts: GraphFacts) -> Claim | None:
    found = [o for o in outputs_of(facts) if o.ndim == 3 and o.shape[2] > _BOX + 1]
    if facts.probe is None or len(found) != 1 or found[0].shape[1] <= found[0].shape[2]:
        return None
    rows = found[0][0].astype(np.float32)
    if not are_scores(rows[:, _BOX:]) or not are_sides(rows[:, 2:_BOX]):
        return None
    normalised = lie_within(rows[:, :_BOX], -0.5, 1.5, 0.99)
    if not normalised and rows[:, :2].max() < min(facts.probe.input_wh) / 2:
        return None  # a raw grid spans some cells, pixels span the input
    labels = rows.shape[1] - _BOX - 1
    three = strides_of(len(rows), facts.probe.input_wh, 3)
    one = strides_of(len(rows), facts.probe.input_wh)
    # Rows without an objectness look the same: the number of labels tells more than the grid.
    certainty = 0.95 if three else 0.7 if one else 0.5
    if likely_labels(facts, labels) != likely_labels(facts, labels + 1):
        certainty += 0.04 if likely_labels(facts, labels) else -0.3
    cells = "three boxes a cell" if three else "one box a cell" if one else "of no known grid"
    return make_claim(
        facts,
        "yolov5",
        certainty,
        f"output {found[0].shape}: rows of a box in "
        f"{'0..1' if normalised else 'pixels'}, an objectness and label scores, {cells}",
        habit=_HABIT,
        labels=labels,
        values={"box_units": "normalised" if normalised else "pixels"},
    )


def _recognise_heads(facts: GraphFacts) -> Claim | None:
    outputs = outputs_of(facts)
    if facts.probe is None or len(outputs) != 3:
        return None
    strides, widths = [], set()
    for output in outputs:
        if output.ndim == 5 and output.shape[1] == 3:
            h, width = output.shape[2], output.shape[4]
        elif output.ndim == 4 and output.shape[1] % 3 == 0 and output.shape[1] >= 18:
            h, width = output.shape[2], output.shape[1] // 3
        else:
            return None
        strides.append(facts.probe.input_wh[1] // h)
        widths.add(width)
    if sorted(strides) != [8, 16, 32] or len(widths) != 1 or min(widths) <= _BOX + 1:
        return None
    done = all(are_scores(output) for output in outputs)
    return make_claim(
        facts,
        "yolov5",
        0.85,
        f"3 outputs such as {outputs[0].shape}: heads of strides 8, 16, 32 with three anchors",
        habit=_HABIT,
        labels=min(widths) - _BOX - 1,
        values={
            "strides": (8, 16, 32),
            "anchors": _COCO_ANCHORS,
            "activation": "none" if done else "sigmoid",
        },
        alternatives={"anchors": (_COCO_ANCHORS, _V7_ANCHORS)},
    )


FAMILY = Family(
    "yolov5",
    "YOLOv5, YOLOv7, YOLOv6",
    recognise,
    build_decoder,
    keys=frozenset({"strides", "anchors", "box_format", "box_units", "activation"}),
)
