"""RTSP against GStreamer's real server: both transports, both codecs, killed and restarted."""

import itertools
import time
from collections.abc import Iterator

import pytest

from edge_agent.types import CameraState, ClockSource, EventKind
from tests.clips import MEDIA, Recipe, clip
from tests.rtsp_peers import GstServer, gst_server
from tests.source_recorder import Recorder, camera, reading, wait_for

pytestmark = pytest.mark.system
S = 1_000_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[GstServer]:
    mounts = {
        "h264": clip(),
        "bframes": clip(Recipe(bframes=2)),
        "h265": clip(Recipe("libx265")),
        "mpeg4": clip(Recipe("mpeg4")),
    }
    with gst_server(mounts) as running:
        yield running


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("mount", "codec"),
    [("h264", "h264"), ("bframes", "h264"), ("h265", "hevc"), ("mpeg4", "mpeg4")],
)
def test_it_is_read(server: GstServer, mount: str, codec: str, transport: str) -> None:
    recorder = Recorder()
    settings = camera(server.url(mount), transport=transport, target_fps=25)
    with reading(settings, recorder) as source:
        wait_for(lambda: len(recorder.refs) >= 20, "frames")
        state = source.effective_state()
    assert (state["codec"], state["wh"], state["transport"]) == (codec, [320, 240], transport)
    assert state["measured_fps"] == pytest.approx(25, abs=2)  # FFmpeg guesses the first dts
    steps = [b.pts_ns - a.pts_ns for a, b in itertools.pairwise(recorder.refs)]
    assert steps[5:] == [S // 25] * len(steps[5:])
    assert recorder.states() == [CameraState.CONNECTING, CameraState.LIVE, CameraState.STOPPED]
    assert not recorder.drops


def test_wall_time_by_sender_reports_and_rising_over_the_clips_loop(server: GstServer) -> None:
    """The server's clock is this machine's: 6 s, over the loop of a clip of 4 s."""
    recorder = Recorder()
    with reading(camera(server.url("h264")), recorder):
        wait_for(lambda: len(recorder.refs) >= 30, "six seconds", 30)
    changes = recorder.kinds(EventKind.CLOCK_CHANGE)
    assert [c.data["cause"] for c in changes] == ["first sender report"]
    reported = [ref for ref in recorder.refs if ref.clock_source is ClockSource.RTCP]
    assert reported
    pts = [ref.pts_ns for ref in recorder.refs]
    assert all(b - a == S // 5 for a, b in itertools.pairwise(pts))
    for ref in reported:
        arrived = time.time_ns() - time.monotonic_ns() + ref.mono_ns
        assert abs(arrived - ref.wall_ns) < 0.25 * S  # the parser's frame, and a busy machine


def test_the_server_is_killed_and_comes_back() -> None:
    with gst_server({"h264": clip()}) as own:
        recorder = Recorder()
        with reading(camera(own.url("h264"), stall_timeout_s=3), recorder):
            wait_for(lambda: len(recorder.refs) >= 5, "frames")
            own.kill()
            wait_for(lambda: len(recorder.changes) >= 4, "two failures")
            own.start()
            wait_for(lambda: len(recorder.kinds(EventKind.CAMERA_LIVE)) == 2, "the return")
            count = len(recorder.refs)
            wait_for(lambda: len(recorder.refs) > count + 3, "frames again")
    assert [c.data["failure"] for c in recorder.kinds(EventKind.CAMERA_LOST)] == ["closed"]
    assert recorder.counts["reconnects"] == 1
    pts = [ref.pts_ns for ref in recorder.refs]
    assert all(a < b for a, b in itertools.pairwise(pts))
    states = recorder.states()
    assert states == [CameraState.CONNECTING, *[CameraState.LIVE, CameraState.LOST] * 1,
                      CameraState.LIVE, CameraState.STOPPED]  # fmt: skip


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_blocked_read_ends_at_once(server: GstServer, transport: str) -> None:
    recorder = Recorder()
    settings = camera(server.url("h264"), transport=transport, stall_timeout_s=60)
    with reading(settings, recorder) as source:
        wait_for(lambda: len(recorder.refs) >= 2, "frames")
        source.request_stop()
        assert source.join(2.0)


def test_an_unknown_path_is_told(server: GstServer) -> None:
    recorder = Recorder()
    with reading(camera(server.url("nowhere")), recorder):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the refusal")
    assert recorder.kinds(EventKind.CAMERA_LOST)[0].data["failure"] == "path"


@pytest.mark.skipif(not MEDIA.exists(), reason="needs ../shared")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_real_footage(transport: str) -> None:
    """A stream of big keyframes, 960x1088 HEVC and 1280x720 H.264, over both transports."""
    mounts = {
        "night": MEDIA / "night_ir_hevc_960x1088.mp4",
        "crowd": MEDIA / "crowd_1280x720.mp4",
    }
    recorders = {name: Recorder() for name in mounts}
    with gst_server(mounts) as own:
        readers = [
            reading(camera(own.url(name), transport=transport), recorders[name]) for name in mounts
        ]
        with readers[0], readers[1]:
            wait_for(lambda: all(len(r.refs) >= 5 for r in recorders.values()), "frames", 30)
    assert {r.refs[-1].wh for r in recorders.values()} == {(960, 1088), (1280, 720)}
