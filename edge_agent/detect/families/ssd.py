"""SSD and its like with their own suppression: boxes, scores and classes in tensors of their own.

TensorFlow's detectors (SSD, EfficientDet, CenterNet): boxes (n, rows, 4) as y1, x1, y2, x2 in
0..1, scores and classes (n, rows), count (n,), label numbers from 1: `labels = "coco91"`.
torchvision's (SSD, RetinaNet, Faster R-CNN): boxes (rows, 4) as corners in pixels, labels and
scores (rows,) of one picture. MMDetection's (RTMDet and others): boxes (n, rows, 5) with the
score last, labels (n, rows). `outputs` in the manifest says which output is which.
Source: Liu et al., SSD, arXiv:1512.02325; TensorFlow Object Detection API, "exported model"
signature; torchvision, Models: Object Detection; MMDeploy, "Supported models".
"""

from edge_agent.detect.clues import IMAGENET, PLAIN, SIGNED, UNIT, Habit
from edge_agent.detect.decoding.table_layout import claim_tables, table_layout
from edge_agent.detect.decoding.tables import table_decoder
from edge_agent.detect.family import Decoder, Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest

_HABIT = Habit(
    preparation=(PLAIN, UNIT, SIGNED, IMAGENET), letterbox=("stretch", "centre", "top_left")
)


def build_decoder(manifest: Manifest) -> Decoder:
    """Return the decoder of the outputs that the manifest names by their roles."""
    return table_decoder(manifest, ())


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on boxes, scores and classes in tensors of their own."""
    layout = table_layout(facts)
    if layout is None or "classes" not in layout.roles:
        return None
    sure = layout.normalised or layout.flat or "scores" not in layout.roles
    return claim_tables(facts, "ssd", 0.9 if sure else 0.7, layout, habit=_HABIT)


FAMILY = Family(
    "ssd",
    "SSD, EfficientDet, RetinaNet, Faster R-CNN, RTMDet with their own suppression",
    recognise,
    build_decoder,
    keys=frozenset({"outputs", "box_format", "box_units", "activation"}),
    required=frozenset({"outputs"}),
    fixed_order=False,
)
