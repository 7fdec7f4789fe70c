"""Exports that end in TensorRT's EfficientNMS, and YOLO-NAS with its batch format.

Four outputs: count (n, 1), boxes (n, rows, 4) as corners in pixels, scores (n, rows), classes
(n, rows); rows behind the count are padding.
Source: NVIDIA, TensorRT plugins, efficientNMSPlugin; Deci, YOLO-NAS, "Export to ONNX".
"""

from edge_agent.detect.clues import Habit
from edge_agent.detect.decoding.table_layout import claim_tables, table_layout
from edge_agent.detect.decoding.tables import table_decoder
from edge_agent.detect.family import Decoder, Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest


def build_decoder(manifest: Manifest) -> Decoder:
    """Return the decoder of count, boxes, scores, classes, in the plugin's order."""
    return table_decoder(manifest, ("count", "boxes", "scores", "classes"))


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim where the count comes first and counts in whole numbers."""
    layout = table_layout(facts)
    if layout is None or layout.roles[:2] != ("count", "boxes") or not layout.whole_count:
        return None
    return claim_tables(facts, "tensorrt_nms", 0.9, layout, habit=Habit())


FAMILY = Family(
    "tensorrt_nms",
    "Exports with TensorRT's EfficientNMS, YOLO-NAS",
    recognise,
    build_decoder,
    keys=frozenset({"outputs", "box_format", "box_units", "activation"}),
    fixed_order=False,
)
