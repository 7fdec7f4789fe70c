"""Files as cameras: paced or as fast as the sink takes them, once or over and over."""

import itertools
import random
from pathlib import Path

import pytest

from edge_agent.clock import ManualClock, SystemClock
from edge_agent.source import open_source
from edge_agent.types import CameraState, DropReason, EventKind, Frame
from tests.clips import MEDIA, Recipe, clip
from tests.source_recorder import Recorder, camera, reading, wait_for

S = 1_000_000_000


def played(path: Path, **settings: object) -> Recorder:
    """Read the whole file as fast as it goes."""
    recorder = Recorder()
    with reading(camera(str(path), realtime=False, **settings), recorder) as source:
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_ENDED)), "the file's end")
        assert source.join(5.0)
        assert source.effective_state()["state"] == "ended"
    return recorder


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(bframes=2),
        Recipe("libx265"),
        Recipe("mpeg4"),
        Recipe(suffix=".mkv"),
        Recipe(suffix=".ts"),
        Recipe(suffix=".h264"),  # raw: no timestamps at all
        Recipe("libx265", suffix=".hevc"),
    ],
    ids=lambda r: f"{r.codec}-b{r.bframes}{r.suffix}",
)
def test_a_file_is_read_whole_on_the_grid(recipe: Recipe) -> None:
    recorder = played(clip(recipe))
    assert [ref.pts_ns for ref in recorder.refs] == pytest.approx(
        [i * S // 5 for i in range(20)], abs=1_000_000
    )
    assert [ref.index for ref in recorder.refs] == list(range(20))
    assert {ref.wh for ref in recorder.refs} == {(320, 240)}
    assert recorder.counts["frames_received"] == recorder.counts["frames_decoded"] == 100
    assert recorder.counts["frames_offered"] == 20
    assert recorder.counts["bytes_received"] > 5000
    assert recorder.states() == [CameraState.CONNECTING, CameraState.LIVE, CameraState.ENDED]
    assert recorder.kinds(EventKind.CAMERA_ENDED)[0].data == {"pictures": 100}


def test_replay_gives_the_same_frames_each_time() -> None:
    runs = [[(r.index, r.pts_ns) for r in played(clip(), target_fps=6).refs] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(runs[0]) == 24


def test_a_sink_that_blocks_holds_the_reader_and_loses_nothing() -> None:
    """Replay hands the reader a sink that waits for room."""
    recorder = Recorder(keep_frames=100)
    offered = recorder.offer
    handed: list[Frame] = []

    def slowly(frame: Frame) -> None:
        wait_for(lambda: len(handed) < 2, "room")
        handed.append(frame)
        offered(frame)

    recorder.offer = slowly  # type: ignore[method-assign]
    with reading(camera(str(clip()), realtime=False), recorder):
        for count in range(20):
            wait_for(lambda: bool(handed), f"frame {count}")
            handed.pop(0)
    assert len(recorder.refs) == 20


def test_realtime_is_paced_by_the_clock() -> None:
    """With a clock that jumps over each wait: 4 s of clip are 4 s of clock."""
    clock = ManualClock(mono_ns=50 * S)
    recorder = Recorder()
    with reading(camera(str(clip())), recorder, clock):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_ENDED)), "the file's end")
    assert [ref.mono_ns - 50 * S for ref in recorder.refs] == pytest.approx(
        [ref.pts_ns for ref in recorder.refs], abs=1000
    )
    assert clock.mono_ns() - 50 * S == pytest.approx(3.96 * S, abs=1000)
    walls = {ref.wall_ns - ref.pts_ns for ref in recorder.refs}
    assert max(walls) - min(walls) < 1000
    assert all(ref.time_trusted for ref in recorder.refs)


def test_an_untrusted_clock_makes_untrusted_frames() -> None:
    recorder = Recorder()
    with reading(camera(str(clip())), recorder, ManualClock(trusted=False)):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_ENDED)), "the file's end")
    assert not any(ref.time_trusted for ref in recorder.refs)


def test_a_loop_goes_on_rising_round_after_round() -> None:
    recorder = Recorder()
    settings = camera(str(clip()), realtime=False, loop=True)
    with reading(settings, recorder):
        wait_for(lambda: len(recorder.refs) > 70, "three rounds")
    refs = recorder.refs
    assert [r.connection for r in refs[:60]] == [1] * 20 + [2] * 20 + [3] * 20
    assert [r.pts_ns for r in refs[:60]] == pytest.approx(
        [(round_ * 4 + i / 5) * S for round_, i in itertools.product(range(3), range(20))], abs=1000
    )
    assert len(recorder.kinds(EventKind.CAMERA_LIVE)) == 1
    assert recorder.states() == [CameraState.CONNECTING, CameraState.LIVE, CameraState.STOPPED]


def test_a_file_that_is_not_there_is_told_once_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    recorder = Recorder()
    with reading(camera(str(path), realtime=False), recorder) as source:
        wait_for(lambda: len(recorder.changes) >= 3, "two failures")
        assert source.effective_state()["last_failure"] == "file"
        path.write_bytes(clip().read_bytes())
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_ENDED)), "the file")
    assert len(recorder.kinds(EventKind.CAMERA_LOST)) == 1
    lost = recorder.kinds(EventKind.CAMERA_LOST)[0]
    assert lost.reason.startswith("cannot be read: No such file or directory (connection 1, file ")
    assert lost.reason.endswith("; reconnecting in 0.5 s")
    assert len(recorder.refs) == 20


@pytest.mark.parametrize("content", [b"", b"no clip at all" * 100])
def test_a_file_that_is_no_clip_is_lost(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    recorder = Recorder()
    with reading(camera(str(path)), recorder):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the failure")
    assert recorder.kinds(EventKind.CAMERA_LOST)[0].data["failure"] in ("file", "no_video")


def test_a_broken_picture_costs_only_itself(tmp_path: Path) -> None:
    data = bytearray(clip(Recipe(suffix=".h264")).read_bytes())
    at = data.find(b"\x00\x00\x01\x41", len(data) // 2) + 4
    data[at : at + 12] = b"\xff" * 12
    path = tmp_path / "broken.h264"
    path.write_bytes(data)
    recorder = played(path)
    assert recorder.counts["frames_decoded"] >= 95
    assert recorder.counts["frames_received"] == 100
    lost = recorder.counts["frames_received"] - recorder.counts["frames_decoded"]
    assert recorder.drops[DropReason.DECODE_FAILED] == lost


def test_pacing_ends_at_once_when_asked_to_stop() -> None:
    recorder = Recorder()
    with reading(camera(str(clip(Recipe(fps=1, frames=30)))), recorder) as source:
        wait_for(lambda: bool(recorder.refs), "the first frame")
        source.request_stop()
        assert source.join(2.0)
    assert recorder.states()[-1] is CameraState.STOPPED


def test_a_reader_that_was_never_started_is_joined() -> None:
    recorder = Recorder()
    source = open_source(
        camera("x.mp4"),
        sink=recorder,
        listener=recorder,
        meter=recorder,
        clock=SystemClock(),
        rng=random.Random(1),
    )
    assert source.join(0)


@pytest.mark.skipif(not MEDIA.exists(), reason="needs ../shared")
@pytest.mark.parametrize(
    ("name", "codec", "wh"),
    [
        ("night_ir_hevc_960x1088.mp4", "hevc", [960, 1088]),
        ("pedestrian_mpeg4_640x360.mp4", "mpeg4", [640, 360]),
        ("office_person_1280x720.mp4", "h264", [1280, 720]),
    ],
)
def test_real_footage(name: str, codec: str, wh: list[int]) -> None:
    recorder = Recorder()
    with reading(camera(str(MEDIA / name), realtime=False), recorder) as source:
        wait_for(lambda: len(recorder.refs) > 20, "frames")
        state = source.effective_state()
    assert (state["codec"], state["wh"]) == (codec, wh)
    steps = {b.pts_ns - a.pts_ns for a, b in itertools.pairwise(recorder.refs)}
    assert all(0.15 * S < step < 0.25 * S for step in steps)
