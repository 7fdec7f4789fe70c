"""The stage's cameras: clips that play for ever over TCP, with a timeline that rises."""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import av
import pytest

from edge_agent.errors import UsageError
from edge_agent.stage import cameras as stage_cameras
from edge_agent.stage.cameras import CameraKind, gstreamer_usable, start_cameras
from edge_agent.stage.clips import Recipe, prepare_clip
from tests import clips

KINDS = [
    pytest.param(
        "gstreamer",
        marks=[
            pytest.mark.system,
            pytest.mark.skipif(
                not gstreamer_usable(),
                reason="needs the packages python3-gi gir1.2-gst-rtsp-server-1.0 "
                "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad",
            ),
        ],
    ),
    pytest.param(
        "pip",
        marks=pytest.mark.skipif(
            find_spec("aio_rtsp_toolkit") is None, reason="needs aio-rtsp-toolkit from PyPI"
        ),
    ),
]
FRAMES = 20  # of one loop: 0.8 s at 25 fps


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = clips.clip(clips.Recipe(frames=FRAMES, fps=25, bframes=2))
    return prepare_clip(source, Recipe(), tmp_path_factory.mktemp("clips"), lambda done: None)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> CameraKind:
    chosen: CameraKind = request.param
    return chosen


@pytest.fixture
def urls(kind: CameraKind, short_clip: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    running = start_cameras(tmp_path, {"gate": short_clip, "plaza": short_clip}, kind=kind)
    try:
        yield dict(running.urls)
    finally:
        running.stop()


def packet_times(url: str, packets: int) -> list[float]:
    """Return the times in seconds of a stream's pictures."""
    options = {"rtsp_transport": "tcp", "timeout": "5000000"}
    times: list[float] = []
    with av.open(url, options=options, timeout=(10, 5)) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None:
                times.append(float(packet.pts * packet.time_base))
            if len(times) == packets:
                break
    return times


def test_the_timeline_rises_over_the_clips_end(urls: dict[str, str]) -> None:
    times = packet_times(urls["gate"], 3 * FRAMES)
    assert len(times) == 3 * FRAMES
    steps = [later - earlier for earlier, later in pairwise(times)]
    # The pip server's first picture comes as two packets of one time: parameter sets, slice.
    assert min(steps) >= 0
    assert sum(step == 0 for step in steps) <= 1
    assert max(steps) == pytest.approx(0.04, abs=0.001)


def test_each_client_begins_at_the_clips_beginning(urls: dict[str, str]) -> None:
    for name in ("gate", "plaza", "gate"):
        options = {"rtsp_transport": "tcp", "timeout": "5000000"}
        with av.open(urls[name], options=options, timeout=(10, 5)) as container:
            picture = next(container.decode(video=0))
            assert (picture.width, picture.height) == (320, 240)
            assert picture.key_frame


def test_a_stopped_server_is_gone(kind: CameraKind, short_clip: Path, tmp_path: Path) -> None:
    running = start_cameras(tmp_path, {"gate": short_clip}, kind=kind)
    running.stop()
    with pytest.raises(av.FFmpegError):
        packet_times(running.urls["gate"], 1)


def test_without_any_server_the_line_says_what_to_install(
    tmp_path: Path, short_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_cameras, "gstreamer_usable", lambda: False)
    monkeypatch.setattr(stage_cameras, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"neither GStreamer.* make setup"):
        start_cameras(tmp_path, {"gate": short_clip})
