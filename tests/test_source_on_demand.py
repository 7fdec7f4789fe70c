"""Decoding on demand over real encoded clips: nothing lost, nothing twice, nothing decoded idly."""

import itertools
import logging
import queue
import threading
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from edge_agent.settings import DecodeMode
from edge_agent.types import ByteArray, EventKind, Frame, FrameRef, Json
from edge_agent.wakeup import Asleep, Fault, FaultWord, Wake
from tests.clips import Recipe, clip
from tests.source_recorder import Recorder, camera, reading, wait_for
from tests.source_watch import ScriptedWatch

S = 1_000_000_000
KINDS = {
    "h264": Recipe(frames=250),
    "h264 short GOPs": Recipe(frames=250, gop=5),
    "h264 B": Recipe(frames=250, bframes=2),
    "h264 open GOP": Recipe(frames=250, bframes=3, gop=27, open_gop=True),
    "h265": Recipe("libx265", frames=250),
    "h265 B": Recipe("libx265", frames=250, bframes=3, gop=27),
    "h265 open GOP": Recipe("libx265", frames=250, bframes=3, gop=27, open_gop=True),
    "mpeg4": Recipe("mpeg4", frames=250),
    "mpeg4 B": Recipe("mpeg4", frames=250, bframes=2),
    "ts": Recipe(frames=250, bframes=2, suffix=".ts"),
    "mkv": Recipe(frames=250, suffix=".mkv"),
}


class Pixels(Recorder):
    """Keeps each analysed frame's pixels by its place on the timeline."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels: dict[int, ByteArray] = {}
        self.late: list[int] = []

    def offer(self, frame: Frame) -> None:
        self.pixels[frame.ref.pts_ns] = frame.picture.to_bgr()
        super().offer(frame)


def played(
    path: Path, watch: ScriptedWatch | None = None, **settings: Json
) -> tuple[Pixels, dict[str, Json]]:
    """Read a file as fast as it goes, on demand where there is a watch; return what came of it."""
    recorder = Pixels()
    mode = DecodeMode.ALWAYS if watch is None else DecodeMode.ON_DEMAND
    fields = {"decode": mode, "realtime": False, "target_fps": 10.0} | settings
    with reading(camera(str(path), **fields), recorder, watch=watch and watch.as_watch()) as source:
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_ENDED)), "the file's end")
        assert source.join(5.0)
        return recorder, source.effective_state()


def keyframes(path: Path) -> list[float]:
    """Return the decoding times of the keyframes of a clip, as the watch sees them."""
    watch = ScriptedWatch(sleeps=lambda at: False)
    played(path, watch)
    return [at for at, keyframe, _ in watch.packets if keyframe]


@pytest.mark.parametrize("kind", KINDS)
def test_a_wake_up_gives_the_frames_that_full_decoding_gives(kind: str) -> None:
    """Woken inside the sixth GOP: same frames, same places, same pixels, from its keyframe on."""
    path = clip(KINDS[kind])
    times = keyframes(path)
    woken, asleep_again = times[-4], times[-2]
    fifth = round(woken + 0.12, 3)
    watch = ScriptedWatch(
        sleeps=lambda at: at < woken or at >= asleep_again, wake_at={fifth: woken}
    )
    full, _ = played(path)
    got, _ = played(path, watch)
    assert set(got.pixels) < set(full.pixels)
    for pts_ns, pixels in got.pixels.items():
        assert np.array_equal(pixels, full.pixels[pts_ns]), f"pixels at {pts_ns / S:.2f} s"
    assert len(got.refs) == len(got.pixels)  # none twice
    by_place = {ref.pts_ns: ref.index for ref in full.refs}
    assert all(by_place[ref.pts_ns] == ref.index for ref in got.refs)
    # From the woken keyframe's picture to the one it slept again at, all the frames are there.
    slept_ns, again_ns = pictured(path, woken), pictured(path, asleep_again, leading=True)
    expected = [ref.pts_ns for ref in full.refs if slept_ns <= ref.pts_ns < again_ns]
    after = [ref.pts_ns for ref in got.refs if slept_ns <= ref.pts_ns < again_ns]
    assert after == expected
    assert len(expected) >= 2
    assert max(r.pts_ns for r in got.refs) < again_ns
    assert got.counts["frames_decoded"] < full.counts["frames_decoded"] * 0.8


def pictured(path: Path, dts_s: float, *, leading: bool = False) -> int:
    """Return where the picture of the keyframe decoded at `dts_s` stands on the timeline.

    `leading`: of the first that is shown of its GOP, before the keyframe where that is open.
    """
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
    key = min(packets, key=lambda p: abs(float(p.dts * p.time_base) - dts_s))
    gop = packets[packets.index(key) :] if leading else [key]
    first, shown = min(p.pts for p in packets), min(p.pts for p in gop)
    return int((shown - first) * key.time_base * S)


def test_asleep_nothing_but_keyframes_is_decoded() -> None:
    watch = ScriptedWatch(sleeps=lambda at: at >= 2)
    got, state = played(clip(KINDS["h264"]), watch)
    assert got.counts["frames_decoded"] == 50
    assert got.counts["keyframes_looked"] == 8
    assert got.counts["falls_asleep"] == 1
    assert got.counts["frames_received"] == 250
    assert [ref.pts_ns for ref in got.refs] == [
        k * S // 10 + (k % 2) * 20_000_000 for k in range(20)
    ]
    assert [(at, awake) for at, awake, _ in watch.looks] == [(at, at < 2) for at in range(10)]
    decode = state["decode"]
    assert (decode["mode"], decode["effective"], decode["state"]) == ("on_demand",) * 2 + (
        "asleep",
    )
    assert decode["saved_share"] == pytest.approx(1 - 58 / 250, abs=1e-4)
    assert state["watch"] == {"looks": 10}


def test_a_look_may_send_the_reader_back_to_the_keyframe_before() -> None:
    """The picture at 6 s differs: what came is somewhere after the look at 5 s."""
    watch = ScriptedWatch(sleeps=lambda at: 2 <= at < 6, look_at={6: 5})
    got, _ = played(clip(KINDS["h264"]), watch)
    after = [ref for ref in got.refs if ref.pts_ns >= 3 * S]
    assert after[0].pts_ns == 5 * S
    assert {b.pts_ns - a.pts_ns for a, b in itertools.pairwise(after)} == {80_000_000, 120_000_000}
    assert all(ref.awake_pts_ns == 5 * S for ref in after)
    assert [ref.late for ref in after if ref.pts_ns < 6 * S] == [True] * 10


@pytest.mark.parametrize(
    ("plan", "woken", "asleep", "awake"),
    [
        (Asleep.EVERY_SECOND_KEYFRAME, 7, [3, 5, 7], [0, 1, 6, 8, 9]),
        (Asleep.EVERY_FOURTH_KEYFRAME, 9, [5, 9], [0, 1, 6, 7, 8]),
    ],
)
def test_rare_looks_keep_what_lies_between_two_of_them(
    plan: Asleep, woken: int, asleep: list[int], awake: list[int]
) -> None:
    """What the look at `woken` shows may have come since the one at 5 s."""
    watch = ScriptedWatch(
        sleeps=lambda at: 2 <= at < woken, look_at={woken: 5}, plan=(plan, "sizes tell")
    )
    got, _ = played(clip(KINDS["h264"]), watch)
    assert [at for at, is_awake, _ in watch.looks if not is_awake] == asleep
    assert [at for at, is_awake, _ in watch.looks if is_awake] == awake
    assert min(r.pts_ns for r in got.refs if r.pts_ns >= 2 * S) == 5 * S


def test_a_buffer_too_small_for_four_gops_is_looked_at_more_often() -> None:
    watch = ScriptedWatch(
        sleeps=lambda at: at >= 3, plan=(Asleep.EVERY_FOURTH_KEYFRAME, "audits bear the sizes out")
    )
    _, state = played(clip(KINDS["h264"]), watch, buffer_s=6)
    assert [at for at, awake, _ in watch.looks if not awake] == [4, 6, 8]
    assert state["decode"]["state"] == "asleep"


def test_frames_before_the_sleep_are_not_analysed_again() -> None:
    """Asleep from the keyframe at 2 s; something at 2.2 s sends the reader back to 1 s."""
    watch = ScriptedWatch(sleeps=lambda at: at == 2, wake_at={2.2: 1})
    full, _ = played(clip(KINDS["h264"]))
    got, _ = played(clip(KINDS["h264"]), watch)
    assert [r.pts_ns for r in got.refs] == [r.pts_ns for r in full.refs]
    assert [r.index for r in got.refs] == [r.index for r in full.refs]


def test_a_track_that_moves_in_a_frame_analysed_late_wakes_the_camera() -> None:
    """The camera slept over frames that still waited for a lane."""
    watch = ScriptedWatch(sleeps=lambda at: at == 2)
    recorder = Pixels()
    waiting: list[FrameRef] = []
    settings = camera(
        str(clip(KINDS["h264"])), decode=DecodeMode.ON_DEMAND, realtime=True, target_fps=10
    )
    with reading(settings, recorder, watch=watch.as_watch()) as source:
        recorder.tell = lambda ref, moving: waiting.append(ref)
        wait_for(
            lambda: source.effective_state().get("decode", {}).get("state") == "asleep", "sleep"
        )
        source.frame_analysed(waiting[-1], 1)
        wait_for(lambda: any(r.pts_ns > 2 * S for r in recorder.refs), "the wake-up")
    assert recorder.refs[20].pts_ns == 2 * S
    assert watch.heard[-1] == (1.92, 1)


def test_the_analysis_is_heard_at_the_frames_own_time() -> None:
    watch = ScriptedWatch(sleeps=lambda at: False)
    got, _ = played(clip(KINDS["h264"]), watch)
    assert [at for at, _ in watch.heard[:4]] == [0.0, 0.12, 0.2, 0.32]
    assert len(watch.heard) >= len(got.refs) - 10


def test_replay_gives_the_same_frames_each_time() -> None:
    """A watch that goes by what the analysis found, and a lane that takes its time: it is waited
    for before each decision."""

    def run(lane_s: float) -> list[tuple[int, int, bool]]:
        watch = ScriptedWatch()
        watch.sleeps = lambda at: at >= 2 and not any(m for t, m in watch.heard if at - t < 2)
        watch.wake_at = {4.32: 4.0, 7.6: 7.0}
        recorder = Pixels()
        settings = camera(
            str(clip(KINDS["h264 B"])), decode=DecodeMode.ON_DEMAND, realtime=False, target_fps=6
        )
        under_way: queue.Queue[FrameRef | None] = queue.Queue()

        def lane() -> None:
            while (ref := under_way.get()) is not None:
                time.sleep(lane_s)
                source.frame_analysed(ref, int(4 * S < ref.pts_ns < 5 * S))

        with reading(settings, recorder, watch=watch.as_watch()) as source:
            recorder.tell = lambda ref, moving: under_way.put(ref)
            thread = threading.Thread(target=lane)
            thread.start()
            wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_ENDED)), "the file's end")
            under_way.put(None)
            thread.join()
        return [(r.index, r.pts_ns, r.late) for r in recorder.refs]

    first = run(0.0)
    assert 20 < len(first) < 60
    assert run(0.02) == first


@pytest.mark.parametrize(
    ("recipe", "settings", "said"),
    [
        # no GOP of 4 s fits a buffer of 5 s twice
        (replace(KINDS["h264"], gop=100), {"buffer_s": 5.0}, "two GOPs are longer than buffer_s"),
        (KINDS["mpeg4"], {"buffer_mb": 0.01}, "two GOPs are larger than buffer_mb"),
        # one keyframe in all: there is nothing to sleep from
        (replace(KINDS["h264"], gop=1000), {"buffer_s": 3.0}, "no keyframe for 3 s"),
    ],
)  # fmt: skip
def test_what_cannot_sleep_is_decoded_always_and_says_so(
    recipe: Recipe, settings: dict[str, Json], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    got, state = played(clip(recipe), ScriptedWatch(), **settings)
    assert got.counts["frames_decoded"] == 250
    decode = state["decode"]
    assert (decode["mode"], decode["effective"], decode["state"]) == (
        "on_demand",
        "always",
        "awake",
    )
    assert said in decode["reason"]
    told = [c.reason for c in got.changes if said in c.reason]
    assert len(told) == 1
    assert len([r for r in caplog.records if said in r.getMessage()]) == 1


def test_a_file_without_timestamps_is_decoded_always() -> None:
    got, state = played(clip(Recipe(suffix=".h264")), ScriptedWatch())
    assert got.counts["frames_decoded"] == 100
    assert len(got.refs) == 40
    assert state["decode"]["effective"] == "always"
    assert state["decode"]["reason"] == "the file has no timestamps"


def test_a_watch_that_wants_to_stay_awake_is_told_after_a_minute_and_recovers() -> None:
    watch = ScriptedWatch(plan=(Asleep.STAY_AWAKE, "nothing learned yet"))
    path = clip(Recipe(fps=5, frames=400, gop=10))
    watch.sleeps = lambda at: (
        bool(at >= 70 and setattr(watch, "plan", (Asleep.KEYFRAMES, ""))) or True
    )
    got, state = played(path, watch)
    said = [c.reason for c in got.changes if "decode" in c.reason]
    assert [s.split(" (")[0] for s in said] == [
        "every packet is decoded: nothing learned yet",
        "decodes on demand again",
    ]
    assert state["decode"]["state"] == "asleep"


def test_an_audit_decodes_a_stretch_and_is_reported_when_it_ends() -> None:
    watch = ScriptedWatch(sleeps=lambda at: at not in (5, 6), audits={4.0})
    got, _ = played(clip(KINDS["h264"]), watch)
    seconds = {ref.pts_ns // S for ref in got.refs}
    assert seconds == {0, 1, 4, 5, 6}  # the first two GOPs are awake whatever the watch says
    assert watch.audits_ended == [7.0]


def test_keyframes_mode_analyses_keyframes_alone() -> None:
    recorder, state = played(clip(KINDS["h264 B"]), None, decode=DecodeMode.KEYFRAMES)
    assert [ref.pts_ns for ref in recorder.refs] == [k * S for k in range(10)]
    assert recorder.counts["frames_decoded"] == 10
    assert state["decode"]["effective"] == "keyframes"


@pytest.mark.parametrize("mode", [DecodeMode.ALWAYS, DecodeMode.KEYFRAMES])
@pytest.mark.parametrize("kind", ["h264", "h264 short GOPs", "h264 B"])
def test_packets_entered_together_reach_the_watch_all_and_before_their_look(
    kind: str, mode: DecodeMode
) -> None:
    class Strict(ScriptedWatch):
        def look(self, luma: ByteArray, *, stream_ns: int, awake: bool) -> Wake | None:
            assert (round(stream_ns / S, 3), True, True) in self.packets
            return super().look(luma, stream_ns=stream_ns, awake=awake)

    one_by_one, together = ScriptedWatch(sleeps=lambda at: False), Strict()
    played(clip(KINDS[kind]), one_by_one)
    _, state = played(clip(KINDS[kind]), together, decode=mode)
    assert together.packets == one_by_one.packets
    assert [at for at, *_ in together.looks] == [at for at, key, _ in together.packets if key]
    assert state["faults"] == []


def test_faults_are_told_once_and_again_when_they_end() -> None:
    dark = Fault(FaultWord.DARK, "the picture is dark", 3 * S)
    still = Fault(FaultWord.FROZEN, "the same picture for 60 s", 7 * S)
    watch = ScriptedWatch(
        sleeps=lambda at: at >= 2,
        standing=lambda at: (dark,) if 3 <= at < 6 else (still,) if at >= 7 else (),
    )
    got, state = played(clip(KINDS["h264"]), watch)
    told = [(c.data["word"], c.data["standing"]) for c in got.kinds(EventKind.CAMERA_FAULT)]
    assert told == [("dark", True), ("dark", False), ("frozen", True)]
    assert state["faults"] == [{"word": "frozen", "text": "the same picture for 60 s"}]


def test_a_loop_goes_on_rising_over_sleeping_rounds() -> None:
    watch = ScriptedWatch(sleeps=lambda at: at >= 2, wake_at={3.2: 3.0})
    recorder = Recorder()
    settings = camera(str(clip()), decode=DecodeMode.ON_DEMAND, realtime=False, loop=True)
    with reading(settings, recorder, watch=watch.as_watch()):
        wait_for(lambda: len(recorder.refs) > 60, "rounds")
    rounds: dict[int, list[int]] = {}
    for ref in recorder.refs:
        rounds.setdefault(ref.connection, []).append(ref.pts_ns)
    for number, places in list(rounds.items())[:-1]:
        expected = [(number - 1) * 4 * S + i * S // 5 for i in range(20) if not 10 <= i < 15]
        assert places == pytest.approx(expected, abs=1_000_000)
