"""Decoding on demand over RTSP: a sleeping reader reads in bursts and still loses nothing."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge_agent.settings import DecodeMode
from edge_agent.source.hangup import HangUp
from edge_agent.types import ByteArray, CameraState, EventKind, Json
from edge_agent.wakeup import Wake, WakeReason
from tests.clips import Recipe, access_units, clip
from tests.rtsp_peers import FIRST_STAMP, GstServer, ScriptedCamera, Wire, gst_server
from tests.source_recorder import Recorder, camera, reading, wait_for
from tests.source_watch import ScriptedWatch

S = 1_000_000_000


class OneSleep(ScriptedWatch):
    """Sleeps at the first chance, wakes from the last keyframe when told to, never sleeps again."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.wake_now = False
        self.keyframe_ns: list[int] = []
        self.slept = 0
        self.asleep_packets = 0

    def packet(self, size: int, *, keyframe: bool, stream_ns: int, awake: bool) -> Wake | None:
        super().packet(size, keyframe=keyframe, stream_ns=stream_ns, awake=awake)
        self.asleep_packets += not awake
        if keyframe:
            self.keyframe_ns.append(stream_ns)
        if awake or not self.wake_now:
            return None
        self.wake_now = False
        return Wake(WakeReason.SIZE, self.keyframe_ns[-2])

    def may_sleep(self, stream_ns: int) -> bool:
        return not self.asleep_packets

    def look(self, luma: ByteArray, *, stream_ns: int, awake: bool) -> Wake | None:
        assert luma.shape == (120, 160)
        return super().look(luma, stream_ns=stream_ns, awake=awake)


def on_demand(url: str, **fields: Json) -> Json:
    return camera(url, decode=DecodeMode.ON_DEMAND, target_fps=25, **fields)


@pytest.fixture(scope="module")
def server() -> Iterator[GstServer]:
    mounts = {
        "h264": clip(),
        "bframes": clip(Recipe(bframes=2)),
        "h265": clip(Recipe("libx265", bframes=2)),
        "mpeg4": clip(Recipe("mpeg4")),
    }
    with gst_server(mounts) as running:
        yield running


@pytest.mark.system
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("mount", ["h264", "bframes", "h265", "mpeg4"])
def test_a_wake_up_over_gstreamers_server(server: GstServer, mount: str, transport: str) -> None:
    recorder, watch = Recorder(), OneSleep()
    settings = on_demand(server.url(mount), transport=transport)
    with reading(settings, recorder, watch=watch.as_watch()) as source:

        def stage() -> str:
            return str(source.effective_state().get("decode", {}).get("state"))

        wait_for(lambda: stage() == "asleep", "sleep", 30)
        before = len(recorder.refs)
        looked = len(watch.looks)
        wait_for(lambda: len(watch.looks) >= looked + 3, "looks", 30)
        assert len(recorder.refs) == before  # asleep nothing is analysed
        watch.wake_now = True
        wait_for(lambda: len(recorder.refs) > before + 40, "the wake-up", 30)
        assert stage() == "awake"
    refs = recorder.refs
    assert {b.pts_ns - a.pts_ns for a, b in itertools.pairwise(refs[before:])} == {S // 25}
    late = [ref.late for ref in refs]
    assert not any(late[:before])
    first_live = late.index(False, before)
    assert 25 <= first_live - before <= 100  # a GOP and what came of the next at least
    assert not any(late[first_live:])
    assert refs[before].pts_ns - refs[before - 1].pts_ns >= 1 * S
    assert len(recorder.kinds(EventKind.CAMERA_LIVE)) == 1
    assert not recorder.kinds(EventKind.CAMERA_LOST)
    assert not recorder.drops


def test_a_sleeping_reader_reads_in_bursts_although_a_picture_is_several_packets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A picture is given when the next one begins, so the rest of that can always be read."""
    delimiter = b"\x09\xf0"
    units = tuple(replace(unit, nals=(delimiter, *unit.nals)) for unit in access_units())
    naps: list[int] = []  # packets that were taken asleep before each nap
    recorder, watch = Recorder(), OneSleep()
    nap = HangUp.nap

    def counted(self: HangUp, seconds: float, *, caught_up: bool = False) -> bool:
        napped = nap(self, seconds, caught_up=caught_up)
        if napped:
            naps.append(watch.asleep_packets)
        return napped

    def script(wire: Wire) -> None:
        stamp = FIRST_STAMP
        while True:
            stamp = wire.pictures(units, start=stamp)

    monkeypatch.setattr(HangUp, "nap", counted)
    with (
        ScriptedCamera(script=script) as peer,
        reading(on_demand(peer.url), recorder, watch=watch.as_watch()),
    ):
        wait_for(lambda: watch.asleep_packets >= 100, "four seconds of sleep", 30)
    # Ten come during a nap, and one is waited for; a busy machine may sleep longer.
    assert len(naps) >= 4, f"packets taken before each nap: {naps}"


def test_a_sleeping_reader_notices_a_stall_and_comes_back() -> None:
    calls = itertools.count()

    def script(wire: Wire) -> None:
        stamp = wire.pictures(access_units(), start=FIRST_STAMP, pace_s=0.01)
        if next(calls) == 0:
            wire.freeze()
        while True:
            stamp = wire.pictures(access_units(), start=stamp, pace_s=0.02)

    recorder, watch = Recorder(), OneSleep()
    with (
        ScriptedCamera(script=script) as peer,
        reading(
            on_demand(peer.url, stall_timeout_s=2.0), recorder, watch=watch.as_watch()
        ) as source,
    ):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the stall")
        assert watch.asleep_packets
        assert source.effective_state()["last_failure"] == "stalled"
        wait_for(lambda: len(recorder.kinds(EventKind.CAMERA_LIVE)) == 2, "the return")
        wait_for(lambda: recorder.refs[-1].connection == 2, "frames")
    pts = [ref.pts_ns for ref in recorder.refs]
    assert all(a < b for a, b in itertools.pairwise(pts))
    second = next(ref for ref in recorder.refs if ref.connection == 2)
    assert second.awake_pts_ns == second.pts_ns  # it slept when the first connection ended


def test_a_nap_ends_at_once_when_the_reader_shall_stop() -> None:
    def script(wire: Wire) -> None:
        wire.pictures(access_units(), start=FIRST_STAMP, pace_s=0.01)
        wire.freeze()

    recorder, watch = Recorder(), OneSleep()
    with (
        ScriptedCamera(script=script) as peer,
        reading(
            on_demand(peer.url, stall_timeout_s=60), recorder, watch=watch.as_watch()
        ) as source,
    ):
        wait_for(lambda: watch.asleep_packets > 20, "sleep")
        source.request_stop()
        assert source.join(2.0)
    assert recorder.states()[-1] is CameraState.STOPPED


def test_timestamps_that_jump_wake_the_camera_and_nothing_is_lost() -> None:
    """Asleep from the fourth GOP on; a second later the times fall by ten seconds."""
    units = access_units()

    def script(wire: Wire) -> None:
        stamp = wire.pictures(units, start=FIRST_STAMP * 20, pace_s=0.01)
        wire.pictures(units[:75], start=stamp - 90_000 * 10, pace_s=0.01)
        wire.freeze()

    recorder, watch = Recorder(), OneSleep()
    with (
        ScriptedCamera(script=script) as peer,
        reading(on_demand(peer.url, stall_timeout_s=5.0), recorder, watch=watch.as_watch()),
    ):
        wait_for(lambda: len(recorder.refs) > 160, "frames after the jump")
    assert [c.data["cause"] for c in recorder.kinds(EventKind.CLOCK_CHANGE)] == [
        "timestamps jumped"
    ]
    pts = [ref.pts_ns for ref in recorder.refs]
    assert all(a < b for a, b in itertools.pairwise(pts))
    assert watch.asleep_packets > 10
    # The first of the 100 pictures has no pts; the GOP that it slept over is there.
    assert pts[:99] == [i * S // 25 for i in range(99)]


def test_the_end_of_a_connection_does_not_cut_a_wake_up_short() -> None:
    """The camera is unplugged right after something moved: what is held is analysed first."""
    units = access_units()
    recorder, watch = Recorder(), OneSleep()

    def script(wire: Wire) -> None:
        stamp = wire.pictures(units, start=FIRST_STAMP, pace_s=0.01)
        stamp = wire.pictures(units[:60], start=stamp, pace_s=0.01)
        watch.wake_now = True
        wire.pictures(units[60:70], start=stamp, pace_s=0.01)

    room = iter([1, 1, *[0] * 12])
    recorder.room = lambda: next(room, 1)  # type: ignore[method-assign]
    with (
        ScriptedCamera(script=script) as peer,
        reading(on_demand(peer.url), recorder, watch=watch.as_watch()),
    ):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the end")
        first = [ref for ref in recorder.refs if ref.connection == 1]
    late = [ref for ref in first if ref.late]
    # From the keyframe before the last, picture 125, on.
    assert [ref.pts_ns for ref in late] == [(124 + i) * S // 25 for i in range(len(late))]
    assert len(late) >= 30  # how much of the end the closing connection lets through varies
