"""What comes straight at the camera, or leaves it, keeps its id though its box changes fast."""

from itertools import pairwise

import numpy as np
import pytest

from tests.mot_support import CAR, Row, new_tracker, run, seconds

W, H = 640, 360
#: In parts of the picture's height, one second apart.
FAR, NEAR = 0.05, 0.40
BEFORE_S = 2.0  # it is seen before it is FAR

Frames = list[tuple[float, list[Row]]]


def passing(fps: float, side: float, down: float, phase_s: float = 0.0) -> Frames:
    """Return a vehicle that comes at an even speed until the picture's edge hides most of it.

    Its distance is 1 when it is FAR tall, a second later FAR / NEAR. `side` and `down` are how
    far its foot is beside and below the vanishing point, in its own heights.
    """
    out: Frames = []
    for k in range(round(4 * fps)):
        pts_s = k / fps
        distance = 1 - (1 - FAR / NEAR) * (pts_s + phase_s - BEFORE_S)
        if distance <= 0:
            break
        tall = FAR * H / distance
        x, y = W / 2 + side * tall, 0.35 * H + down * tall
        left, right = max(x - 0.6 * tall, 0.0), min(x + 0.6 * tall, float(W))
        top, foot = max(y - tall, 0.0), min(y, float(H))
        if (right - left) * (foot - top) < 0.3 * 1.2 * tall**2:
            break
        out.append((pts_s, [(left, top, right, foot, 0.8, CAR)]))
    return out


def heights(frames: Frames) -> list[float]:
    return [rows[0][3] - rows[0][1] for _, rows in frames]


@pytest.mark.parametrize("fps", [5, 10, 25])
@pytest.mark.parametrize(("side", "down"), [(-0.3, 0.6), (-0.8, 1.0), (1.5, 1.0)])
@pytest.mark.parametrize("phase_s", [0.0, 0.05])
def test_a_vehicle_that_passes_close_and_fast_is_one_track(
    fps: float, side: float, down: float, phase_s: float
) -> None:
    frames = passing(fps, side, down, phase_s)
    assert heights(frames)[0] < FAR / 2 * H  # from far away …
    assert max(heights(frames)) > 0.3 * H  # … to close by
    if fps == 5:
        assert max(b / a for a, b in pairwise(heights(frames))) > 1.5  # in one frame
    steps = run(new_tracker(), frames)
    assert {i for s in steps for i in s.track_id.tolist()} == {1}
    assert steps[-1].det_row.tolist() == [0]


@pytest.mark.parametrize(("side", "down"), [(-0.8, 1.0), (-2.0, 1.2)])
def test_a_vehicle_that_drives_away_from_close_by_is_one_track(side: float, down: float) -> None:
    there = passing(10, side, down, phase_s=0.05)
    away = [(pts_s, rows) for (pts_s, _), (_, rows) in zip(there, reversed(there), strict=True)]
    assert {i for s in run(new_tracker(), away) for i in s.track_id.tolist()} == {1}


def test_a_box_is_predicted_where_the_way_through_the_world_leads() -> None:
    """One frame is missing: the predicted box grows as what came nearer would have."""
    frames = passing(25, -0.8, 1.0)
    missing = next(k for k, tall in enumerate(heights(frames)) if tall > 0.15 * H)
    frames[missing], true = (frames[missing][0], []), frames[missing][1][0]
    step = run(new_tracker(), frames[: missing + 1])[-1]
    assert step.det_row.tolist() == [-1]
    centre = (step.xyxy[0, :2] + step.xyxy[0, 2:]) / 2
    true_centre = (np.array(true[:2]) + true[2:4]) / 2
    assert np.abs(centre - true_centre).max() < 0.12 * (true[3] - true[1])


def test_what_comes_nearer_and_is_hidden_does_not_swell_over_the_picture() -> None:
    """Its speed in the picture stays what it was, also over a minute at 25 frames a second."""
    seen = [(t, rows) for t, rows in passing(25, -0.8, 1.0) if rows[0][3] - rows[0][1] < 0.1 * H]
    hidden: Frames = [(seen[-1][0] + t, []) for t in seconds(0.04, 59, 25)]
    steps = run(new_tracker(coast_s=60), [*seen, *hidden])
    tall = [float(s.xyxy[0, 3] - s.xyxy[0, 1]) for s in steps[len(seen) :]]
    assert np.isfinite(tall).all()
    grown = np.diff(tall)[5:]  # at the first step it was still seen
    assert grown == pytest.approx(np.full(len(grown), grown[0]), rel=1e-2)
