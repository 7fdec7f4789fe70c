"""NanoDet and NanoDet-Plus: label scores and distances to four sides, a distribution each.

NanoDet: for each stride (8, 16, 32) scores (n, anchors, labels) and distances (n, anchors,
4 × bins), from the middle pixel of each cell. NanoDet-Plus: one output (n, anchors of strides 8,
16, 32, 64, labels + 4 × bins), from the corner of each cell. Scores through the sigmoid.
Source: Lyu, NanoDet (2020) and NanoDet-Plus (2021), their heads and export; Li et al.,
Generalized Focal Loss, NeurIPS 2020.
"""

from edge_agent.detect.clues import IMAGENET, IMAGENET_BGR, PLAIN, UNIT, Habit, make_claim
from edge_agent.detect.decoding.distance_layout import distance_layout
from edge_agent.detect.decoding.distances import distance_decoder
from edge_agent.detect.family import Decoder, Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest

_NANODET_BINS = 8


def build_decoder(manifest: Manifest) -> Decoder:
    """Return the decoder of distances; four strides point to corners, as NanoDet-Plus does."""
    return distance_decoder(manifest, "corner" if len(manifest.strides) == 4 else "pixel_middle")


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on scores and 8 bins a side: apart for 3 strides, or together."""
    layout = distance_layout(facts)
    if layout is None or layout.bins != _NANODET_BINS:
        return None
    is_plus = layout.together and len(layout.strides) == 4
    is_first = not layout.together and len(layout.strides) == 3
    points = ("corner", "pixel_middle") if is_plus else ("pixel_middle", "corner")
    fits = ("stretch", "centre", "top_left") if is_plus else ("centre", "stretch", "top_left")
    return make_claim(
        facts,
        "nanodet",
        0.95 if is_plus else 0.9 if is_first else 0.4,
        f"scores of {layout.labels} labels and 4 × {layout.bins} bins, "
        f"{'together' if layout.together else 'apart'}, strides {list(layout.strides)}",
        habit=Habit(("bgr", "rgb"), (IMAGENET_BGR, IMAGENET, UNIT, PLAIN), fits),
        labels=layout.labels,
        values={
            "strides": layout.strides,
            "activation": layout.activation,
            "cell_point": points[0],
        },
        alternatives={"cell_point": points},
    )


FAMILY = Family(
    "nanodet",
    "NanoDet, NanoDet-Plus",
    recognise,
    build_decoder,
    keys=frozenset({"strides", "cell_point", "outputs", "activation"}),
)
