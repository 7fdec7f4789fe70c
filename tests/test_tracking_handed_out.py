"""What a tracker has handed out never changes: rules and the journal keep it."""

from dataclasses import fields

import numpy as np

from edge_agent.types import Tracks
from tests.mot_support import BUS, CAR, PERSON, box, detections, frame_ref, new_tracker


def arrays(tracks: Tracks) -> dict[str, np.ndarray]:
    named = {field.name: getattr(tracks, field.name) for field in fields(tracks)}
    return {name: value for name, value in named.items() if isinstance(value, np.ndarray)}


def test_later_steps_do_not_write_into_earlier_tracks() -> None:
    rng = np.random.default_rng(3)
    tracker = new_tracker(confirm_hits=2, stationary_after_s=1.0)
    kept = []
    for k in range(120):
        # A parked car whose class wavers, walkers that come and go, and a picture that grows.
        rows = [box(100, 100, 60, 40, class_id=int(rng.choice([CAR, BUS])))]
        rows += [
            box(
                30 * i + 4 * k % 500,
                200,
                20,
                50,
                score=float(rng.uniform(0.2, 0.9)),
                class_id=PERSON,
            )
            for i in range(int(rng.integers(0, 5)))
        ]
        if k == 70:
            tracker.lose_moving()
        ref = frame_ref(k * 0.2, wh=(640, 360) if k < 60 else (1280, 720))
        tracks = tracker.step(detections(ref, rows))
        kept.append((tracks, {name: value.copy() for name, value in arrays(tracks).items()}))
    assert any(tracks.stationary.any() for tracks, _ in kept)
    assert len({len(tracks.track_id) for tracks, _ in kept}) > 2
    for tracks, copies in kept:
        for name, value in arrays(tracks).items():
            np.testing.assert_array_equal(value, copies[name], err_msg=name)
