"""YOLOv8, 9, 11 and 12: one column an anchor with a box and label scores, no objectness.

Output (n, 4 + labels, anchors): cx, cy, w, h in pixels of the input (TensorFlow's exports and
RT-DETR's from the same tool: 0..1), label scores through the sigmoid. Also transposed,
(n, anchors, 4 + labels).
Source: Jocher et al., Ultralytics YOLO (2023), "Export"; the layout as its ONNX examples read it.
"""

import numpy as np

from edge_agent.detect.clues import (
    Habit,
    are_scores,
    are_sides,
    lie_within,
    likely_labels,
    make_claim,
    outputs_of,
    strides_of,
)
from edge_agent.detect.decoding.packed import packed_decoder
from edge_agent.detect.family import Decoder, Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest

_BOX = 4


def build_decoder(manifest: Manifest) -> Decoder:
    """Return the decoder of packed rows or columns without an objectness."""
    return packed_decoder(manifest, objectness=False)


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on one output of boxes and label scores."""
    outputs = outputs_of(facts)
    if facts.probe is None or len(outputs) != 1 or outputs[0].ndim != 3:
        return None
    columns_first = outputs[0].shape[1] < outputs[0].shape[2]
    rows = outputs[0][0].T if columns_first else outputs[0][0]
    rows = rows.astype(np.float32)
    if rows.shape[1] <= _BOX or len(rows) <= 1:
        return None
    if not are_scores(rows[:, _BOX:]) or not are_sides(rows[:, 2:_BOX]):
        return None
    normalised = lie_within(rows[:, :_BOX], -0.5, 1.5, 0.99)
    if not normalised and rows[:, :2].max() < min(facts.probe.input_wh) / 2:
        return None
    grid = strides_of(len(rows), facts.probe.input_wh) is not None
    queries = normalised and not grid  # boxes of queries, as RT-DETR has them
    # The other way round the rows of YOLOv5 and YOLOv6 look the same.
    certainty = (0.95 if grid else 0.5) if columns_first else 0.6 if grid or queries else 0.3
    labels = rows.shape[1] - _BOX
    if likely_labels(facts, labels) != likely_labels(facts, labels - 1):
        certainty += 0.04 if likely_labels(facts, labels) else -0.25
    return make_claim(
        facts,
        "yolov8",
        certainty,
        f"output {outputs[0].shape}: {'columns' if columns_first else 'rows'} of a box in "
        f"{'0..1' if normalised else 'pixels'} and label scores, no objectness",
        habit=Habit(letterbox=("stretch", "centre", "top_left")) if queries else Habit(),
        labels=labels,
        values={"box_units": "normalised" if normalised else "pixels"},
    )


FAMILY = Family(
    "yolov8",
    "YOLOv8, YOLOv9, YOLO11, YOLO12",
    recognise,
    build_decoder,
    keys=frozenset({"box_format", "box_units", "activation"}),
)
