"""PicoDet without its last step: label scores and distances as distributions, four strides.

For each stride (8, 16, 32, 64) scores (n, anchors, labels) through the sigmoid and distances
(n, anchors, 4 × 8 bins), from the middle of each cell. An export with suppression is of the
family `end_to_end`, one with boxes and scores of `boxes_scores`.
Source: Yu et al., PP-PicoDet, arXiv:2111.00902; PaddleDetection, configs/picodet.
"""

from edge_agent.detect.clues import IMAGENET, IMAGENET_BGR, PLAIN, UNIT, Habit, make_claim
from edge_agent.detect.decoding.distance_layout import distance_layout
from edge_agent.detect.decoding.distances import distance_decoder
from edge_agent.detect.family import Decoder, Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest

_BINS = 8
_HABIT = Habit(
    ("rgb", "bgr"), (IMAGENET, IMAGENET_BGR, UNIT, PLAIN), ("stretch", "centre", "top_left")
)


def build_decoder(manifest: Manifest) -> Decoder:
    """Return the decoder of distances from the middle of each cell."""
    return distance_decoder(manifest, "pixel_middle")


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on scores and 8 bins a side, apart, for four strides."""
    layout = distance_layout(facts)
    if layout is None or layout.bins != _BINS or layout.together:
        return None
    paddle = "paddle" in facts.producer.lower()
    return make_claim(
        facts,
        "picodet",
        (0.95 if paddle else 0.9) if len(layout.strides) == 4 else 0.5,
        f"scores of {layout.labels} labels and 4 × {layout.bins} bins, apart, "
        f"strides {list(layout.strides)}",
        habit=_HABIT,
        labels=layout.labels,
        values={
            "strides": layout.strides,
            "activation": layout.activation,
            "cell_point": "pixel_middle",
        },
        alternatives={"cell_point": ("pixel_middle", "middle")},
    )


FAMILY = Family(
    "picodet",
    "PicoDet without its last step",
    recognise,
    build_decoder,
    keys=frozenset({"strides", "cell_point", "outputs", "activation"}),
)
