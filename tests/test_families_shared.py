"""Every shared detector beside the plain reference of its family, on photos and clips."""

from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from edge_agent.detect import OnnxDetector, load_manifest, open_detector
from edge_agent.detect.batching import batch_fault
from edge_agent.detect.session import Session
from edge_agent.settings import Plan
from tests.detect_support import SHARED, frame_of, needs_shared, photo
from tests.families_support import (
    SHARED_MODELS,
    PlainDetector,
    as_boxes,
    shared_manifest,
    unpaired,
)

pytestmark = needs_shared

PHOTOS = ("bus.jpg", "dog.jpg", "person.jpg")
#: A clip, and the frame of it that is looked at.
CLIPS = {
    "crowd_1280x720.mp4": 100,
    "traffic_us101_1_640x480.mp4": 60,
    "motorway_640x360.mp4": 200,
    "pets_street_480x360.mp4": 150,
    "night_ir_hevc_960x1088.mp4": 5,
}
THRESHOLD = 0.3
#: A score so near the threshold may fall on either side of it.
NEAR = 0.002


@cache
def still(name: str) -> np.ndarray:
    if name in PHOTOS:
        return photo(name)
    with av.open(str(SHARED / "media" / name)) as clip:
        for number, frame in enumerate(clip.decode(video=0)):
            if number == CLIPS[name]:
                return frame.to_ndarray(format="bgr24")
    raise AssertionError(f"{name} ends before frame {CLIPS[name]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manifests")


@cache
def plain(name: str) -> PlainDetector:
    return PlainDetector(name)


@cache
def detector(folder: Path, name: str) -> OnnxDetector:
    manifest = shared_manifest(folder, name, score_threshold=THRESHOLD)
    return open_detector(manifest, plan=Plan(), provider="cpu")


def test_every_shared_detector_is_in_the_table() -> None:
    files = {path.stem for path in (SHARED / "models").glob("*.onnx")}
    assert files - set(SHARED_MODELS) == {"not-a-detector-nms"}


@pytest.mark.parametrize("picture", [*PHOTOS, *CLIPS])
@pytest.mark.parametrize("name", SHARED_MODELS)
def test_its_boxes_are_those_of_the_reference(name: str, picture: str, folder: Path) -> None:
    bgr = still(picture)
    ours = as_boxes(
        detector(folder, name),
        detector(folder, name).detect([frame_of(bgr)], 0).rows(0),
        SHARED_MODELS[name].labels,
    )
    wanted = plain(name).find(bgr, THRESHOLD - NEAR)
    assert unpaired([b for b in wanted if b.score >= THRESHOLD], ours) == []
    assert unpaired([b for b in ours if b.score >= THRESHOLD], wanted) == []


@pytest.mark.parametrize("name", sorted(set(SHARED_MODELS) - {"yolox_person_192"}))
@pytest.mark.parametrize(
    ("picture", "words"),
    [("bus.jpg", {"bus", "person"}), ("dog.jpg", {"car", "bicycle"}), ("person.jpg", {"person"})],
)
def test_it_finds_what_is_in_the_photo(
    name: str, picture: str, words: set[str], folder: Path
) -> None:
    found = detector(folder, name).detect([frame_of(still(picture))], 0).rows(0)
    classes = detector(folder, name).classes
    strong = found.class_id[found.score >= THRESHOLD]
    assert words <= {classes[i].subclass or classes[i].name for i in strong}


def test_the_exports_of_one_network_find_the_same(folder: Path) -> None:
    # Preparation differs by the order of colours and the scale, which the exports undo.
    names = [name for name in SHARED_MODELS if name.startswith("yolox_nano") and "int8" not in name]
    assert len(names) == 7
    bgr = still("bus.jpg")
    first, *others = (detector(folder, name).detect([frame_of(bgr)], 0).rows(0) for name in names)
    strong = first.keep(first.score >= THRESHOLD)
    assert len(strong.score) == 4
    for other in others:
        other = other.keep(other.score >= THRESHOLD)
        np.testing.assert_allclose(other.xyxy, strong.xyxy, atol=2)
        np.testing.assert_allclose(other.score, strong.score, atol=0.01)


#: Their batch axis is open; all others take one picture a run.
DYNAMIC = {name for name in SHARED_MODELS if name.endswith("-dyn")} | {
    "yolov5n_fp16",
    "deimv2_femto",
}


@pytest.mark.parametrize("name", SHARED_MODELS)
def test_a_batch_is_proven_or_runs_one_by_one(name: str, folder: Path) -> None:
    manifest = load_manifest(shared_manifest(folder, name))
    session = Session(manifest, threads=1, provider="cpu")
    assert session.one_by_one == (name not in DYNAMIC)
    assert batch_fault(session, manifest, 3) is None


@pytest.mark.parametrize("name", ["yolox_nano-nms7-dyn", "yolox_nano-e2e300-dyn", "deimv2_femto"])
def test_finished_detections_of_a_batch_go_to_their_pictures(name: str, folder: Path) -> None:
    manifest = shared_manifest(folder, name)
    together = open_detector(manifest, plan=Plan(batch=3), provider="cpu")
    frames = [frame_of(still(picture)) for picture in PHOTOS]
    batch = together.detect(frames, 0)
    for place, frame in enumerate(frames):
        alone = detector(folder, name).detect([frame], 0).rows(0)
        assert len(alone.score) > 0
        np.testing.assert_allclose(batch.rows(place).xyxy, alone.xyxy, atol=0.05)
        np.testing.assert_allclose(batch.rows(place).score, alone.score, atol=1e-4)
        assert batch.rows(place).class_id.tolist() == alone.class_id.tolist()
