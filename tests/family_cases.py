"""Every layout that the families read, as arrays, a manifest's keys and a plain reference."""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from tests.families_support import V5_ANCHORS
from tests.family_arrays import (
    LABELS,
    STRIDES,
    apart,
    cells,
    centres,
    corners,
    detection_output,
    fastestdet,
    fastestv2,
    finished_rows,
    heads,
    packed,
    padded,
    scores,
    tensorflow,
    tensorflow2,
    tensorrt,
    together,
    whole,
    yolox,
    yolox_heads,
)
from tests.family_case import Case
from tests.reference_families import dense, finished, grids

FASTESTV2_ANCHORS = [[[12, 19], [37, 51], [55, 60]], [[90, 40], [40, 60], [100, 30]]]


YOLOV7_COLUMNS = ["batch", "x1", "y1", "x2", "y2", "class", "score"]
NAS_COLUMNS = ["batch", "x1", "y1", "x2", "y2", "score", "class"]
PADDLE_COLUMNS = ["class", "score", "x1", "y1", "x2", "y2"]
OPENVINO_COLUMNS = ["batch", "class", "score", "x1", "y1", "x2", "y2"]
YOLOV10_COLUMNS = ["x1", "y1", "x2", "y2", "score", "class"]
NORMALISED = {"box_units": "normalised"}
PLUS_STRIDES = [8, 16, 32, 64]
DETR_SIZES = {"orig_target_sizes": (TensorProto.INT64, [None, 2])}

CASES: Mapping[str, Case] = {
    "yolox": Case("yolox", yolox, dense.yolox),
    "yolox heads": Case(
        "yolox",
        yolox_heads,
        lambda outputs, task: dense.yolox(
            [np.concatenate([head.reshape(len(head), -1).T for head in outputs])], task
        ),
    ),
    "yolov5": Case(
        "yolov5", lambda rng: {"output": packed(rng, 3 * cells(), 1)[None]}, dense.yolov5
    ),
    "yolov5 in 0..1": Case(
        "yolov5",
        lambda rng: {"output": packed(rng, 3 * cells(), 1, normalised=True)[None]},
        dense.yolov5,
        NORMALISED,
    ),
    "yolov5 with its heads beside": Case(
        "yolov5",
        lambda rng: {
            "output": packed(rng, 3 * cells(), 1)[None],
            **heads(rng, lambda raw: raw),
        },
        dense.yolov5,
    ),
    "yolov5 raw heads": Case(
        "yolov5",
        lambda rng: heads(rng, lambda raw: raw),
        dense.yolov5_heads,
        {"strides": STRIDES, "anchors": V5_ANCHORS},
    ),
    "yolov5 raw heads as channels": Case(
        "yolov5",
        lambda rng: heads(rng, lambda raw: raw.transpose(0, 3, 1, 2).reshape(-1, *raw.shape[1:3])),
        lambda outputs, task: dense.yolov5_heads(
            [o.reshape(3, -1, *o.shape[1:]).transpose(0, 2, 3, 1) for o in outputs],
            task,
        ),
        {"strides": STRIDES, "anchors": V5_ANCHORS},
    ),
    "yolov6": Case(
        "yolov5",
        lambda rng: {"output": packed(rng, cells(), 1)[None]},
        dense.yolov5,
        sure=False,
    ),
    "yolov8": Case(
        "yolov8", lambda rng: {"output0": packed(rng, cells(), 0).T[None]}, dense.yolov8
    ),
    "yolov8 in 0..1": Case(
        "yolov8",
        lambda rng: {"output0": packed(rng, cells(), 0, normalised=True).T[None]},
        dense.yolov8,
        NORMALISED,
    ),
    "yolov8 transposed": Case(
        "yolov8",
        lambda rng: {"output0": packed(rng, cells(), 0)[None]},
        dense.yolov8,
        sure=False,
    ),
    "yolov10": Case(
        "end_to_end",
        lambda rng: {"output0": padded(finished_rows(rng, YOLOV10_COLUMNS), 20)[None]},
        finished.rows,
        {"columns": YOLOV10_COLUMNS},
    ),
    "yolov7 end to end": Case(
        "end_to_end",
        lambda rng: {"output": finished_rows(rng, YOLOV7_COLUMNS)},
        finished.rows,
        {"columns": YOLOV7_COLUMNS},
        batched=False,
    ),
    "yolo-nas flat": Case(
        "end_to_end",
        lambda rng: {"graph2_flat_predictions": finished_rows(rng, NAS_COLUMNS)},
        finished.rows,
        {"columns": NAS_COLUMNS},
        batched=False,
    ),
    "picodet with suppression": Case(
        "end_to_end",
        lambda rng: {
            "multiclass_nms3_0.tmp_0": finished_rows(rng, PADDLE_COLUMNS),
            "multiclass_nms3_0.tmp_2": np.array([30], np.int32),
        },
        finished.rows,
        {"columns": PADDLE_COLUMNS, "extra_inputs": {"scale_factor": "ones"}},
        batched=False,
        extra={"scale_factor": (TensorProto.FLOAT, [1, 2])},
    ),
    "ssd of openvino": Case(
        "end_to_end",
        lambda rng: {"detection_out": detection_output(rng)},
        finished.rows,
        {"columns": OPENVINO_COLUMNS, **NORMALISED},
        batched=False,
    ),
    "nanodet": Case(
        "nanodet",
        lambda rng: apart(rng, STRIDES, 8),
        grids.distances,
        {"strides": STRIDES},
        {"point": grids.middle_pixel},
    ),
    "nanodet as channels": Case(
        "nanodet",
        lambda rng: apart(rng, STRIDES, 8, images=True),
        grids.distances,
        {"strides": STRIDES},
        {"point": grids.middle_pixel},
    ),
    "nanodet, labels before anchors": Case(
        "nanodet",
        lambda rng: {
            name: rows.transpose(0, 2, 1).copy() for name, rows in apart(rng, STRIDES, 8).items()
        },
        lambda outputs, task: grids.distances([output.T for output in outputs], task),
        {"strides": STRIDES},
        {"point": grids.middle_pixel},
    ),
    "nanodet-plus": Case(
        "nanodet",
        lambda rng: together(rng, PLUS_STRIDES, 8),
        grids.distances,
        {"strides": PLUS_STRIDES},
        {"point": grids.corner, "together": True},
    ),
    "picodet": Case(
        "picodet",
        lambda rng: apart(rng, PLUS_STRIDES, 8),
        grids.distances,
        {"strides": PLUS_STRIDES},
        {"point": grids.middle_pixel},
    ),
    "yolov8 heads": Case(
        "yolov8_heads",
        lambda rng: apart(rng, STRIDES, 16, images=True, logits=True),
        grids.distances,
        {"strides": STRIDES},
        {"point": grids.middle, "raw": True},
    ),
    "yolov8 heads, channels last": Case(
        "yolov8_heads",
        lambda rng: {
            name: head.transpose(0, 2, 3, 1).copy()
            for name, head in apart(rng, STRIDES, 16, images=True, logits=True).items()
        },
        lambda outputs, task: grids.distances(
            [output.transpose(2, 0, 1) for output in outputs], task
        ),
        {"strides": STRIDES},
        {"point": grids.middle, "raw": True},
    ),
    "fastestdet": Case("fastestdet", fastestdet, grids.fastestdet),
    "yolo-fastestv2": Case(
        "yolo_fastestv2",
        lambda rng: fastestv2(rng, channels_first=False),
        grids.yolo_fastestv2,
        {"strides": [16, 32], "anchors": FASTESTV2_ANCHORS},
    ),
    "yolo-fastestv2 as channels": Case(
        "yolo_fastestv2",
        lambda rng: fastestv2(rng, channels_first=True),
        lambda outputs, task: grids.yolo_fastestv2([o.transpose(1, 2, 0) for o in outputs], task),
        {"strides": [16, 32], "anchors": FASTESTV2_ANCHORS},
    ),
    "ssd of tensorflow": Case(
        "ssd",
        tensorflow,
        finished.tables,
        {
            "outputs": ["boxes", "classes", "scores", "count"],
            "box_format": "yxyx",
            **NORMALISED,
        },
    ),
    "ssd of tensorflow 2": Case(
        "ssd",
        tensorflow2,
        lambda outputs, task: finished.tables(
            [outputs[i] for i in (1, 2, 4, 5)],
            task.with_options(outputs=("boxes", "classes", "scores", "count")),
        ),
        {
            "outputs": ["-", "boxes", "classes", "-", "scores", "count", "-", "-"],
            "box_format": "yxyx",
            **NORMALISED,
        },
    ),
    "torchvision": Case(
        "ssd",
        lambda rng: {
            "boxes": corners(rng, 25),
            "labels": whole(rng, 25),
            "scores": np.sort(rng.random(25))[::-1].astype(np.float32),
        },
        finished.tables,
        {"outputs": ["boxes", "classes", "scores"]},
        batched=False,
    ),
    "rtmdet": Case(
        "ssd",
        lambda rng: {
            "dets": np.concatenate((corners(rng, 25), rng.random((25, 1), np.float32)), axis=1)[
                None
            ],
            "labels": whole(rng, 25)[None],
        },
        lambda outputs, task: finished.tables(
            [outputs[0][:, :4], outputs[1], outputs[0][:, 4]],
            task.with_options(outputs=("boxes", "classes", "scores")),
        ),
        {"outputs": ["boxes", "classes"]},
    ),
    "tensorrt": Case(
        "tensorrt_nms",
        tensorrt,
        finished.tables,
        {},
        {"outputs": ("count", "boxes", "scores", "classes")},
    ),
    "rt-detr": Case(
        "detr",
        lambda rng: {
            "labels": whole(rng, 40)[None],
            "boxes": corners(rng, 40, normalised=True)[None],
            "scores": np.sort(rng.random(40))[::-1].astype(np.float32)[None],
        },
        finished.tables,
        {"extra_inputs": {"orig_target_sizes": "input_wh"}},
        {"outputs": ("classes", "boxes", "scores"), **NORMALISED},
        extra=DETR_SIZES,  # the graph multiplies the boxes by it
    ),
    "rf-detr": Case(
        "detr",
        lambda rng: {
            "dets": centres(rng, 40, normalised=True)[None],
            "labels": rng.normal(-2, 2, (1, 40, len(LABELS) + 1)).astype(np.float32),
        },
        dense.boxes_scores,
        {"outputs": ["boxes", "scores"]},
        {"box_format": "cxcywh", "activation": "sigmoid", **NORMALISED},
    ),
    "detr": Case(
        "detr",
        lambda rng: {
            "logits": rng.normal(0, 3, (1, 40, len(LABELS) + 1)).astype(np.float32),
            "pred_boxes": centres(rng, 40, normalised=True)[None],
        },
        dense.boxes_scores,
        {"outputs": ["scores", "boxes"], "activation": "softmax"},
        {"box_format": "cxcywh", **NORMALISED},
    ),
    "pp-yoloe": Case(
        "boxes_scores",
        lambda rng: {
            "tmp_16": corners(rng, cells())[None],
            "concat_14": scores(rng, len(LABELS), cells())[None],
        },
        dense.boxes_scores,
        {},
    ),
    "damo-yolo": Case(
        "boxes_scores",
        lambda rng: {
            "output": scores(rng, cells(), len(LABELS))[None],
            "953": corners(rng, cells())[None],
        },
        dense.boxes_scores,
        {"outputs": ["scores", "boxes"]},
    ),
    "yolov4": Case(
        "boxes_scores",
        lambda rng: {
            "boxes": corners(rng, 3 * cells(), normalised=True)[None, :, None],
            "confs": scores(rng, 3 * cells(), len(LABELS))[None],
        },
        lambda outputs, task: dense.boxes_scores([outputs[0][:, 0], outputs[1]], task),
        {**NORMALISED},
    ),
}
