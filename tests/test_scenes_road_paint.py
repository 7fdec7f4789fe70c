"""What is painted on the roads: there, bright, on the asphalt only, and the same each time."""

import numpy as np

from edge_agent.scenes.road_paint import PX_PER_M, paint_signs
from edge_agent.scenes.town import HALF_M, Floor, Road, Town

_SIZE = int(2 * HALF_M * PX_PER_M)
_STREET = Road((-130, 0), (130, 0), 10.8, lanes=3)


def painted(seed: int, *roads: Road) -> np.ndarray:
    canvas = np.full((_SIZE, _SIZE, 3), 0.36, np.float32)
    paint_signs(canvas, Town(Floor.PAVED, seed, roads))
    return canvas


def ink(canvas: np.ndarray) -> np.ndarray:
    """Return the metres (n, 2) of what is not asphalt."""
    rows, columns = np.nonzero(canvas[..., 0] != np.float32(0.36))
    return np.stack((columns / PX_PER_M - HALF_M, HALF_M - rows / PX_PER_M), axis=1)


def test_most_streets_get_signs_and_some_none() -> None:
    have = [bool(len(ink(painted(seed, _STREET)))) for seed in range(20)]
    assert 8 <= sum(have) <= 18


def test_signs_are_bright_and_lie_on_their_road() -> None:
    for seed in range(8):
        canvas = painted(seed, _STREET)
        places = ink(canvas)
        assert canvas.min() >= 0.35
        if len(places):
            assert canvas.max() >= 0.6
            assert np.abs(places[:, 1]).max() <= _STREET.width / 2


def test_a_junction_stays_free() -> None:
    crossing = Road((0, -130), (0, 130), 9.0)
    for seed in range(8):
        places = ink(painted(seed, _STREET, crossing))
        inside = (np.abs(places) < 6).all(axis=1)
        assert not inside.any()


def test_a_town_has_the_same_signs_each_time() -> None:
    assert (painted(3, _STREET) == painted(3, _STREET)).all()
