"""The tracker keeps the right id: motion, stages, groups, gaps, classes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.settings import TrackingSettings
from edge_agent.tracking import Tracker
from edge_agent.tracking.association import assign
from edge_agent.types import Tracks
from tests.mot_support import (
    BUS,
    CAR,
    GROUPS,
    PERSON,
    TRUCK,
    Row,
    box,
    detections,
    frame_ref,
    new_tracker,
    run,
    seconds,
)


def ids(tracks: Tracks, confirmed: bool = True) -> list[int]:
    return tracks.track_id[tracks.confirmed | (not confirmed)].tolist()


def test_no_detections_give_no_tracks_and_rows_of_the_right_types() -> None:
    empty = run(new_tracker(), [(0.0, []), (0.2, [])])[-1]
    assert empty.track_id.dtype == np.int64
    assert empty.xyxy.shape == (0, 4)
    assert empty.xyxy.dtype == np.float32
    assert empty.det_row.dtype == np.int32
    assert empty.class_id.dtype == np.int32
    assert empty.score.dtype == np.float32
    assert empty.removed_id.dtype == np.int64
    assert not len(empty.track_id)


def test_a_track_is_confirmed_by_its_third_detection() -> None:
    steps = run(new_tracker(confirm_hits=3), [(t, [box(100, 100, 50, 40)]) for t in (0, 0.2, 0.4)])
    assert [s.confirmed.tolist() for s in steps] == [[False], [False], [True]]
    assert [s.track_id.tolist() for s in steps] == [[1], [1], [1]]
    assert steps[-1].first_pts_ns.tolist() == [0]
    assert steps[-1].last_pts_ns.tolist() == [400_000_000]


def test_one_detection_confirms_where_one_is_enough() -> None:
    assert run(new_tracker(confirm_hits=1), [(0, [box(100, 100, 50, 40)])])[
        0
    ].confirmed.tolist() == [True]


def test_a_single_false_detection_goes_unconfirmed() -> None:
    steps = run(new_tracker(), [(0, [box(100, 100, 50, 40)]), *((t, []) for t in seconds(0.2, 2))])
    assert not any(s.confirmed.any() for s in steps)
    assert [i for s in steps for i in s.removed_id.tolist()] == [1]


def test_detections_come_back_as_boxes_and_rows() -> None:
    far, near = box(100, 100, 50, 40, score=0.9), box(400, 200, 50, 40, score=0.7)
    step = run(new_tracker(), [(0, [near, far]), (0.2, [near, far])])[-1]
    assert step.det_row.tolist() == [0, 1]
    assert step.xyxy.tolist() == [list(far[:4]), list(near[:4])]
    assert step.score.tolist() == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize(
    ("fps", "speed", "why"),
    [
        (25, 300, "a car at the rate of the camera"),
        (5, 60, "a pedestrian at 5 fps: 12 px a frame, 40 px wide"),
        (5, 210, "a car that moves by more than its own length each frame"),
    ],
)
def test_a_moving_object_is_one_track(fps: float, speed: float, why: str) -> None:
    frames = [(t, [box(20 + speed * t, 100, 40, 30)]) for t in seconds(0, 2.4, fps)]
    steps = run(new_tracker(), frames)
    assert {i for s in steps for i in s.track_id.tolist()} == {1}, why


def test_uneven_frames_do_not_lose_a_fast_object() -> None:
    at = [0, 0.2, 0.4, 0.6, 1.2, 1.3, 2.0, 2.1]  # detections dropped by a busy lane
    steps = run(new_tracker(), [(t, [box(20 + 150 * t, 100, 40, 30)]) for t in at])
    assert {i for s in steps for i in s.track_id.tolist()} == {1}


def test_two_objects_that_cross_keep_their_ids() -> None:
    def frame(t: float) -> list[Row]:
        return [box(100 + 100 * t, 150, 40, 80), box(500 - 100 * t, 160, 40, 80)]

    steps = run(new_tracker(), [(t, frame(t)) for t in seconds(0, 4)])
    assert ids(steps[-1]) == [1, 2]
    centre = (steps[-1].xyxy[:, 0] + steps[-1].xyxy[:, 2]) / 2
    assert centre.tolist() == pytest.approx([100 + 380, 500 - 380])


def test_a_weak_detection_carries_a_track_on_but_begins_none() -> None:
    hidden = [(t, [box(100 + 50 * t, 100, 40, 80, score=0.2)]) for t in seconds(1, 4)]
    seen = [(t, [box(100 + 50 * t, 100, 40, 80)]) for t in seconds(0, 1)]
    tracker = new_tracker(score_threshold=0.4, coast_s=1.0)
    steps = run(tracker, [*seen, *hidden])
    assert ids(steps[-1]) == [1]
    assert steps[-1].last_pts_ns.tolist() == [3_800_000_000]
    assert not any(len(s.track_id) for s in run(new_tracker(0.4), hidden))


def test_a_strong_detection_wins_over_a_weak_one_at_the_same_place() -> None:
    seen = [(t, [box(100, 100, 40, 80)]) for t in seconds(0, 1)]
    both = (1.0, [box(104, 100, 40, 80, score=0.7), box(100, 100, 40, 80, score=0.2)])
    last = run(new_tracker(0.4), [*seen, both])[-1]
    assert last.det_row.tolist() == [0]
    assert last.score.tolist() == pytest.approx([0.7])


def test_the_threshold_may_differ_by_class() -> None:
    thresholds = np.array([0.9, 0.3, 0.3, 0.3], np.float32)
    tracker = Tracker(settings=TrackingSettings(), groups=GROUPS, score_threshold=thresholds)
    rows = [box(100, 100, 40, 80, 0.5, PERSON), box(300, 100, 80, 40, 0.5, CAR)]
    assert run(tracker, [(0, rows)])[0].class_id.tolist() == [CAR]


def test_a_person_never_takes_over_a_vehicle() -> None:
    seen = [(t, [box(100, 100, 60, 60, class_id=CAR)]) for t in seconds(0, 1)]
    person = [(t, [box(100, 100, 60, 60, class_id=PERSON)]) for t in seconds(1, 2)]
    last = run(new_tracker(coast_s=2), [*seen, *person])[-1]
    assert dict(zip(last.track_id.tolist(), last.class_id.tolist(), strict=True)) == {
        1: CAR,
        2: PERSON,
    }
    assert last.det_row.tolist() == [-1, 0]


def test_the_subclass_is_a_vote_that_a_single_mistake_does_not_turn() -> None:
    seen: list[int] = [CAR, CAR, TRUCK, CAR, CAR, TRUCK, TRUCK, CAR]
    steps = run(
        new_tracker(), [(0.2 * k, [box(100, 100, 60, 40, class_id=c)]) for k, c in enumerate(seen)]
    )
    assert {s.class_id.tolist()[0] for s in steps} == {CAR}


def test_the_vote_follows_what_is_seen_for_longer() -> None:
    seen = [BUS] * 4 + [TRUCK] * 12
    steps = run(
        new_tracker(), [(0.2 * k, [box(100, 100, 60, 40, class_id=c)]) for k, c in enumerate(seen)]
    )
    classes = [s.class_id.tolist()[0] for s in steps]
    assert classes[0] == BUS
    assert classes[-1] == TRUCK
    assert sum(a != b for a, b in pairwise(classes)) == 1


def test_a_detector_in_two_minds_does_not_flip_the_class_each_frame() -> None:
    steps = run(
        new_tracker(),
        [(0.2 * k, [box(100, 100, 60, 40, class_id=(CAR, TRUCK)[k % 2])]) for k in range(30)],
    )
    classes = [s.class_id.tolist()[0] for s in steps]
    assert sum(a != b for a, b in pairwise(classes)) <= 1


def test_an_unmatched_track_coasts_and_is_given_up_after_coast_s() -> None:
    seen = [(t, [box(100 + 50 * t, 100, 40, 80)]) for t in seconds(0, 1)]
    steps = run(new_tracker(coast_s=1.0), [*seen, *((t, []) for t in seconds(1, 3))])
    coasting = steps[7]  # pts 1.4
    assert coasting.det_row.tolist() == [-1]
    assert coasting.last_pts_ns.tolist() == [800_000_000]
    assert (coasting.xyxy[0, 0] + coasting.xyxy[0, 2]) / 2 == pytest.approx(170, abs=5)
    gone = [(s.ref.pts_ns, s.removed_id.tolist()) for s in steps if len(s.removed_id)]
    assert gone == [(2_000_000_000, [1])]


def test_a_track_found_again_while_coasting_keeps_its_id() -> None:
    seen = [(t, [box(100 + 50 * t, 100, 40, 80)]) for t in seconds(0, 1)]
    hidden = [(t, []) for t in seconds(1, 2)]
    again = [(t, [box(100 + 50 * t, 100, 40, 80)]) for t in seconds(2, 3)]
    assert ids(run(new_tracker(coast_s=2.0), [*seen, *hidden, *again])[-1]) == [1]


def test_a_change_of_the_pictures_size_keeps_the_ids() -> None:
    tracker = new_tracker()
    for k in range(5):
        small = frame_ref(0.2 * k, wh=(640, 360))
        tracker.step(detections(small, [box(100 + 20 * k, 100, 40, 80), box(400, 200, 60, 40)]))
    large = frame_ref(1.0, wh=(1280, 720))
    rows = [box(400, 200, 80, 160), box(800, 400, 120, 80)]
    step = tracker.step(detections(large, rows))
    assert ids(step) == [1, 2]
    assert (step.det_row >= 0).all()


def test_clear_drops_all_and_no_id_comes_back() -> None:
    tracker = new_tracker()
    run(tracker, [(t, [box(100, 100, 40, 80), box(300, 100, 40, 80)]) for t in seconds(0, 1)])
    assert tracker.clear().tolist() == [1, 2]
    assert tracker.clear().tolist() == []
    steps = run(tracker, [(t, [box(100, 100, 40, 80)]) for t in seconds(1, 2)])
    assert ids(steps[-1]) == [3]


def test_two_trackers_do_not_share_ids() -> None:
    frames = [(t, [box(100, 100, 40, 80)]) for t in seconds(0, 1)]
    assert ids(run(new_tracker(), frames)[-1]) == ids(run(new_tracker(), frames)[-1]) == [1]


def test_what_a_step_returned_is_not_changed_by_later_steps() -> None:
    tracker = new_tracker()
    first = run(tracker, [(0, [box(100, 100, 40, 80)])])[0]
    before = {name: getattr(first, name).copy() for name in first.__slots__ if name != "ref"}
    run(tracker, [(t, [box(100 + 40 * t, 100, 40, 80)]) for t in seconds(0.2, 2)])
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(first, name), value, err_msg=name)


similarities = st.integers(1, 5).flatmap(
    lambda t: st.integers(1, 5).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 20).map(lambda v: v / 20), min_size=n, max_size=n),
            min_size=t,
            max_size=t,
        )
    )
)


@given(similarities, st.sampled_from([0.125, 0.33, 0.5]))
@settings(max_examples=150, deadline=None)
def test_assign_finds_the_greatest_total_gain(rows: list[list[float]], least: float) -> None:
    similarity = np.array(rows, np.float32)

    def best(row: int, free: frozenset[int]) -> float:
        """Try everything."""
        if row == len(similarity):
            return 0.0
        without = best(row + 1, free)
        takes = [
            float(similarity[row, c]) - least + best(row + 1, free - {c})
            for c in free
            if similarity[row, c] > least
        ]
        return max([without, *takes])

    track, detection = assign(similarity, least)
    assert len(set(track.tolist())) == len(track)
    assert len(set(detection.tolist())) == len(detection)
    assert (similarity[track, detection] > least).all()
    total = float((similarity[track, detection] - least).sum())
    assert total == pytest.approx(best(0, frozenset(range(similarity.shape[1]))), abs=1e-5)


steps_of_boxes = st.lists(
    st.tuples(
        st.sampled_from([0.04, 0.2, 0.5, 3.0]),
        st.lists(
            st.builds(
                box,
                st.integers(0, 640),
                st.integers(0, 360),
                st.sampled_from([1, 20, 60]),
                st.sampled_from([1, 40, 90]),
                st.sampled_from([0.1, 0.35, 0.6, 0.9]),
                st.integers(0, 3),
            ),
            max_size=6,
        ),
    ),
    max_size=25,
)


@given(steps_of_boxes, st.integers(0, 25))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_ids_are_used_once_and_rows_fit(
    steps: list[tuple[float, list[Row]]], lose_at: int
) -> None:
    tracker = new_tracker(stationary_after_s=1.0)
    pts_s, alive, dead = 0.0, set[int](), set[int]()
    for k, (gap, rows) in enumerate(steps):
        pts_s += gap
        if k == lose_at:
            lost = set(tracker.lose_moving().tolist())
            assert lost <= alive
            alive, dead = alive - lost, dead | lost
        found = detections(frame_ref(pts_s), rows)
        tracks = tracker.step(found)
        now, removed = tracks.track_id.tolist(), set(tracks.removed_id.tolist())
        assert now == sorted(set(now))
        assert removed == alive - set(now)
        assert not set(now) & (dead | removed)
        taken = tracks.det_row[tracks.det_row >= 0]
        assert len(set(taken.tolist())) == len(taken)
        matched = tracks.det_row >= 0
        np.testing.assert_array_equal(tracks.xyxy[matched], found.xyxy[taken])
        assert (tracks.last_pts_ns[matched] == found.ref.pts_ns).all()
        assert np.isfinite(tracks.xyxy).all()
        assert not (tracks.stationary & ~tracks.confirmed).any()
        alive, dead = set(now), dead | removed


@given(steps_of_boxes)
@settings(max_examples=30, deadline=None)
def test_equal_detections_give_equal_tracks(steps: list[tuple[float, list[Row]]]) -> None:
    frames = [(float(k), rows) for k, (_, rows) in enumerate(steps)]
    once, again = run(new_tracker(), frames), run(new_tracker(), frames)
    for a, b in zip(once, again, strict=True):
        for name in a.__slots__:
            if name != "ref":
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
