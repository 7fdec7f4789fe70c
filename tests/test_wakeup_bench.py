"""The bench of the wake-up: its cells, its judgement, and one small cell through the reader."""

import random
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from edge_agent.commands.wakeup.cells import CELLS, PLACES
from edge_agent.commands.wakeup.finder import Finder, Found, open_finder
from edge_agent.commands.wakeup.score import judge, unseen_share
from edge_agent.commands.wakeup.table import Line, sum_table, sums, table
from edge_agent.commands.wakeup.trial import HeardWatch, Trial, run_always, run_on_demand
from edge_agent.stage.wakeup_clips import Encoding, clip_file, encode_all
from edge_agent.stage.wakeup_footage import add_noise, clocked, rainy
from edge_agent.types import ClockSource, FrameRef, ObjectClass, Tracks
from edge_agent.wakeup import TRUSTED_AFTER

S = 1_000_000_000


def tracks_at(time_s: float, boxes: dict[int, tuple[float, ...]], **flags: bool) -> Tracks:
    """Return tracks by id; `confirmed`, `stationary` and `matched` hold for all of them."""
    ref = FrameRef("c", 1, 0, round(time_s * S), 0, 0, ClockSource.ARRIVAL, True, (640, 360))
    n = len(boxes)
    return Tracks(
        ref=ref,
        track_id=np.array(list(boxes), np.int64),
        xyxy=np.array(list(boxes.values()), np.float32).reshape(n, 4),
        class_id=np.zeros(n, np.int32),
        score=np.ones(n, np.float32),
        det_row=np.full(n, 0 if flags.get("matched", True) else -1, np.int32),
        confirmed=np.full(n, flags.get("confirmed", True)),
        stationary=np.full(n, flags.get("stationary", False)),
        first_pts_ns=np.zeros(n, np.int64),
        last_pts_ns=np.zeros(n, np.int64),
        removed_id=np.empty(0, np.int64),
    )  # fmt: skip


BOX, ELSEWHERE = (10.0, 10.0, 50.0, 90.0), (300.0, 10.0, 340.0, 90.0)


def walk(first_s: float, last_s: float, box: tuple[float, ...] = BOX) -> Trial:
    count = round((last_s - first_s) * 5) + 1
    return Trial(tracks=[tracks_at(first_s + i / 5, {1: box}) for i in range(count)])


@pytest.mark.parametrize(
    ("got", "found", "delay_s"),
    [
        (walk(10, 14), True, 0.0),
        (walk(11, 14), True, 1.0),
        (walk(13, 14), False, 3.0),
        (walk(10, 14, ELSEWHERE), False, None),
        (Trial(), False, None),
    ],
    ids=["all of it", "from 1 s on", "its last second", "something else", "nothing"],
)
def test_a_track_is_found_in_half_its_frames(
    got: Trial, found: bool, delay_s: float | None
) -> None:
    got.sleeps_s = [(5.0, 10.5)]
    (judged,) = judge(walk(10, 14), got)
    assert judged.found is found
    assert judged.delay_s == (None if delay_s is None else pytest.approx(delay_s))
    assert judged.began_asleep


def test_short_unconfirmed_and_resting_tracks_are_not_asked_for() -> None:
    assert judge(walk(10, 10.8), Trial()) == []
    unconfirmed = Trial(tracks=[tracks_at(i / 5, {1: BOX}, confirmed=False) for i in range(20)])
    assert judge(unconfirmed, Trial()) == []
    resting = Trial(tracks=[tracks_at(i / 5, {1: BOX}, stationary=i > 9) for i in range(200)])
    (judged,) = judge(resting, walk(0, 1.8))
    assert judged.share == 1


def test_what_coasts_has_not_been_found() -> None:
    coasting = Trial(tracks=[tracks_at(10 + i / 5, {1: BOX}, matched=False) for i in range(21)])
    (judged,) = judge(walk(10, 14), coasting)
    assert not judged.found


def test_the_unseen_share_counts_frames_with_movement() -> None:
    assert unseen_share(walk(10, 14), walk(12, 14)) == pytest.approx(10 / 21)
    assert unseen_share(Trial(), Trial()) == 0


def test_there_are_at_most_36_cells_of_different_names() -> None:
    names = [cell.name for cell in CELLS]
    assert len(names) == len(set(names)) <= 36
    assert {cell.place for cell in CELLS} == set(PLACES)
    assert {cell.encoding.rate for cell in CELLS} == {"crf", "abr", "cbr"}


def test_a_clip_s_name_tells_its_content() -> None:
    cells = {clip_file(Path(), c.place, PLACES[c.place], c.encoding) for c in CELLS}
    assert len(cells) == len(CELLS)
    place = PLACES["road"]
    other = clip_file(Path(), "road", place, Encoding("crf", 24, 2.0))
    assert other != clip_file(Path(), "road", place, Encoding("crf", 23, 2.0))


def test_painted_weather_is_the_same_each_time_and_only_where_it_should_be() -> None:
    plain = [np.full((90, 160, 3), 90, np.uint8)] * 12
    first, again = (list(rainy(plain, 20, seed=2)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])
    stamped = list(clocked(plain, fps=6))
    changes = [i for i in range(1, 12) if not np.array_equal(stamped[i - 1], stamped[i])]
    assert changes == [6]
    noisy = add_noise(plain[0], 4.0, np.random.default_rng(1)).astype(float)
    assert noisy[:, :, 0].std() == pytest.approx(4.0, rel=0.35)


def line(**fields: Any) -> Line:
    usual: dict[str, Any] = {
        "cell": "road crf23 2s", "rate": "crf", "round": 1, "tracks": 4, "found": 3,
        "begun_asleep": 2, "found_asleep": 1, "delays_s": (0.0, 0.6), "wakes": 4,
        "false_wakes": 1, "asleep_share": 0.5, "saved_share": 0.4, "cpu_ratio": 0.6, "audits": 1,
        "misses": 0, "miss_share": (0.0, 0.0, 0.3), "true_miss_share": 0.1, "says": "unknown; x",
    }  # fmt: skip
    return Line(**(usual | fields))


def test_sums_are_taken_by_rate_control_and_round() -> None:
    lines = [line(), line(found=4, delays_s=()), line(rate="cbr", tracks=0, found=0, wakes=0)]
    crf, cbr = sums(lines)
    assert (crf["cells"], crf["found_share"], crf["delays_over"]) == (2, 7 / 8, 1)
    assert (crf["false_wake_share"], cbr["found_share"]) == (2 / 8, None)
    assert "| CRF | 1 | 2 | 0.875 of 8 | 0.99 |" in sum_table(lines)
    assert (
        table([line()])
        .splitlines()[-1]
        .startswith(
            "| road crf23 2s | 1 | 3/4 | 1/2 | 0.3 / 0.6 / 0.6 | 4, 1 | 50% | 40% | 0.60 | "
        )
    )


class Nobody:
    """A detector that must not be asked: everything is known already."""

    classes = (ObjectClass("person"),)
    score_threshold = 0.3

    def detect(self, frames: Any, lane: int) -> Any:
        raise AssertionError("the detector was asked twice for a frame")


@pytest.mark.parametrize("audits", [0, TRUSTED_AFTER])
def test_one_cell_goes_through_the_agent_s_own_reader(tmp_path: Path, audits: int) -> None:
    """A dark block walks in at 14 s and 34 s; the detections are given, the packets are real."""
    fps, length_s = 10, 48
    rng = np.random.default_rng(4)
    street = rng.integers(60, 180, (12, 20, 3)).astype(np.uint8).repeat(9, 0).repeat(9, 1)
    noise = rng.normal(0, 1.5, (16, 108, 180, 1))
    nothing: Found = (np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))
    found: dict[int, Found] = {}
    shown = []
    for index in range(fps * length_s):
        picture = street + noise[index % 16]
        here = [s for s in (14, 34) if s <= index / fps < s + 4]
        x = 10 + (index * 3) % 140
        if here:
            picture[60:84, x : x + 9] = 20
        shown.append(np.clip(picture, 0, 255).astype(np.uint8))
        box = np.array([[x, 60, x + 9, 84]], np.float32)
        seen: Found = (box, np.ones(1, np.float32), np.zeros(1, np.int32))
        if index % 2 == 0:
            found[index // 2] = seen if here else nothing
    clip = tmp_path / "clip.mp4"
    encode_all(shown, Fraction(fps), {clip: Encoding("crf", 23, 2.0)})
    finder = Finder(cast(Any, Nobody()), tmp_path / "found.npz", found)
    full = run_always(clip, finder, 5.0)
    assert len(full.tracks) == len(found)
    got = run_on_demand(clip, finder, 5.0, HeardWatch(3.0, random.Random(1), audits=audits))
    judged = judge(full, got)
    assert [track.found for track in judged] == [True, True]
    assert all(track.delay_s == 0 for track in judged)
    assert got.counts["frames_decoded"] < 0.85 * got.counts["frames_received"]
    assert [wake.moved for wake in got.wakes if wake.reason != "audit"] == [True, True]
    assert got.report["wakes"]["fallback"] == 0
    assert 0 < got.asleep_s < got.length_s
    assert got.report["audits"] >= audits
    assert (got.report["asleep_plan"] == "every_fourth_keyframe") is (audits > 0)


def test_what_was_found_is_found_again_on_disk(tmp_path: Path) -> None:
    clip, model = tmp_path / "clip.mp4", tmp_path / "model.onnx"
    model.write_bytes(b"a model")
    batch = SimpleNamespace(
        xyxy=np.ones((2, 4), np.float32),
        score=np.array([0.9, 0.5], np.float32),
        class_id=np.zeros(2, np.int32),
    )
    detector = cast(Any, SimpleNamespace(trims=True, detect=lambda frames, lane: batch))
    finder = open_finder(clip, model, 5.0, detector)
    ref = tracks_at(1.0, {}).ref
    finder.find(cast(Any, SimpleNamespace(ref=ref)))
    finder.save()
    again = open_finder(clip, model, 5.0, cast(Any, SimpleNamespace(trims=True)))
    assert again.find(cast(Any, SimpleNamespace(ref=ref))).score.tolist() == pytest.approx(
        [0.9, 0.5]
    )
    assert not open_finder(clip, model, 5.0, cast(Any, SimpleNamespace(trims=False))).found
    model.write_bytes(b"another model")
    assert not open_finder(clip, model, 5.0, detector).found
