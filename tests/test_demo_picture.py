"""`edge-agent demo --picture`: which frame it takes, and what it draws on it."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rich.console import Console

from edge_agent.commands.demo.lineup import Lineup
from edge_agent.commands.demo.picture import draw, sheet_of, take_pictures, take_still
from edge_agent.detect import OnnxDetector, open_detector
from edge_agent.errors import AgentError, UsageError
from edge_agent.settings import Plan
from edge_agent.stage.site import StageCamera
from edge_agent.types import Layer, Ring
from tests.toy_model import Blob, paint, write_toy_yolox

WH = (640, 360)
PERSON: Blob = ("person", (100.0, 80.0, 160.0, 220.0))
CAR: Blob = ("car", (300.0, 200.0, 460.0, 300.0))
OTHER: Blob = ("person", (300.0, 80.0, 360.0, 220.0))
FAINT: Blob = (*OTHER[:2], 0.55)
FAINT_CAR: Blob = (*CAR[:2], 0.55)
ORANGE, BLUE = (60, 170, 255), (255, 200, 60)  # BGR


def write_clip(path: Path, *frames: tuple[Blob, ...]) -> Path:
    """Write a clip that shows each of `frames` for half a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *WH, "yuv420p"
        for blobs in frames:
            for _ in range(5):
                frame = av.VideoFrame.from_ndarray(paint(WH, *blobs), "bgr24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return write_toy_yolox(tmp_path)


@pytest.fixture
def detector(toy: Path) -> OnnxDetector:
    return open_detector(toy, plan=Plan())


def lineup_of(**clips: Path) -> Lineup:
    cameras = (StageCamera(name, "", Ring.RURAL, Layer.UAV) for name in clips)
    return Lineup(tuple(cameras), clips)


def still_of(clip: Path, detector: OnnxDetector):
    lineup = lineup_of(camera=clip)
    return take_still(lineup.settings(lineup.cameras[0], target_fps=2.0), detector)


def test_the_frame_with_most_classes_then_most_certainty_is_taken(
    tmp_path: Path, detector: OnnxDetector
) -> None:
    clip = write_clip(tmp_path / "a.mp4", (), (PERSON, OTHER), (PERSON, FAINT_CAR), (PERSON,), ())
    assert sorted(still_of(clip, detector).names) == ["person", "vehicle"]
    clip = write_clip(tmp_path / "b.mp4", (FAINT,), (), (PERSON,), (FAINT,))
    still = still_of(clip, detector)
    assert still.found.score[0] > 0.8
    assert still.found.xyxy[0] == pytest.approx(PERSON[1], abs=6)


def test_an_empty_picture_is_a_still_without_boxes(tmp_path: Path, detector: OnnxDetector) -> None:
    still = still_of(write_clip(tmp_path / "a.mp4", ()), detector)
    assert still.names == ()
    assert draw(still, "empty", 480).shape == (20 + 270, 480, 3)


def test_a_clip_that_cannot_be_read_is_named(tmp_path: Path, detector: OnnxDetector) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(AgentError, match=r"camera camera: file .*a\.mp4 gave no picture; no still"):
        still_of(tmp_path / "a.mp4", detector)


@pytest.mark.parametrize("width", [960, 480])
def test_boxes_lie_on_what_was_found_in_the_classes_colours(
    width: int, tmp_path: Path, detector: OnnxDetector
) -> None:
    still = still_of(write_clip(tmp_path / "a.mp4", (PERSON, CAR)), detector)
    drawn, bare = draw(still, "here", width), draw(still, "", width)
    assert drawn.shape == (20 + width * 9 // 16, width, 3)
    assert (drawn[:20] != bare[:20]).any()  # the caption
    scale = width / WH[0]
    for (_, box, *_), colour in ((PERSON, ORANGE), (CAR, BLUE)):
        near = [round(value * scale) for value in box]
        left = drawn[20 + near[1] : 20 + near[3], max(0, near[0] - 8) : near[0] + 8].astype(int)
        assert (np.abs(left - colour).sum(2) < 60).any(1).mean() > 0.8  # a line all the way down


def test_each_camera_gets_a_file_and_all_of_them_a_sheet(tmp_path: Path, toy: Path) -> None:
    clips = {
        name: write_clip(tmp_path / f"{name}.mp4", blobs)
        for name, blobs in (("one", (PERSON,)), ("two", (CAR,)), ("three", (PERSON, CAR)))
    }
    console = Console(width=200)
    with console.capture() as said:
        take_pictures(console, lineup_of(**clips), toy, tmp_path)
    assert f"{tmp_path}/demo-three.png: rural, uav, 1 persons, 1 vehicles\n" in said.get()
    for name in clips:
        assert cv2.imread(str(tmp_path / f"demo-{name}.png")).shape == (560, 960, 3)
    assert cv2.imread(str(tmp_path / "demo.png")).shape == (2 * 290, 960, 3)


def test_a_sheet_keeps_colours_to_a_hair_and_fills_what_is_missing() -> None:
    tile = np.full((10, 480, 3), (255, 100, 0), np.uint8)
    sheet = sheet_of([tile, tile, tile])
    assert np.abs(sheet[:10].astype(int) - (255, 100, 0)).max() <= 4
    assert (sheet[10:, 480:] < 32).all()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, toy: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", (PERSON,))
    with pytest.raises(UsageError, match=r"demo-camera\.png: Not a directory; --out may name"):
        take_pictures(Console(quiet=True), lineup_of(camera=clip), toy, toy)
