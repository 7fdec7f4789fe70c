"""YOLOv8, 9 and 11 cut before their last step, as exports for NPUs are.

For each stride (8, 16, 32) distances (n, 4 × 16 bins, h, w) and label scores (n, labels, h, w),
often before the sigmoid, from the middle of each cell; a sum of the scores (n, 1, h, w) may stand
beside them and is passed over.
Source: Li et al., Generalized Focal Loss, NeurIPS 2020; Rockchip, RKNN Model Zoo, yolov8.
"""

from edge_agent.detect.clues import Habit, make_claim
from edge_agent.detect.decoding.distance_layout import distance_layout
from edge_agent.detect.decoding.distances import distance_decoder
from edge_agent.detect.family import Decoder, Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest

_LEAST_BINS = 16


def build_decoder(manifest: Manifest) -> Decoder:
    """Return the decoder of distances from the middle of each cell."""
    return distance_decoder(manifest, "middle", "sigmoid")


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on scores and 16 bins or more a side."""
    layout = distance_layout(facts)
    if layout is None or layout.bins < _LEAST_BINS:
        return None
    return make_claim(
        facts,
        "yolov8_heads",
        0.9 if layout.bins == _LEAST_BINS else 0.6,
        f"scores of {layout.labels} labels and 4 × {layout.bins} bins, "
        f"{'together' if layout.together else 'apart'}, strides {list(layout.strides)}",
        habit=Habit(),
        labels=layout.labels,
        values={"strides": layout.strides, "activation": layout.activation},
    )


FAMILY = Family(
    "yolov8_heads",
    "YOLOv8, YOLOv9, YOLO11 without their last step",
    recognise,
    build_decoder,
    keys=frozenset({"strides", "cell_point", "outputs", "activation"}),
)
