"""RTSP against a scripted camera: what goes wrong on real streams, one thing a test."""

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from edge_agent.types import CameraState, ClockSource, DropReason, EventKind
from tests.clips import Recipe, access_units
from tests.rtsp_peers import (
    DEFAULT_SDP,
    FIRST_STAMP,
    ScriptedCamera,
    Wire,
    black_hole,
    free_port,
    play_for_ever,
)
from tests.source_recorder import Recorder, camera, reading, wait_for

S = 1_000_000_000
PASSWORD = "p@s/s#%: w0rd"
QUICK = {"connect_timeout_s": 1.0, "stall_timeout_s": 1.0}


def ran(
    script: Callable[[Wire], None],
    until: Callable[[Recorder], bool],
    *,
    target_fps: float = 60,
    **settings: Any,
) -> Recorder:
    """Read a camera that plays `script` until the recorder has what is waited for."""
    recorder = Recorder()
    with (
        ScriptedCamera(script=script) as peer,
        reading(camera(peer.url, target_fps=target_fps, **(QUICK | settings)), recorder),
    ):
        wait_for(lambda: until(recorder), "what the script brings about")
    return recorder


def rising(recorder: Recorder) -> bool:
    pts = [ref.pts_ns for ref in recorder.refs]
    return all(a < b for a, b in itertools.pairwise(pts))


def test_a_stream_is_read_and_described() -> None:
    recorder = Recorder()
    with (
        ScriptedCamera() as peer,
        reading(camera(peer.url), recorder) as source,
    ):
        wait_for(lambda: len(recorder.refs) >= 8, "frames")
        state = source.effective_state()
    live = recorder.kinds(EventKind.CAMERA_LIVE)
    assert [change.data for change in live] == [
        {
            "codec": "h264",
            "wh": [320, 240],
            "transport": "tcp",
            "declared_fps": 25.0,
            "clock_source": "arrival",
        }
    ]
    assert (
        live[0].reason
        == f"live: h264 320x240 (connection 1, tcp rtsp://127.0.0.1:{peer.port}/live)"
    )
    assert (state["state"], state["connection"], state["last_error"]) == ("live", 1, None)
    assert state["measured_fps"] == pytest.approx(25, abs=0.1)
    assert (state["keyframe_interval_frames"], state["keyframe_interval_s"]) in (
        (25, 1.0),
        (None, None),
    )
    assert {b.pts_ns - a.pts_ns for a, b in itertools.pairwise(recorder.refs)} == {S // 5}
    assert recorder.states() == [CameraState.CONNECTING, CameraState.LIVE, CameraState.STOPPED]
    assert "reconnects" not in recorder.counts


def test_mono_is_the_arrival_and_wall_follows_it() -> None:
    began = time.monotonic_ns()
    recorder = ran(play_for_ever, lambda r: len(r.refs) >= 10, target_fps=5)
    mono = [ref.mono_ns for ref in recorder.refs]
    assert mono == sorted(mono)
    assert began < mono[0] < mono[-1] < time.monotonic_ns()
    for ref in recorder.refs:
        now_ns = time.time_ns() - time.monotonic_ns() + ref.mono_ns
        assert -0.5 * S < ref.wall_ns - now_ns < 0.001 * S


def test_b_frames_keep_their_own_arrivals() -> None:
    """The last packet of a B-frame comes after that of the P-frame shown behind it."""
    units = access_units(Recipe(bframes=2))

    def script(wire: Wire) -> None:
        wire.pictures(units, start=FIRST_STAMP)
        wire.freeze()

    recorder = ran(script, lambda r: len(r.refs) >= 60)
    assert rising(recorder)
    assert not recorder.kinds(EventKind.CLOCK_CHANGE)
    mono = [ref.mono_ns for ref in recorder.refs]
    assert any(a > b for a, b in itertools.pairwise(mono))


def test_sender_reports_give_the_cameras_own_time() -> None:
    """A camera whose clock is 3 s ahead: the wall time of each frame is the known one."""
    wall_at_first = time.time_ns() + 3 * S

    def script(wire: Wire) -> None:
        units = access_units()
        middle = wire.pictures(units[:50], start=FIRST_STAMP, pace_s=0.02)
        wire.sender_report(wall_at_first + (middle - FIRST_STAMP) * S // 90_000, middle)
        wire.pictures(units[50:], start=middle, pace_s=0.02)
        wire.freeze()

    recorder = ran(script, lambda r: len(r.refs) >= 95, stall_timeout_s=5.0)
    change = recorder.kinds(EventKind.CLOCK_CHANGE)[0]
    assert (change.data["from"], change.data["to"]) == ("arrival", "rtcp")
    assert 2.0 < change.data["offset_s"] < 6.0
    before = [ref for ref in recorder.refs if ref.clock_source is ClockSource.ARRIVAL]
    after = [ref for ref in recorder.refs if ref.clock_source is ClockSource.RTCP]
    assert before
    assert after
    # The first picture of a connection has no pts: the timeline's 0 is the second's.
    first_ns = wall_at_first + 40_000_000
    for ref in after:
        assert ref.wall_ns == pytest.approx(first_ns + ref.pts_ns, abs=20_000_000)
    assert max(ref.index for ref in before) < min(ref.index for ref in after)


def test_a_camera_whose_clock_is_wrong_is_not_trusted() -> None:
    def script(wire: Wire) -> None:
        wire.sender_report(946_684_800 * S, FIRST_STAMP)  # the year 2000
        play_for_ever(wire)

    recorder = ran(script, lambda r: len(r.refs) >= 10)
    assert recorder.refs[-1].clock_source is ClockSource.RTCP
    assert recorder.refs[-1].wall_ns < 950_000_000 * S
    assert not any(ref.time_trusted for ref in recorder.refs)


def test_a_report_without_a_time_counts_as_none() -> None:
    def script(wire: Wire) -> None:
        wire.sender_report(-2_208_988_800 * S, FIRST_STAMP)  # NTP 0: the camera has no clock
        play_for_ever(wire)

    recorder = ran(script, lambda r: len(r.refs) >= 10)
    assert {ref.clock_source for ref in recorder.refs} == {ClockSource.ARRIVAL}


@pytest.mark.parametrize("jump_s", [3600, -1])
def test_a_jump_of_the_timestamps_is_told_and_the_timeline_goes_on(jump_s: int) -> None:
    def script(wire: Wire) -> None:
        units = access_units()
        stamp = wire.pictures(units[:50], start=FIRST_STAMP * 10, pace_s=0.01)
        wire.pictures(units[:50], start=stamp + jump_s * 90_000, pace_s=0.01)
        wire.freeze()

    recorder = ran(script, lambda r: len(r.refs) >= 95, stall_timeout_s=5.0)
    assert rising(recorder)
    changes = recorder.kinds(EventKind.CLOCK_CHANGE)
    assert [change.data["cause"] for change in changes] == ["timestamps jumped"]
    assert changes[0].data["jump_s"] == pytest.approx(jump_s, abs=2)
    assert recorder.refs[-1].pts_ns < 10 * S
    assert recorder.refs[-1].connection == 1


def test_a_stream_that_keeps_jumping_is_told_once_a_minute() -> None:
    def script(wire: Wire) -> None:
        for _ in range(10):
            wire.pictures(access_units()[:10], start=FIRST_STAMP * 10, pace_s=0.01)
        wire.freeze()

    recorder = ran(script, lambda r: len(r.refs) >= 80, stall_timeout_s=5.0)
    assert rising(recorder)
    assert len(recorder.kinds(EventKind.CLOCK_CHANGE)) == 1


def test_a_change_of_size_is_told_and_decoded() -> None:
    def script(wire: Wire) -> None:
        small, large = access_units(), access_units(Recipe(wh=(640, 360), frames=50))
        stamp = wire.pictures(small[:50], start=FIRST_STAMP, pace_s=0.01)
        stamp = wire.pictures(large, start=stamp, pace_s=0.01)
        wire.pictures(small[:25], start=stamp, pace_s=0.01)
        wire.freeze()

    recorder = ran(script, lambda r: len(r.refs) >= 120, stall_timeout_s=5.0)
    changes = recorder.kinds(EventKind.PICTURE_CHANGE)
    assert [change.data for change in changes] == [
        {"from_wh": [320, 240], "to_wh": [640, 360]},
        {"from_wh": [640, 360], "to_wh": [320, 240]},
    ]
    assert [wh for wh, _ in itertools.groupby(ref.wh for ref in recorder.refs)] == [
        (320, 240),
        (640, 360),
        (320, 240),
    ]
    assert recorder.frames[-1].picture.wh == (320, 240)


def test_torn_packets_cost_pictures_and_nothing_else() -> None:
    units = access_units(Recipe(wh=(640, 360), frames=50))

    def script(wire: Wire) -> None:
        stamp = FIRST_STAMP
        for _ in range(4):
            stamp = wire.pictures(
                units, start=stamp, pace_s=0.01, torn=lambda index: index % 7 == 3
            )
        wire.freeze()

    recorder = ran(script, lambda r: len(r.refs) >= 150, stall_timeout_s=5.0)
    assert rising(recorder)
    assert recorder.states() == [CameraState.CONNECTING, CameraState.LIVE, CameraState.STOPPED]
    received, decoded = recorder.counts["frames_received"], recorder.counts["frames_decoded"]
    assert recorder.drops[DropReason.DECODE_FAILED] <= received - decoded <= 60


def test_rubbish_in_the_pictures_is_counted_as_decode_failures() -> None:
    def script(wire: Wire) -> None:
        units = access_units()
        stamp = wire.pictures(units[:25], start=FIRST_STAMP, pace_s=0.01)
        for index in range(25):
            rubbish = type(units[0])((b"\x41" + b"\xff" * 40,), 0, False)
            wire.picture(rubbish, timestamp=stamp + index * 3600)
        wire.pictures(units[:50], start=stamp + 25 * 3600, pace_s=0.01)
        wire.freeze()

    recorder = ran(script, lambda r: len(r.refs) >= 70, stall_timeout_s=5.0)
    assert recorder.drops[DropReason.DECODE_FAILED] >= 20
    assert len(recorder.kinds(EventKind.CAMERA_LIVE)) == 1


def test_a_frozen_stream_is_lost_with_its_silence_and_comes_back() -> None:
    calls = itertools.count()

    def script(wire: Wire) -> None:
        wire.pictures(access_units()[:30], start=FIRST_STAMP, pace_s=0.01)
        if next(calls) == 0:
            wire.freeze()
        play_for_ever(wire)

    recorder = ran(script, lambda r: len(r.kinds(EventKind.CAMERA_LIVE)) == 2)
    lost = recorder.kinds(EventKind.CAMERA_LOST)
    assert len(lost) == 1
    assert lost[0].data["failure"] == "stalled"
    assert lost[0].reason.startswith("no frame for 1.")
    assert "(connection 1, tcp rtsp://127.0.0.1:" in lost[0].reason
    assert lost[0].reason.endswith("; reconnecting in 0.5 s")
    assert recorder.counts["reconnects"] == 1
    assert rising(recorder)


def test_the_last_picture_before_a_silence_keeps_its_arrival() -> None:
    """The parser holds it until the read time-out lets it go: not when it came."""

    def script(wire: Wire) -> None:
        wire.pictures(access_units()[:40], start=FIRST_STAMP, pace_s=0.02)
        wire.freeze()

    recorder = ran(script, lambda r: bool(r.kinds(EventKind.CAMERA_LOST)), stall_timeout_s=2.0)
    assert recorder.refs[-1].mono_ns - recorder.refs[-2].mono_ns < 0.5 * S


def test_a_camera_that_hangs_up_is_told_once_and_the_timeline_counts_the_gap() -> None:
    recorder = Recorder()
    with (
        ScriptedCamera() as peer,
        reading(camera(peer.url, target_fps=60, **QUICK), recorder),
    ):
        for count in range(1, 4):
            wait_for(lambda n=count: len(recorder.kinds(EventKind.CAMERA_LIVE)) == n, "live")
            before = len(recorder.refs)
            wait_for(lambda n=before: len(recorder.refs) > n + 5, "frames")
            peer.hang_up()
            wait_for(lambda n=count: len(recorder.kinds(EventKind.CAMERA_LOST)) == n, "lost")
    assert {c.data["failure"] for c in recorder.kinds(EventKind.CAMERA_LOST)} == {"closed"}
    assert rising(recorder)
    for a, b in itertools.pairwise(recorder.refs):
        if a.connection != b.connection:
            assert b.pts_ns - a.pts_ns == pytest.approx(b.mono_ns - a.mono_ns, abs=S // 10)
            assert b.index == 0


@pytest.mark.parametrize(
    ("peer", "word", "text"),
    [
        ({"status": {"DESCRIBE": (401, "Unauthorized")}}, "credentials", "401 Unauthorized"),
        ({"status": {"DESCRIBE": (403, "Forbidden")}}, "credentials", "403 Forbidden"),
        ({"status": {"DESCRIBE": (404, "Not Found")}}, "path", "404 Not Found"),
        ({"status": {"DESCRIBE": (503, "Busy")}}, "refused", "5XX"),
        ({"status": {"SETUP": (461, "Unsupported")}}, "refused", "does not offer this"),
        ({"status": {"SETUP": (454, "Session")}}, "refused", "4XX"),
        ({"status": {"PLAY": (500, "Internal")}}, "refused", "5XX"),
        ({"say": "nothing"}, "no_answer", "no answer for 1."),
        ({"say": "trickle"}, "no_answer", "no answer for 1."),
        ({"sdp": "v=0\nthis is no description\n"}, "no_video", "no video in its description"),
        ({"sdp": DEFAULT_SDP.replace("video", "audio")}, "no_video", "no video"),
        ({"sdp": DEFAULT_SDP.replace("H264", "XYZ9")}, "no_video", "cannot be decoded"),
        ({"script": Wire.freeze}, "no_video", "no picture within 1.0 s"),
        ({"script": lambda wire: None}, "no_video", "no picture within 1.0 s"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_camera_that_will_not_play_says_why(peer: dict[str, Any], word: str, text: str) -> None:
    recorder = Recorder()
    with (
        ScriptedCamera(**peer) as server,
        reading(camera(server.url, **QUICK), recorder) as source,
    ):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the failure", 6)
        lost = recorder.kinds(EventKind.CAMERA_LOST)[0]
        assert lost.data["failure"] == word
        assert text in lost.reason
        assert source.effective_state()["last_failure"] == word
        if word in ("credentials", "path", "refused", "no_video"):
            assert lost.data["retry_in_s"] >= 15
            assert "; asking again in " in lost.reason
    assert recorder.states()[:2] == [CameraState.CONNECTING, CameraState.LOST]
    assert not recorder.refs


def test_a_refused_port_is_told_once_however_often_it_is_tried() -> None:
    recorder = Recorder()
    with reading(camera(f"rtsp://127.0.0.1:{free_port()}/x", **QUICK), recorder):
        wait_for(lambda: len(recorder.changes) >= 4, "three failures")
    assert [c.kind for c in recorder.changes[:4]] == [None, EventKind.CAMERA_LOST, None, None]
    assert recorder.changes[1].data["failure"] == "port_closed"
    assert [c.connection for c in recorder.changes[1:4]] == [1, 2, 3]
    assert all("connection refused" in c.reason for c in recorder.changes[1:4])


def test_an_unknown_host_is_unreachable() -> None:
    recorder = Recorder()
    with reading(camera("rtsp://no-such-host.invalid/x", **QUICK), recorder):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the failure")
    assert recorder.kinds(EventKind.CAMERA_LOST)[0].data["failure"] == "unreachable"


def test_a_black_holed_port_is_given_up_in_time() -> None:
    recorder = Recorder()
    with black_hole() as port, reading(camera(f"rtsp://127.0.0.1:{port}/x", **QUICK), recorder):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the failure", 6)
    assert recorder.kinds(EventKind.CAMERA_LOST)[0].data["failure"] == "no_answer"


def test_digest_authentication_with_an_awkward_password() -> None:
    recorder = Recorder()
    settings = {"username": "ad@min", "password": SecretStr(PASSWORD)}
    with (
        ScriptedCamera(login=("ad@min", PASSWORD)) as peer,
        reading(camera(peer.url, **settings), recorder),
    ):
        wait_for(lambda: len(recorder.refs) >= 2, "frames")
    assert not recorder.kinds(EventKind.CAMERA_LOST)


def test_no_credential_leaves_the_reader(caplog: pytest.LogCaptureFixture) -> None:
    """Refused, stalled, lost: neither logs, changes, state nor repr hold the password."""
    caplog.set_level(logging.DEBUG)
    recorder = Recorder()
    settings = {"username": "admin", "password": SecretStr("0ther" + PASSWORD)}
    with (
        ScriptedCamera(login=("admin", PASSWORD)) as peer,
        reading(camera(peer.url, **(QUICK | settings)), recorder) as source,
    ):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the refusal")
        said = json.dumps(source.effective_state()) + repr(source) + repr(recorder.changes)
    assert "401 Unauthorized (user 'admin' and its password)" in said
    for part in ("0ther", "w0rd", "p@s", "p%40s"):
        assert part not in said + caplog.text


def _half_and_freeze(wire: Wire) -> None:
    wire.pictures(access_units()[:50], pace_s=0.01)
    wire.freeze()


PEERS: dict[str, dict[str, Any]] = {
    "connect, silent": {"say": "nothing"},
    "connect, trickling": {"say": "trickle"},
    "play, frozen": {"script": Wire.freeze},
    "read": {"script": _half_and_freeze},
}


@pytest.mark.parametrize("blocked_in", PEERS)
def test_a_blocked_reader_stops_at_once(blocked_in: str) -> None:
    recorder = Recorder()
    patient = {"connect_timeout_s": 60.0, "stall_timeout_s": 120.0}
    with (
        ScriptedCamera(**PEERS[blocked_in]) as peer,
        reading(camera(peer.url, target_fps=60, **patient), recorder) as source,
    ):
        wait_for(lambda: peer.connections == 1, "the connection")
        if blocked_in == "read":
            wait_for(lambda: len(recorder.refs) >= 48, "the freeze")
        source.request_stop()
        assert source.join(2.0)
    assert recorder.states()[-1] is CameraState.STOPPED
    assert not recorder.kinds(EventKind.CAMERA_LOST)


def test_a_reader_that_connects_into_a_black_hole_stops_at_once() -> None:
    recorder = Recorder()
    with (
        black_hole() as port,
        reading(camera(f"rtsp://127.0.0.1:{port}/x", connect_timeout_s=60), recorder) as source,
    ):
        wait_for(lambda: threading.active_count() > 2, "the connect")
        source.request_stop()
        assert source.join(2.0)


def test_a_reader_that_waits_to_reconnect_stops_at_once() -> None:
    recorder = Recorder()
    with (
        ScriptedCamera(status={"DESCRIBE": (404, "Not Found")}) as peer,
        reading(camera(peer.url), recorder) as source,
    ):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the refusal")
        source.request_stop()
        assert source.join(2.0)


def test_stopping_one_camera_of_a_recorder_leaves_the_others_alone() -> None:
    """Eight cameras behind one address: each must find its own socket."""
    recorders = [Recorder() for _ in range(8)]
    patient = {"connect_timeout_s": 20.0, "stall_timeout_s": 60.0}
    with ScriptedCamera() as peer:
        readers = [reading(camera(peer.url, **patient), r) for r in recorders]
        sources = [reader.__enter__() for reader in readers]
        try:
            wait_for(lambda: all(len(r.refs) >= 2 for r in recorders), "all cameras")
            for source in sources[::2]:
                source.request_stop()
                assert source.join(2.0)
            counts = [len(r.refs) for r in recorders]
            wait_for(
                lambda: all(
                    len(r.refs) > n + 3 for r, n in zip(recorders[1::2], counts[1::2], strict=True)
                ),
                "the others' frames",
            )
        finally:
            for reader in readers:
                reader.__exit__(None, None, None)
    assert not any(r.kinds(EventKind.CAMERA_LOST) for r in recorders)
    assert [len(r.refs) for r in recorders[::2]] == counts[::2]
