"""A parked car is told apart from a moving one, keeps its id over an outage, and only then."""

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.tracking import Tracker
from edge_agent.types import Tracks
from tests.mot_support import Row, box, detections, frame_ref, new_tracker, run, seconds

PARKED = (300.0, 200.0, 90.0, 50.0)


def jittered(rng: np.random.Generator, share: float = 0.04) -> Row:
    """Return the parked car as a detector sees it: each edge off by `share` of the size."""
    cx, cy, w, h = PARKED
    left, top, right, bottom = rng.normal(0, share, 4)
    x1, y1 = cx - w / 2 + left * w, cy - h / 2 + top * h
    x2, y2 = cx + w / 2 + right * w, cy + h / 2 + bottom * h
    return (x1, y1, x2, y2, float(rng.uniform(0.25, 0.9)), 1)


def park(tracker: Tracker, until_s: float = 12.0, begin_s: float = 0.0) -> Tracks:
    return run(tracker, [(t, [box(*PARKED)]) for t in seconds(begin_s, until_s)])[-1]


def test_a_track_is_stationary_after_its_time_and_not_before() -> None:
    steps = run(new_tracker(stationary_after_s=10), [(t, [box(*PARKED)]) for t in seconds(0, 12)])
    first = next(s.ref.pts_ns for s in steps if s.stationary.any())
    assert 10.0e9 <= first <= 10.4e9


def test_a_slow_object_does_not_become_stationary() -> None:
    frames = [(t, [box(100 + 5 * t, 200, 90, 50)]) for t in seconds(0, 40)]
    assert not any(s.stationary.any() for s in run(new_tracker(stationary_after_s=10), frames))


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_jitter_does_not_flip_a_parked_car(share: float) -> None:
    rng = np.random.default_rng(7)
    frames = [(t, [jittered(rng, share)] if rng.random() > 0.1 else []) for t in seconds(0, 300)]
    steps = run(new_tracker(stationary_after_s=10), frames)
    flips = [s.stationary.tolist() for s in steps if s.ref.pts_ns > 60e9]
    assert all(f == [True] for f in flips)
    assert steps[-1].track_id.tolist() == [1]


def test_something_that_passes_in_front_does_not_set_it_moving() -> None:
    tracker = new_tracker()
    assert park(tracker).stationary.all()
    x1, y1, x2, y2 = 255, 175, 345, 225
    cut = [(t, [(x1 + 45, y1, x2, y2, 0.5, 1)]) for t in seconds(12, 15)]
    assert all(s.stationary.tolist() == [True] for s in run(tracker, cut))


def test_driving_off_ends_it_soon_and_keeps_the_id() -> None:
    tracker = new_tracker()
    park(tracker)
    steps = run(tracker, [(t, [box(300 + 40 * (t - 12), *PARKED[1:])]) for t in seconds(12, 16)])
    moving = next(s.ref.pts_ns for s in steps if not s.stationary.all())
    assert moving <= 13.8e9  # 30 % of its length after 0.7 s, seen in two looks
    assert not steps[-1].stationary.any()
    assert {i for s in steps for i in s.track_id.tolist()} == {1}


def test_coming_straight_at_the_camera_is_moving() -> None:
    tracker = new_tracker()
    park(tracker)
    cx, cy, w, h = PARKED
    steps = run(
        tracker,
        [(12 + 0.2 * k, [box(cx, cy, w * 1.06**k, h * 1.06**k)]) for k in range(30)],
    )
    assert not steps[-1].stationary.any()


def test_a_hidden_parked_car_is_kept_for_ten_coast_times() -> None:
    tracker = new_tracker(coast_s=2.0)
    park(tracker)
    hidden = run(tracker, [(t, []) for t in seconds(12, 31)])
    assert not any(len(s.removed_id) for s in hidden)
    cx, cy, w, h = PARKED
    assert hidden[-1].xyxy[0].tolist() == pytest.approx(
        [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], abs=1
    )
    gone = run(tracker, [(t, []) for t in seconds(31, 34)])
    assert [s.ref.pts_ns for s in gone if len(s.removed_id)] == [32_000_000_000]


def test_a_hidden_parked_car_is_not_taken_over_by_one_that_passes() -> None:
    tracker = new_tracker(coast_s=1.0)
    park(tracker)
    run(tracker, [(t, []) for t in seconds(12, 15)])
    passing = run(tracker, [(t, [box(150 + 60 * (t - 15), 240, 90, 50)]) for t in seconds(15, 20)])
    assert {i for s in passing for i in s.track_id[s.det_row >= 0].tolist()} == {2}


def test_a_hidden_parked_car_is_not_taken_over_by_one_that_stops_beside_it() -> None:
    tracker = new_tracker(coast_s=1.0)
    park(tracker)
    run(tracker, [(t, []) for t in seconds(12, 15)])
    beside = run(tracker, [(15.0, [box(330, 225, 90, 50)])])[0]
    assert beside.track_id[beside.det_row >= 0].tolist() == [2]


def test_a_single_wild_box_does_not_set_it_moving() -> None:
    tracker = new_tracker()
    park(tracker)
    for k in range(20):
        wild = box(340, 215, 90, 50) if k % 4 == 0 else box(*PARKED)
        assert run(tracker, [(12 + 0.4 * k, [wild])])[0].stationary.tolist() == [True]


def test_an_outage_drops_what_moves_and_holds_what_is_parked() -> None:
    tracker = new_tracker()
    run(tracker, [(t, [box(*PARKED), box(20 + 10 * t, 60, 40, 30)]) for t in seconds(0, 12)])
    assert tracker.lose_moving().tolist() == [2]
    back = run(tracker, [(t, [box(*PARKED)]) for t in seconds(32, 34)], connection=2)
    assert back[0].track_id.tolist() == [1]
    assert back[0].stationary.tolist() == [True]
    assert back[0].det_row.tolist() == [0]
    assert not any(len(s.removed_id) for s in back)


def test_the_first_frames_after_an_outage_may_miss_the_parked_car() -> None:
    tracker = new_tracker(coast_s=2.0, stationary_hold_s=300)
    park(tracker)
    tracker.lose_moving()
    run(tracker, [(t, []) for t in seconds(212, 222)], connection=2)
    assert run(tracker, [(222, [box(*PARKED)])])[0].track_id.tolist() == [1]


def test_an_outage_beyond_the_hold_ends_the_parked_car() -> None:
    tracker = new_tracker(stationary_hold_s=60)
    park(tracker)
    tracker.lose_moving()
    step = run(tracker, [(80.0, [box(*PARKED)])], connection=2)[0]
    assert step.removed_id.tolist() == [1]
    assert step.track_id.tolist() == [2]


def test_many_outages_in_a_row_do_not_hold_a_car_for_ever() -> None:
    tracker = new_tracker(stationary_hold_s=60)
    park(tracker)
    removed: list[int] = []
    for k in range(5):
        tracker.lose_moving()
        removed += run(tracker, [(30.0 + 20 * k, [])], connection=2 + k)[0].removed_id.tolist()
    assert removed == [1]


def test_an_outage_without_tracks_is_forgotten() -> None:
    tracker = new_tracker(coast_s=1.0)
    assert tracker.lose_moving().tolist() == []
    run(tracker, [(t, [box(*PARKED)]) for t in seconds(20, 21)])
    assert [s.removed_id.tolist() for s in run(tracker, [(23.0, [])])] == [[1]]


def after_sleep(
    tracker: Tracker, at_s: float, rows: list[Row], awake_s: float | None = None
) -> Tracks:
    """Step a frame at `at_s`; the camera slept until `awake_s`, or until this frame."""
    awake_ns = round((at_s if awake_s is None else awake_s) * 1e9)
    return tracker.step(detections(replace(frame_ref(at_s), awake_pts_ns=awake_ns), rows))


def test_a_parked_car_keeps_its_id_over_a_sleep_of_hours() -> None:
    """Longer than any hold, and it blinks in the first frames after it."""
    tracker = new_tracker(stationary_hold_s=60.0)
    park(tracker)
    wakes = 12 + 3 * 3600.0
    for k in range(5):
        tracks = after_sleep(tracker, wakes + k / 5, [], awake_s=wakes)
        assert tracks.track_id.tolist() == [1]
    tracks = after_sleep(tracker, wakes + 1, [box(*PARKED)], awake_s=wakes)
    assert (tracks.track_id.tolist(), tracks.det_row.tolist()) == ([1], [0])
    assert tracks.stationary.all()


def test_a_parked_car_that_is_gone_after_a_sleep_ends_after_the_usual_patience() -> None:
    tracker = new_tracker(coast_s=2.0)
    park(tracker)
    steps = [after_sleep(tracker, 5000 + t, [], awake_s=5000) for t in seconds(0, 21)]
    gone = next(s.ref.pts_ns for s in steps if not len(s.track_id))
    assert 5019.8e9 <= gone <= 5020.6e9


def test_what_moved_before_a_sleep_is_over_after_it() -> None:
    tracker = new_tracker()
    park(tracker)
    run(
        tracker,
        [(t, [box(*PARKED), box(100 + 50 * (t - 12), 60, 40, 40)]) for t in seconds(12, 14)],
    )
    tracks = after_sleep(tracker, 100, [box(*PARKED), box(195, 60, 40, 40)])
    assert tracks.removed_id.tolist() == [2]
    assert tracks.track_id.tolist() == [1, 3]


def test_a_gap_without_a_sleep_counts_as_before() -> None:
    tracker = new_tracker()
    park(tracker)
    assert after_sleep(tracker, 100, [], awake_s=5).track_id.tolist() == []
