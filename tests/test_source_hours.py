"""Outside of a camera's hours nothing of it is decoded, and within them nothing is missing."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_agent.settings import DecodeMode
from edge_agent.types import CameraState, EventKind, Json
from tests.clips import Recipe, clip
from tests.source_recorder import Recorder, camera, reading, wait_for
from tests.source_watch import S, ScriptedWatch
from tests.test_source_on_demand import KINDS, Pixels

PLAIN = KINDS["h264"]


def played(
    path: Path,
    wanted: Callable[[], bool],
    *,
    mode: DecodeMode = DecodeMode.ALWAYS,
    watch: ScriptedWatch | None = None,
) -> tuple[Pixels, dict[str, Json]]:
    """Read a file as fast as it goes; return what came of it, and the state at its end."""
    recorder = Pixels()
    # Its hours are what `wanted` says; any but always make the reader ask.
    settings = camera(str(path), hours="never", decode=mode, realtime=False, target_fps=10.0)
    watching = None if watch is None else watch.as_watch()
    with reading(settings, recorder, watch=watching, wanted=wanted) as source:
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_ENDED)), "the file's end")
        assert source.join(5.0)
        return recorder, source.effective_state()


def by_keyframe(answers: Sequence[bool]) -> Callable[[], bool]:
    """Return what tells the hours: it is asked at each keyframe."""
    rest = iter(answers)
    return lambda: next(rest)


def of_seconds(recorder: Pixels, seconds: Sequence[int]) -> list[int]:
    return [ref.pts_ns for ref in recorder.refs if ref.pts_ns // S in seconds]


HOURS = (True, True, False, False, False, True, True, True, False, False)
WITHIN = [second for second, wanted in enumerate(HOURS) if wanted]


@pytest.mark.parametrize("kind", ["h264", "h264 B", "h265", "mpeg4", "mkv"])
def test_within_its_hours_a_camera_gives_what_full_decoding_gives(kind: str) -> None:
    recipe = KINDS[kind]
    path = clip(Recipe(recipe.codec, frames=250, bframes=recipe.bframes, suffix=recipe.suffix))
    full, _ = played(path, lambda: True)
    got, _ = played(path, by_keyframe(HOURS))
    assert of_seconds(full, WITHIN) == [ref.pts_ns for ref in got.refs]
    by_place = {ref.pts_ns: ref.index for ref in full.refs}
    assert all(by_place[ref.pts_ns] == ref.index for ref in got.refs)
    for pts_ns, pixels in got.pixels.items():
        assert np.array_equal(pixels, full.pixels[pts_ns]), f"pixels at {pts_ns / S:.2f} s"
    assert got.counts["frames_received"] == 250
    assert got.counts["frames_decoded"] == 25 * len(WITHIN)


def test_it_says_when_its_hours_end_and_begin() -> None:
    got, state = played(clip(PLAIN), by_keyframe(HOURS))
    live, resting = CameraState.LIVE, CameraState.RESTING
    assert got.states() == [
        CameraState.CONNECTING, live, resting, live, resting, CameraState.ENDED,
    ]  # fmt: skip
    assert len(got.kinds(EventKind.CAMERA_LIVE)) == 1
    told = [change.reason for change in got.changes]
    assert sum("outside of its hours: nothing is decoded" in reason for reason in told) == 2
    assert sum("its hours have begun" in reason for reason in told) == 1
    again = [ref for ref in got.refs if ref.pts_ns >= 5 * S]
    assert {ref.awake_pts_ns for ref in again} == {5 * S}
    decode = state["decode"]
    assert (decode["effective"], decode["state"]) == ("none", "resting")
    assert decode["saved_share"] == pytest.approx(0.5)


def test_a_camera_that_begins_outside_of_its_hours_is_live_once_they_begin() -> None:
    got, _ = played(clip(PLAIN), by_keyframe([False] * 4 + [True] * 6))
    assert got.states() == [
        CameraState.CONNECTING, CameraState.RESTING, CameraState.LIVE, CameraState.ENDED,
    ]  # fmt: skip
    assert [change.kind for change in got.changes].count(EventKind.CAMERA_LIVE) == 1
    assert got.refs[0].pts_ns == 4 * S
    assert got.counts["frames_decoded"] == 150


def test_a_camera_that_nobody_ever_wants_decodes_nothing() -> None:
    got, _ = played(clip(PLAIN), lambda: False)
    assert got.refs == []
    assert (got.counts["frames_received"], got.counts["frames_decoded"]) == (250, 0)
    (ended,) = got.kinds(EventKind.CAMERA_ENDED)
    assert ended.data["pictures"] == 250


def test_no_look_is_taken_and_the_watch_begins_anew() -> None:
    watch = ScriptedWatch(sleeps=lambda at: 2 <= at < 7 or at >= 8)
    hours = [True] * 4 + [False] * 3 + [True] * 3
    got, _ = played(clip(PLAIN), by_keyframe(hours), mode=DecodeMode.ON_DEMAND, watch=watch)
    assert [at for at, _, _ in watch.looks] == [0, 1, 2, 3, 7, 8, 9]
    assert [at for at, keyframe, _ in watch.packets if keyframe] == [0, 1, 2, 3, 7, 8, 9]
    assert len(watch.begun) == 2
    assert of_seconds(got, range(4, 7)) == []
    assert len(of_seconds(got, [7])) == 10
    assert got.counts["falls_asleep"] == 2


def test_keyframes_alone_rest_as_well() -> None:
    got, _ = played(clip(PLAIN), by_keyframe(HOURS), mode=DecodeMode.KEYFRAMES)
    assert [ref.pts_ns // S for ref in got.refs] == WITHIN
    assert got.counts["frames_decoded"] == len(WITHIN)


def test_a_reader_that_rests_may_be_lost_and_is_tried_again(tmp_path: Path) -> None:
    recorder = Recorder()
    settings = camera(str(tmp_path / "gone.mp4"), hours="never")
    with reading(settings, recorder, wanted=lambda: False):
        wait_for(lambda: bool(recorder.kinds(EventKind.CAMERA_LOST)), "the loss")
