"""DETR's children: RT-DETR, D-FINE, DEIM, RF-DETR and others; a fixed number of boxes, no NMS.

With their last step: labels (n, queries), boxes (n, queries, 4) as corners in pixels of the size
that the input `orig_target_sizes` tells, scores (n, queries). The agent tells it the size of the
model's input, so that boxes are in its pixels.
Without: boxes (n, queries, 4) as cx, cy, w, h in 0..1 and logits (n, queries, labels), to which
the sigmoid belongs; `outputs` says which is which. The logits may have one label more, "no
object"; those of the first DETR want the softmax with it.
Source: Carion et al., DETR, arXiv:2005.12872; Zhao et al., RT-DETR, arXiv:2304.08069; Peng et
al., D-FINE, arXiv:2410.13842; Huang et al., DEIM, arXiv:2412.04234; RF-DETR, "ONNX inference".
"""

from edge_agent.detect.clues import IMAGENET, UNIT, Habit
from edge_agent.detect.decoding.table_layout import claim_tables, table_layout
from edge_agent.detect.decoding.tables import TableDecoder, table_decoder
from edge_agent.detect.family import Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest

_MOST_QUERIES = 1_000
_SPARE = 1  # "no object"
_FITS = ("stretch", "centre", "top_left")


def build_decoder(manifest: Manifest) -> TableDecoder:
    """Return the decoder of labels, boxes and scores, or of boxes and logits."""
    if "classes" in (manifest.outputs or ("classes",)):
        return table_decoder(manifest, ("classes", "boxes", "scores"))
    return table_decoder(
        manifest,
        (),
        box_format="cxcywh",
        units="normalised",
        activation="sigmoid",
        spare=_SPARE,
    )


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim on boxes of queries with labels and scores, or with logits."""
    layout = table_layout(facts)
    if layout is None or layout.rows > _MOST_QUERIES:
        return None
    if "classes" not in layout.roles:
        if not layout.normalised or layout.labels is None:
            return None
        habit = Habit(preparation=(IMAGENET, UNIT), letterbox=_FITS)
        # Boxes in 0..1 with scores of labels may be another's too; logits are these alone.
        certainty = 0.9 if layout.activation == "sigmoid" else 0.6
        if layout.box_format != "cxcywh":
            certainty -= 0.3
        values = {"box_format": "cxcywh", "iou_threshold": 0.8}
        return claim_tables(
            facts, "detr", certainty, layout, habit=habit, values=values, spare=_SPARE
        )
    told_sizes = any("size" in i.name.lower() or "im_shape" in i.name.lower() for i in facts.inputs)
    if not told_sizes and (layout.flat or "count" in layout.roles or "scores" not in layout.roles):
        return None
    habit = Habit(preparation=(UNIT, IMAGENET), letterbox=_FITS)
    certainty = 0.95 if told_sizes else 0.6
    values = {"iou_threshold": 0.8}
    return claim_tables(facts, "detr", certainty, layout, habit=habit, values=values)


FAMILY = Family(
    "detr",
    "RT-DETR, D-FINE, DEIM, RF-DETR, DETR",
    recognise,
    build_decoder,
    keys=frozenset({"outputs", "box_format", "box_units", "activation"}),
    fixed_order=False,
)
