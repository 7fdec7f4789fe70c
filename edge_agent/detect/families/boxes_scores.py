"""Boxes and label scores in two tensors, before suppression.

boxes (n, anchors, 4) or (n, anchors, 1, 4) as corners in pixels of the input, scores (n, anchors,
labels) or (n, labels, anchors): YOLO-NAS, DAMO-YOLO, PP-YOLOE and PicoDet of Paddle without
suppression, YOLOv4's ONNX exports (0..1), SSD with decoded boxes (0..1, the first label its
background).
Source: PaddleDetection, deploy/EXPORT_ONNX_MODEL.md; Deci, YOLO-NAS, "Export to ONNX"; Xu et
al., DAMO-YOLO, arXiv:2211.15444; Liu et al., SSD, arXiv:1512.02325.
"""

from edge_agent.detect.clues import IMAGENET, PLAIN, UNIT, Habit
from edge_agent.detect.decoding.table_layout import claim_tables, table_layout
from edge_agent.detect.decoding.tables import TableDecoder, table_decoder
from edge_agent.detect.family import Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest

_MOST_QUERIES = 1_000
_HABIT = Habit(preparation=(UNIT, IMAGENET, PLAIN), letterbox=("stretch", "centre", "top_left"))


def build_decoder(manifest: Manifest) -> TableDecoder:
    """Return the decoder of boxes and scores, in this order where the manifest says no other."""
    return table_decoder(manifest, ("boxes", "scores"))


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on boxes and scores of labels, both of the same number of anchors."""
    layout = table_layout(facts)
    if layout is None or "classes" in layout.roles or layout.labels is None:
        return None
    queries = layout.normalised and layout.rows <= _MOST_QUERIES and layout.box_format == "cxcywh"
    return claim_tables(facts, "boxes_scores", 0.4 if queries else 0.85, layout, habit=_HABIT)


FAMILY = Family(
    "boxes_scores",
    "YOLO-NAS, DAMO-YOLO, PP-YOLOE, PicoDet and SSD before suppression",
    recognise,
    build_decoder,
    keys=frozenset({"outputs", "box_format", "box_units", "activation"}),
)
