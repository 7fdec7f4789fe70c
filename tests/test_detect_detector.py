"""The whole detector on a toy model: what it finds, in which pictures, on how many lanes."""

import logging
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edge_agent.detect import ArrayPicture, OnnxDetector, open_detector
from edge_agent.detect.candidates import Candidates
from edge_agent.detect.families.yolox import YoloxDecoder
from edge_agent.errors import ModelError
from edge_agent.health.meters import Meters
from edge_agent.ports import Detector
from edge_agent.settings import Plan
from edge_agent.types import Detections, FloatArray
from tests.detect_support import frame_of
from tests.toy_model import paint, write_toy_yolox

STREET = (
    ("person", (100, 80, 160, 220)),
    ("car", (300, 100, 420, 180)),
    ("truck", (500, 0, 640, 60)),
    ("person", (20, 300, 52, 360)),
)


def open_toy(
    folder: Path, changes: str = "", *, places: int = 4, lanes: int = 2, **toy: object
) -> OnnxDetector:
    manifest = write_toy_yolox(folder, **toy)
    text = manifest.read_text()
    for line in changes.splitlines():
        key = line.split(" = ")[0]
        old = next((o for o in text.splitlines() if o.startswith(f"{key} = ")), None)
        text = text.replace(old, line) if old else f"{text}{line}\n"
    manifest.write_text(text)
    return open_detector(manifest, plan=Plan(batch=places, lanes=lanes))


def told(detector: OnnxDetector, found: Detections) -> list[tuple[str, list[int]]]:
    words = [detector.classes[i].subclass or detector.classes[i].name for i in found.class_id]
    return sorted(zip(words, found.xyxy.round().astype(int).tolist(), strict=True))


def street() -> list[tuple[str, list[int]]]:
    return sorted((label, list(box)) for label, box in STREET)


def test_it_is_a_detector_and_finds_what_is_there(tmp_path: Path) -> None:
    detector: Detector = open_toy(tmp_path)
    frame = frame_of(paint((640, 360), *STREET))
    batch = detector.detect([frame], 0)
    assert batch.frames == (frame.ref,)
    assert told(detector, batch.rows(0)) == street()
    assert batch.xyxy.dtype == batch.score.dtype == np.float32
    assert batch.class_id.dtype == batch.row_splits.dtype == np.int32
    assert detector.model_id.startswith("toy@")
    assert detector.score_threshold == 0.5


def test_scores_fall_and_reach_below_the_threshold(tmp_path: Path) -> None:
    bgr = paint(
        (640, 360),
        ("person", (40, 40, 120, 200), 0.4),
        ("car", (300, 100, 420, 180)),
        ("person", (500, 100, 580, 300), 0.7),
    )
    found = open_toy(tmp_path).detect([frame_of(bgr)], 0).rows(0)
    np.testing.assert_allclose(found.score, [0.98, 0.71, 0.41], atol=0.01)


def test_an_empty_picture_gives_an_empty_slice(tmp_path: Path) -> None:
    detector = open_toy(tmp_path)
    pictures = [paint((640, 360)), paint((640, 360), *STREET), paint((320, 200))]
    batch = detector.detect([frame_of(p) for p in pictures], 0)
    assert batch.row_splits.tolist() == [0, 0, 4, 4]


@pytest.mark.parametrize("toy", [{}, {"batch": 1}, {"half": True}], ids=["dynamic", "one", "half"])
def test_a_batch_of_three_sizes_equals_single_pictures(toy: dict, tmp_path: Path) -> None:
    detector = open_toy(tmp_path, **toy)
    pictures = [
        paint((640, 360), *STREET),
        paint((300, 400), ("person", (30, 100, 90, 300)), ("car", (150, 300, 270, 360))),
        paint((1280, 300), ("truck", (400, 80, 640, 240))),
    ]
    frames = [frame_of(p, f"camera-{i}") for i, p in enumerate(pictures)]
    together = detector.detect(frames, 0)
    assert [ref.camera_id for ref in together.frames] == ["camera-0", "camera-1", "camera-2"]
    for i, frame in enumerate(frames):
        alone = detector.detect([frame], 1).rows(0)
        assert len(alone.score) == (4, 2, 1)[i]
        np.testing.assert_array_equal(together.rows(i).xyxy, alone.xyxy)
        np.testing.assert_array_equal(together.rows(i).score, alone.score)
        np.testing.assert_array_equal(together.rows(i).class_id, alone.class_id)


@pytest.mark.parametrize(
    ("placed", "wh"),
    [
        ("top_left", (640, 360)),
        ("centre", (640, 360)),
        ("centre", (240, 320)),
        ("stretch", (640, 400)),
    ],
)
def test_boxes_find_back_from_every_letterbox(
    placed: str, wh: tuple[int, int], tmp_path: Path
) -> None:
    detector = open_toy(tmp_path, f'letterbox = "{placed}"')
    box = (40, 80, 120, 240)
    found = detector.detect([frame_of(paint(wh, ("person", box)))], 0).rows(0)
    assert found.xyxy.shape == (1, 4)
    np.testing.assert_allclose(found.xyxy[0], box, atol=4)


def test_padding_forgets_the_picture_before(tmp_path: Path) -> None:
    detector = open_toy(tmp_path, places=1)
    whole = frame_of(paint((160, 96), ("person", (60, 64, 100, 90))))
    flat = frame_of(paint((160, 30)))  # the place's lower part becomes padding again
    assert len(detector.detect([whole], 0).score) == 1
    assert len(detector.detect([flat], 0).score) == 0
    assert len(detector.detect([whole], 0).score) == 1


def test_the_models_values_follow_the_manifest(tmp_path: Path) -> None:
    detector = open_toy(
        tmp_path,
        'channels = "rgb"\nletterbox = "centre"\npad = 114\n'
        "scale = 0.5\nmean = [10, 20, 30]\nstd = [2, 4, 8]",
    )
    seen: list[FloatArray] = []
    run = detector._session.run
    detector._session.run = lambda images: seen.append(images.copy()) or run(images)
    bgr = np.empty((50, 100, 3), np.uint8)
    bgr[:] = (40, 80, 120)
    detector.detect([frame_of(bgr)], 0)
    image = seen[0][0]  # 160 × 80 at rows 8 to 88
    rgb = (np.array([120, 80, 40]) * 0.5 - [10, 20, 30]) / [2, 4, 8]
    grey = (114 * 0.5 - np.array([10, 20, 30])) / [2, 4, 8]
    for row, wanted in ((0, grey), (7, grey), (8, rgb), (87, rgb), (88, grey), (95, grey)):
        np.testing.assert_allclose(image[:, row], np.repeat(wanted[:, None], 160, 1), rtol=1e-5)


def test_vehicles_suppress_each_other_and_persons_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = open_toy(tmp_path)
    box = (20, 20, 60, 50)
    outside = (20, 92, 60, 96)  # wholly in the padding under the picture

    def decode(self: YoloxDecoder, outputs: object, pictures: int) -> list[Candidates]:
        xyxy = np.array([box, box, box, outside], np.float32)
        score = np.array([0.6, 0.9, 0.7, 0.8], np.float32)
        return [Candidates(xyxy, score, np.array([2, 1, 0, 0], np.int32), 0)]

    monkeypatch.setattr(YoloxDecoder, "decode", decode)
    found = detector.detect([frame_of(paint((640, 360)))], 0).rows(0)
    assert told(detector, found) == [("car", [80, 80, 240, 200]), ("person", [80, 80, 240, 200])]
    np.testing.assert_allclose(found.score, [0.9, 0.7])


def test_lanes_share_the_session_and_not_their_pictures(tmp_path: Path) -> None:
    lanes, rounds = 4, 25
    detector = open_toy(tmp_path, lanes=lanes, places=2)
    wrong: list[str] = []

    def work(lane: int) -> None:
        box = (40 + 120 * lane, 80, 100 + 120 * lane, 200)
        frames = [frame_of(paint((640, 360), ("person", box)))] * 2
        for _ in range(rounds):
            found = detector.detect(frames, lane)
            if not np.allclose(found.xyxy, [box, box], atol=4):
                wrong.append(f"lane {lane}: {found.xyxy.tolist()}")

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("count", [0, 3])
def test_a_wrong_number_of_frames_is_refused(count: int, tmp_path: Path) -> None:
    detector = open_toy(tmp_path, places=2)
    with pytest.raises(ValueError, match=f"{count} frames, not 1 to 2"):
        detector.detect([frame_of(paint((64, 64)))] * count, 0)


def test_numbers_that_are_none_are_dropped_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    detector = open_toy(tmp_path, poison=float("nan"))
    with caplog.at_level(logging.WARNING, "edge_agent.detect"):
        for _ in range(3):
            found = detector.detect([frame_of(paint((640, 360), *STREET))], 0)
            assert len(found.score) == 0
    assert len(caplog.messages) == 1
    assert "NaN or infinity in 6 anchors of 1 pictures, dropped" in caplog.messages[0]


def test_a_failing_run_names_the_model(tmp_path: Path) -> None:
    detector = open_toy(tmp_path)

    class Broken:
        def run(self, *_: object) -> None:
            raise RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : out of\nmemory")

    detector._session._session = Broken()
    with pytest.raises(ModelError) as error:
        detector.detect([frame_of(paint((64, 64)))], 0)
    assert str(error.value) == (
        f"model {detector.model_id}: inference of 1 pictures failed: 6 : RUNTIME_EXCEPTION : "
        "out of memory; the batch is dropped"
    )


def test_an_array_picture_scales_by_area_in_either_order() -> None:
    bgr = np.zeros((4, 8, 3), np.uint8)
    bgr[:, ::2] = (10, 20, 30)
    picture = ArrayPicture(bgr)
    assert picture.wh == (8, 4)
    out = np.zeros((3, 4, 6), np.float32)[:, 1:3, 1:5]  # (3, 2, 4), strided as in a letterbox
    picture.scale_into(out, channels="rgb")
    np.testing.assert_allclose(out, np.broadcast_to([[[15]], [[10]], [[5]]], (3, 2, 4)))
    copy = picture.to_bgr()
    copy[:] = 0
    assert picture.to_bgr()[0, 0].tolist() == [10, 20, 30]
    with pytest.raises(ValueError, match=r"\(4, 8\) uint8"):
        ArrayPicture(bgr[..., 0])


class StageMeter(Meters):
    """Knows which stages were spent on, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.stages: list[tuple[str, int]] = []

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        self.stages.append((stage, cpu_ns))


@pytest.mark.parametrize("threads", [1, 2])
def test_each_stage_tells_its_cpu_time(threads: int, tmp_path: Path) -> None:
    meter = StageMeter()
    manifest = write_toy_yolox(tmp_path, input_wh=(640, 384))
    detector = open_detector(manifest, plan=Plan(threads=threads), meter=meter)
    assert meter.stages == []  # loading is no stage
    frame = frame_of(paint((640, 360), *STREET))
    before_ns = time.process_time_ns()
    for _ in range(20):
        detector.detect([frame], 0)
    used_ns = time.process_time_ns() - before_ns
    names = [stage for stage, _ in meter.stages]
    assert names == ["preprocess", "infer", "postprocess"] * 20
    assert all(cpu_ns >= 0 for _, cpu_ns in meter.stages)
    told_ns = sum(cpu_ns for _, cpu_ns in meter.stages)
    # Nothing else runs here: with the session's own threads, the stages are the process.
    assert 0.7 * used_ns < told_ns < 1.3 * used_ns


def test_the_helpers_of_a_session_are_counted_once(tmp_path: Path) -> None:
    detector = open_detector(write_toy_yolox(tmp_path), plan=Plan(threads=2))
    detector._session.helpers_cpu_ns()
    assert detector._session.helpers_cpu_ns() < 1_000_000  # nothing ran in between
    alone = open_detector(write_toy_yolox(tmp_path), plan=Plan(threads=1))
    alone.detect([frame_of(paint((64, 64)))], 0)
    assert alone._session.helpers_cpu_ns() == 0
