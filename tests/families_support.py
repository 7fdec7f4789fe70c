"""Manifests of the shared models, each with its plain reference, and the pairing of boxes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tomlkit

from edge_agent.detect import OnnxDetector
from edge_agent.detect.labels import COCO_LABELS
from edge_agent.types import Detections
from tests import reference_yolox
from tests.detect_support import SHARED
from tests.reference_families import dense, finished, grids
from tests.reference_families.plain import Preparation, Reference, Task
from tests.reference_yolox import Box

UNIT = {"scale": 1 / 255}
NANODET = {"mean": [103.53, 116.28, 123.675], "std": [57.375, 57.12, 58.395]}
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
V5_ANCHORS = [
    [[10, 13], [16, 30], [33, 23]],
    [[30, 61], [62, 45], [59, 119]],
    [[116, 90], [156, 198], [373, 326]],
]
FASTESTV2_ANCHORS = [
    [[12.64, 19.39], [37.88, 51.48], [55.71, 138.31]],
    [[126.91, 78.23], [131.57, 214.55], [279.92, 258.87]],
]
NANO_ROWS = {"channels": "rgb", "letterbox": "top_left", **UNIT}


@dataclass(frozen=True)
class SharedModel:
    """How one file is described and checked."""

    family: str
    side: int
    reference: Reference
    keys: Mapping[str, Any]  # of the manifest
    options: Mapping[str, Any] = field(default_factory=dict)  # of the reference, beside `keys`
    labels: Sequence[str] = COCO_LABELS

    @property
    def preparation(self) -> Preparation:
        told = ("channels", "letterbox", "scale", "mean", "std")
        return Preparation(
            (self.side, self.side), **{key: self.keys[key] for key in told if key in self.keys}
        )


def _nano(channels: str = "bgr") -> SharedModel:
    return SharedModel("yolox", 416, dense.yolox, {"channels": channels, "letterbox": "top_left"})


_NANODET = SharedModel(
    "nanodet",
    320,
    grids.distances,
    {"channels": "bgr", "letterbox": "centre", "strides": [8, 16, 32], **NANODET},
    {"point": grids.middle_pixel},
)

#: Every file of ../shared/models that is a detector.
SHARED_MODELS: Mapping[str, SharedModel] = {
    "yolox_nano": _nano(),
    "yolox_nano-raw-dyn": _nano(),
    "yolox_nano-raw-fp16-dyn": _nano(),
    "yolox_nano-raw-int8qdq-dyn": _nano(),
    "yolox_person_192": SharedModel(
        "yolox",
        192,
        dense.yolox,
        {"channels": "bgr", "letterbox": "top_left"},
        labels=("person",),
    ),
    "yolox_nano-v5layout-dyn": SharedModel("yolov5", 416, dense.yolov5, NANO_ROWS),
    "yolox_nano-v8layout-dyn": SharedModel("yolov8", 416, dense.yolov8, NANO_ROWS),
    "yolox_nano-nms7-dyn": SharedModel(
        "end_to_end",
        416,
        finished.rows,
        {**NANO_ROWS, "columns": ["batch", "x1", "y1", "x2", "y2", "class", "score"]},
    ),
    "yolox_nano-e2e300-dyn": SharedModel(
        "end_to_end",
        416,
        finished.rows,
        {**NANO_ROWS, "columns": ["x1", "y1", "x2", "y2", "score", "class"]},
    ),
    "nanodet_m_320": _NANODET,
    "nanodet_m_320-dyn": _NANODET,
    "nanodet_m_320-int8qdq": _NANODET,
    "picodet_s_416": SharedModel(
        "picodet",
        416,
        grids.distances,
        {"channels": "rgb", "letterbox": "stretch", "strides": [8, 16, 32, 64], **IMAGENET},
        {"point": grids.middle_pixel},
    ),
    "FastestDet": SharedModel(
        "fastestdet", 352, grids.fastestdet, {"channels": "bgr", "letterbox": "stretch", **UNIT}
    ),
    "yolo-fastestv2": SharedModel(
        "yolo_fastestv2",
        352,
        grids.yolo_fastestv2,
        {
            "channels": "bgr",
            "letterbox": "stretch",
            "strides": [16, 32],
            "anchors": FASTESTV2_ANCHORS,
            **UNIT,
        },
    ),
    "yolov8n_int8": SharedModel(
        "yolov8", 640, dense.yolov8, {"channels": "rgb", "letterbox": "centre", **UNIT}
    ),
    "yolov5n_fp16": SharedModel(
        "yolov5", 640, dense.yolov5, {"channels": "rgb", "letterbox": "centre", **UNIT}
    ),
    "deimv2_femto": SharedModel(
        "detr",
        416,
        finished.tables,
        {
            "channels": "rgb",
            "letterbox": "stretch",
            "extra_inputs": {"orig_target_sizes": "input_wh"},
            **UNIT,
        },
        {"outputs": ("classes", "boxes", "scores")},
    ),
}

GROUPS = {
    label: "person" if label == "person" else "vehicle"
    for label in ("person", "bicycle", "car", "motorcycle", "bus", "truck")
}


def write_manifest(folder: Path, file: Path, **keys: Any) -> Path:
    """Write a manifest for the model `file` into `folder`; the hash is its own."""
    values = {
        "name": file.stem.lower().replace("_", "-"),
        "file": str(file),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "labels": "coco",
        "score_threshold": 0.3,
        "licence": "Apache-2.0",
        "source": "the tests",
    }
    path = folder / f"{file.stem}.toml"
    path.write_text(tomlkit.dumps({**values, **keys}))
    return path


def shared_manifest(folder: Path, name: str, **changes: Any) -> Path:
    model = SHARED_MODELS[name]
    keys = {"labels": list(model.labels)} if model.labels is not COCO_LABELS else {}
    return write_manifest(
        folder,
        SHARED / "models" / f"{name}.onnx",
        family=model.family,
        input_wh=[model.side, model.side],
        **keys,
        **model.keys,
        **{"trim": False, **changes},  # plain detectors compute the padding too
    )


class PlainDetector:
    """One shared model run and decoded the plain way."""

    def __init__(self, name: str, iou_threshold: float = 0.45) -> None:
        self.model = SHARED_MODELS[name]
        self.iou_threshold = iou_threshold
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(
            str(SHARED / "models" / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def find(self, bgr: np.ndarray, threshold: float) -> list[Box]:
        """Return the boxes in pixels of the picture."""
        model, labels = self.model, self.model.labels
        counted = tuple(i for i, label in enumerate(labels) if label in GROUPS)
        options = {**model.keys, **model.options}
        task = Task((model.side, model.side), counted, threshold, len(labels), options)
        boxes = model.reference([out[0] if out.ndim > 2 else out for out in self.run(bgr)], task)
        groups = {i: GROUPS[labels[i]] for i in counted}
        kept = reference_yolox.suppress(boxes, groups, self.iou_threshold)
        wh = bgr.shape[1::-1]
        found = [model.preparation.back(box, wh) for box in kept]
        return [box for box in found if box.x2 > box.x1 and box.y2 > box.y1]

    def run(self, bgr: np.ndarray) -> list[np.ndarray]:
        inputs = self.session.get_inputs()
        image = self.model.preparation.image(bgr)[None]
        fed = {inputs[0].name: image.astype(np.float16 if "16" in inputs[0].type else np.float32)}
        if len(inputs) > 1:
            fed["orig_target_sizes"] = np.array([[self.model.side] * 2], np.int64)
        outputs = self.session.run(None, fed)
        return [np.asarray(o, np.float32) if o.dtype == np.float16 else o for o in outputs]


def as_boxes(detector: OnnxDetector, found: Detections, labels: Sequence[str]) -> list[Box]:
    words = [c.subclass or c.name for c in detector.classes]
    return [
        Box(*map(float, xyxy), float(score), labels.index(words[class_id]))
        for xyxy, score, class_id in zip(found.xyxy, found.score, found.class_id, strict=True)
    ]


def unpaired(some: Sequence[Box], others: Sequence[Box], score_off: float = 0.02) -> list[Box]:
    """Return the boxes of `some` without their equal among `others`: class, place, score."""
    return [
        box
        for box in some
        if not any(
            reference_yolox.iou(box, other) >= 0.9
            and box.label == other.label
            and abs(box.score - other.score) <= score_off
            for other in others
        )
    ]
