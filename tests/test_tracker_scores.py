"""The tracker's ids hold on a rendered street, and the scores mean what they say."""

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.geometry import iou_matrix
from edge_agent.scenes import frames, scene_named
from tests.tracker_scores.footage import PERSON, VEHICLE, Footage, Labels, rendered, thinned
from tests.tracker_scores.noise import noisy
from tests.tracker_scores.ours import track
from tests.tracker_scores.scoring import Told, score

try:
    import trackeval  # type: ignore[import-not-found]
except ImportError:
    trackeval = None

needs_trackeval = pytest.mark.skipif(trackeval is None, reason="needs trackeval from PyPI")

#: Two points and a half below what was measured, 83.6 and 64.1. Without the motion model it is 59.6
#: and 50.7; where every track reaches for its neighbour's box, 76.4 and 60.4.
FLOOR_IDF1, FLOOR_HOTA = 81.0, 61.5

BOX = (100.0, 100.0, 140.0, 180.0)
BESIDE = (300.0, 100.0, 340.0, 180.0)


@pytest.fixture(scope="module")
def street() -> Footage:
    """Give ten seconds of a street corner at 5 frames a second."""
    wh = (416, 234)
    scene = scene_named("street-corner", held_out=True, wh=wh)
    truth = [t for _, t in frames(scene, seed=11, seconds=10, fps=5)]
    return rendered("street", wh, 5.0, truth)


def two_objects(count: int = 20, counts: tuple[bool, bool] = (True, True)) -> Footage:
    """Return two persons who stand."""
    labels = Labels(
        id=np.array([7, 9], np.int64),
        group=np.full(2, PERSON, np.int32),
        xyxy=np.array([BOX, BESIDE], np.float32),
        visible=np.ones(2, np.float32),
        counts=np.array(counts),
    )
    return Footage("two", (640, 360), 5.0, (labels,) * count)


def told(ids: tuple[int, int], group: int = PERSON) -> Told:
    return Told(
        np.array(ids, np.int64), np.full(2, group, np.int32), np.array([BOX, BESIDE], np.float32)
    )


@needs_trackeval
def test_the_ids_of_a_rendered_street_hold_under_a_detectors_noise(street: Footage) -> None:
    one = score([street], [track(street, noisy(street), 0.4)])
    assert one.true_ids >= 15  # a street with something to mix up
    assert one.idf1 > FLOOR_IDF1, one
    assert one.hota > FLOOR_HOTA, one


@needs_trackeval
def test_a_tracker_that_tells_the_truth_has_all_points() -> None:
    one = score([two_objects()], [[told((1, 2))] * 20])
    assert (one.mota, one.idf1, one.hota) == pytest.approx((100, 100, 100))
    assert (one.switches, one.ids, one.true_ids) == (0, 2, 2)


@needs_trackeval
def test_ids_that_are_exchanged_half_way_cost_half_of_idf1() -> None:
    one = score([two_objects()], [[told((1, 2))] * 10 + [told((2, 1))] * 10])
    assert one.idf1 == pytest.approx(50)
    assert one.switches == 2
    assert one.mota == pytest.approx(100 * (1 - 2 / 40))


@needs_trackeval
def test_a_box_of_the_other_group_is_no_match() -> None:
    one = score([two_objects()], [[told((1, 2), VEHICLE)] * 20])
    assert one.idf1 == 0
    assert one.mota == pytest.approx(-100)  # as many false boxes as objects, all of them missed


@needs_trackeval
def test_an_object_that_is_not_asked_for_neither_counts_nor_costs() -> None:
    uncounted = two_objects(counts=(True, False))
    with_it = score([uncounted], [[told((1, 2))] * 20])
    without = score([uncounted], [[Told(*(a[:1] for a in _columns(told((1, 2)))))] * 20])
    assert with_it == without
    assert (with_it.idf1, with_it.ids, with_it.true_ids) == (pytest.approx(100), 1, 1)


@needs_trackeval
def test_ids_of_two_pieces_of_footage_have_nothing_to_do_with_each_other() -> None:
    pieces = [two_objects(), two_objects()]
    one = score(pieces, [[told((1, 2))] * 20, [told((2, 1))] * 20])
    assert (one.idf1, one.ids, one.true_ids) == (pytest.approx(100), 4, 4)


def test_noise_is_the_same_for_the_same_footage_and_another_for_another() -> None:
    first, again, other = (noisy(two_objects()), noisy(two_objects()),
                           noisy(replace(two_objects(), name="others")))  # fmt: skip
    assert all(np.array_equal(a.xyxy, b.xyxy) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a.score, b.score) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a.xyxy, b.xyxy) for a, b in zip(first, other, strict=True))


def test_noise_finds_most_of_what_is_in_view_and_nothing_of_what_is_hidden() -> None:
    clear = two_objects(400)
    hidden = tuple(replace(x, visible=np.zeros(2, np.float32)) for x in clear.frames)
    assert 0.85 < strong_hits(clear) / 800 < 0.97
    assert strong_hits(replace(clear, frames=hidden)) <= 8  # a false box may lie there


def test_thinned_footage_keeps_every_second_frame_at_half_the_rate(street: Footage) -> None:
    half = thinned(street, 2)
    assert (half.fps, half.stride, len(half.frames)) == (2.5, 2, 25)
    assert half.frames[1] is street.frames[2]


def strong_hits(footage: Footage) -> int:
    """Return how many of the objects of all frames have a strong box."""
    return sum(
        int((iou_matrix(labels.xyxy, found.xyxy[found.score >= 0.4]) > 0.5).any(axis=1).sum())
        for labels, found in zip(footage.frames, noisy(footage), strict=True)
    )


def _columns(one: Told) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return one.id, one.group, one.xyxy
