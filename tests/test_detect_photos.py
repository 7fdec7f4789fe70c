"""Real photos through YOLOX-Nano: the detector beside the plain reference, and the truth."""

import hashlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from edge_agent.detect import OnnxDetector, load_manifest, open_detector
from edge_agent.detect.labels import COCO_LABELS, DEFAULT_CLASS_MAP
from edge_agent.settings import Plan
from edge_agent.types import Detections
from tests import reference_yolox
from tests.detect_support import SHARED, frame_of, nano_manifest, needs_shared, photo
from tests.reference_yolox import Box

pytestmark = needs_shared

FIXED, DYNAMIC = "yolox_nano.onnx", "yolox_nano-raw-dyn.onnx"
LABELS = [i for i, word in enumerate(COCO_LABELS) if word in DEFAULT_CLASS_MAP]
GROUPS = {i: DEFAULT_CLASS_MAP[COCO_LABELS[i]].partition("/")[0] for i in LABELS}


@pytest.fixture(scope="module")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OnnxDetector]:
    folder = tmp_path_factory.mktemp("models")
    return {
        file: open_detector(
            nano_manifest(
                folder,
                file,
                hashlib.sha256((SHARED / "models" / file).read_bytes()).hexdigest(),
                trim=False,  # the reference computes the padding too
            ),
            plan=Plan(lanes=1, batch=3),
            provider="cpu",
        )
        for file in (FIXED, DYNAMIC)
    }


@cache
def reference_session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        str(SHARED / "models" / FIXED), providers=["CPUExecutionProvider"]
    )


@cache
def reference(name: str, threshold: float) -> list[Box]:
    bgr = PICTURES[name]()
    image, inner_wh = reference_yolox.make_input(bgr, (416, 416))
    raw = reference_session().run(None, {"images": image[None]})[0][0].tolist()
    boxes = reference_yolox.decode(raw, (416, 416), (8, 16, 32), LABELS, threshold)
    kept = reference_yolox.suppress(boxes, GROUPS, 0.45)
    return [reference_yolox.to_picture(box, inner_wh, bgr.shape[1::-1]) for box in kept]


def as_boxes(detector: OnnxDetector, found: Detections) -> list[Box]:
    words = [c.subclass or c.name for c in detector.classes]
    return [
        Box(*map(float, xyxy), float(score), COCO_LABELS.index(words[class_id]))
        for xyxy, score, class_id in zip(found.xyxy, found.score, found.class_id, strict=True)
    ]


def unpaired(some: list[Box], others: list[Box]) -> list[Box]:
    """Return the boxes of `some` without their equal among `others`."""
    return [
        box
        for box in some
        if not any(
            reference_yolox.iou(box, other) >= 0.99
            and box.label == other.label
            and abs(box.score - other.score) <= 0.01
            for other in others
        )
    ]


def crop(name: str, wh: tuple[int, int] | None = None, rows: slice = slice(None)) -> np.ndarray:
    bgr = photo(name)[rows]
    return bgr if wh is None else cv2.resize(bgr, wh, interpolation=cv2.INTER_LINEAR)


PICTURES = {
    "bus": lambda: crop("bus.jpg"),
    "person": lambda: crop("person.jpg"),
    "dog": lambda: crop("dog.jpg"),
    "bus, wide": lambda: crop("bus.jpg", rows=slice(350, 800)),
    "bus, very wide": lambda: crop("bus.jpg", rows=slice(380, 560)),
    "bus, squeezed": lambda: crop("bus.jpg", (333, 777)),
    "person, small": lambda: crop("person.jpg", (201, 133)),
    "person, input size": lambda: crop("person.jpg", (416, 416)),
    "dog, full HD": lambda: crop("dog.jpg", (1920, 1080)),
    "dog, upright": lambda: crop("dog.jpg", (360, 640)),
}


@pytest.mark.parametrize("file", [FIXED, DYNAMIC])
@pytest.mark.parametrize("name", PICTURES)
def test_boxes_equal_the_reference(
    name: str, file: str, detectors: dict[str, OnnxDetector]
) -> None:
    frame = frame_of(PICTURES[name]())
    ours = as_boxes(detectors[file], detectors[file].detect([frame], 0).rows(0))
    # A box within 0.01 of the threshold may stand on either side of it.
    wanted = reference(name, 0.09)
    assert any(box.score > 0.3 for box in wanted)
    assert unpaired(ours, wanted) == []
    assert unpaired([box for box in wanted if box.score >= 0.11], ours) == []


@pytest.mark.parametrize("file", [FIXED, DYNAMIC])
def test_a_batch_of_three_sizes_equals_single_photos(
    file: str, detectors: dict[str, OnnxDetector]
) -> None:
    frames = [frame_of(photo(name)) for name in ("bus.jpg", "person.jpg", "dog.jpg")]
    batch = detectors[file].detect(frames, 0)
    for i, frame in enumerate(frames):
        alone = as_boxes(detectors[file], detectors[file].detect([frame], 0).rows(0))
        together = as_boxes(detectors[file], batch.rows(i))
        assert len(alone) == len(together) > 0
        assert unpaired(alone, together) == []


def test_the_photos_show_what_people_see(detectors: dict[str, OnnxDetector]) -> None:
    detector = detectors[FIXED]
    threshold = detector.score_threshold
    frames = [frame_of(photo(name)) for name in ("bus.jpg", "person.jpg", "dog.jpg")]
    batch = detector.detect(frames, 0)
    seen = []
    for i in range(3):
        found = batch.rows(i)
        sure = found.keep(found.score >= threshold)
        seen.append(sorted(COCO_LABELS[box.label] for box in as_boxes(detector, sure)))
    assert seen == [["bus", "person", "person", "person"], ["person"], ["bicycle", "car"]]
    x1, y1, x2, y2 = batch.rows(1).xyxy[0]
    assert (abs(np.array([x1, y1, x2, y2]) - [190, 97, 274, 383]) < 15).all()


def test_the_shipped_manifest_fits_the_published_file() -> None:
    manifest = load_manifest(Path(__file__).parents[1] / "models" / "yolox_nano.toml")
    data = (SHARED / "models" / FIXED).read_bytes()
    assert hashlib.sha256(data).hexdigest() == manifest.sha256
