"""End-to-end exports: one finished detection a row, suppressed by the graph or needing none.

(n, rows, 6), as YOLOv10, YOLO26 and exports with `nms=True` give them: x1, y1, x2, y2, score,
class. (rows, 7) of all pictures together: batch, x1, y1, x2, y2, class, score (YOLOv7), with
score before class (YOLO-NAS), or batch, class, score, x1, y1, x2, y2 in 0..1 (SSD's
DetectionOutput, (1, 1, rows, 7)). (rows, 6): class, score, x1, y1, x2, y2, beside a count a
picture (Paddle's PicoDet, PP-YOLOE and RT-DETR). `columns` in the manifest says which.
Source: Wang et al., YOLOv10, arXiv:2405.14458, and its export; Wang et al., YOLOv7, its
"end2end" export; PaddleDetection, deploy/EXPORT_ONNX_MODEL.md; OpenVINO, DetectionOutput-8.
"""

import numpy as np

from edge_agent.detect.clues import (
    IMAGENET,
    PLAIN,
    UNIT,
    Habit,
    lie_within,
    look_whole,
    make_claim,
    outputs_of,
)
from edge_agent.detect.decoding.rows import rows_decoder
from edge_agent.detect.family import Decoder, Family
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest
from edge_agent.types import FloatArray

_CORNERS = ("x1", "y1", "x2", "y2")
#: The orders of columns that exports have, the usual one first.
_ORDERS: tuple[tuple[str, ...], ...] = (
    (*_CORNERS, "score", "class"),
    (*_CORNERS, "class", "score"),
    ("class", "score", *_CORNERS),
    ("score", "class", *_CORNERS),
    ("batch", *_CORNERS, "class", "score"),
    ("batch", *_CORNERS, "score", "class"),
    ("batch", "class", "score", *_CORNERS),
)
_MOST_ROWS = 5_000


def build_decoder(manifest: Manifest) -> Decoder:
    """Return the decoder of rows with the manifest's columns."""
    return rows_decoder(manifest, _ORDERS[0])


def recognise(facts: GraphFacts) -> Claim | None:
    """Return a claim where rows of six or seven columns read as detections."""
    found = [o for o in outputs_of(facts) if o.ndim in (2, 3, 4) and o.shape[-1] in (6, 7)]
    if len(found) != 1 or facts.probe is None:
        return None
    width = found[0].shape[-1]
    rows = found[0].reshape(-1, width).astype(np.float32)
    orders = tuple(o for o in _ORDERS if len(o) == width and _reads(rows, o))
    if not orders or len(rows) > _MOST_ROWS:
        return None
    corners = [orders[0].index(word) for word in _CORNERS]
    normalised = len(rows) > 0 and lie_within(rows[:, corners], -0.5, 1.5)
    paddle = orders[0][0] == "class"
    habit = (
        Habit(preparation=(IMAGENET, UNIT, PLAIN), letterbox=("stretch", "centre", "top_left"))
        if paddle
        else Habit()
    )
    empty = not rows.any()
    return make_claim(
        facts,
        "end_to_end",
        0.4 if empty else 0.95 if len(orders) == 1 else 0.8,
        f"output {found[0].shape}: " + ("no rows" if empty else f"rows of {', '.join(orders[0])}"),
        habit=habit,
        labels=None,
        values={
            "columns": orders[0],
            "box_units": "normalised" if normalised else "pixels",
            "iou_threshold": 0.8,
        },
        alternatives={"columns": orders},
    )


def _reads(rows: FloatArray, order: tuple[str, ...]) -> bool:
    """Return whether the rows that are not padding make sense in this order."""
    column = dict(zip(order, rows[rows.any(axis=1)].T, strict=True))
    if not column["score"].size:
        return True
    return (
        lie_within(column["score"], -1, 1.01)
        and not look_whole(column["score"])
        and look_whole(column["class"])
        and lie_within(column["class"], -1, 9_999)
        and bool((column["x2"] >= column["x1"]).mean() > 0.9)
        and bool((column["y2"] >= column["y1"]).mean() > 0.9)
        and ("batch" not in column or lie_within(column["batch"], -1, 0))
    )


FAMILY = Family(
    "end_to_end",
    "YOLOv10, YOLO26, exports with suppression inside, Paddle with suppression",
    recognise,
    build_decoder,
    keys=frozenset({"columns", "box_units", "activation"}),
    fixed_order=False,
)
