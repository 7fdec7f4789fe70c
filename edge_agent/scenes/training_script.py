"""One scene that is a different place, camera, crowd and traffic for every seed."""

import numpy as np

from edge_agent.scenes.casting import linger, park, stroll, traffic
from edge_agent.scenes.stage import Cast, Rig, Scene, Stage
from edge_agent.scenes.town import Road, Town
from edge_agent.scenes.towns import clear_view, country_town, crossing_town, road_town, square_town
from edge_agent.scenes.view import Pose


def play_anywhere(scene: Scene, cast: Cast) -> Stage:
    """Draw a town, fill it, and look at a busy spot from a height between 2.5 and 45 m."""
    rng = cast.rng
    town = _town(cast)
    spot = _busy_spot(town, rng)
    for road in town.roads:
        _fill_road(cast, road)
    for _ in range(int(rng.integers(1, 6))):
        a = np.array(spot) + rng.normal(0, 14, 2)
        b = np.array(spot) + rng.normal(0, 14, 2)
        if min(town_gap(town, a), town_gap(town, b)) > 0.5:
            stroll(cast, (float(a[0]), float(a[1])), (float(b[0]), float(b[1])), 6, spread=1.5)
    if town_gap(town, np.array(spot)) > 3:
        linger(cast, spot, float(rng.integers(0, 6)))
    rig = _rig(scene, town, spot, rng)
    return Stage(clear_view(town, rig.pose, 7), tuple(cast.actors), rig)


def _town(cast: Cast) -> Town:
    kind = cast.rng.choice(4, p=(0.4, 0.25, 0.2, 0.15))
    if kind == 0:
        return crossing_town(cast, tall=bool(cast.rng.random() < 0.6), gap=cast.rng.uniform(1, 14))
    if kind == 1:
        lanes = int(cast.rng.integers(2, 5))
        return road_town(cast, width=3.6 * lanes, lanes=lanes)
    if kind == 2:
        return square_town(cast, half=cast.rng.uniform(18, 34))
    return country_town(cast)


def _busy_spot(town: Town, rng: np.random.Generator) -> tuple[float, float]:
    road = town.roads[int(rng.integers(len(town.roads)))]
    reach = float(np.hypot(*np.subtract(road.end, road.start)))
    side = rng.choice([-1, 0, 1])
    x, y = road.at(rng.uniform(0.38, 0.62) * reach, side * (road.width / 2 + 2))
    return float(x), float(y)


def town_gap(town: Town, at: np.ndarray) -> float:
    """Return how far a point lies outside all houses, m; negative inside one."""
    gaps = [
        max(abs(at[0] - h.x) - h.length / 2, abs(at[1] - h.y) - h.depth / 2) for h in town.houses
    ]
    return float(min(gaps, default=99.0))


def _fill_road(cast: Cast, road: Road) -> None:
    rng = cast.rng
    offset = road.width / 2 - road.width / road.lanes / 2 if road.lanes != 2 else 1.7
    if rng.random() < 0.85:
        traffic(cast, road, -offset, rng.uniform(5, 14), rng.uniform(2, 9))
    if rng.random() < 0.7 and road.lanes > 1:
        traffic(cast, road, offset, rng.uniform(5, 14), rng.uniform(2, 9), back=True)
    for left in (road.width / 2 - 0.95, -road.width / 2 + 0.95):
        if road.lanes == 2 and road.width > 8.5 and rng.random() < 0.7:
            park(cast, road, left, 70, 190, odds=rng.uniform(0.3, 0.95))
    reach = float(np.hypot(*np.subtract(road.end, road.start)))
    for side in (1, -1):
        out = side * (road.width / 2 + max(road.pavement * 0.6, 1.0))
        a, b = road.at(0.3 * reach, out), road.at(0.7 * reach, out)
        stroll(cast, a, b, float(rng.integers(0, 16)), spread=0.5)


def _rig(scene: Scene, town: Town, spot: tuple[float, float], rng: np.random.Generator) -> Rig:
    """Return a camera that looks at the spot from outside all houses."""
    while True:
        height = float(np.exp(rng.uniform(np.log(2.6), np.log(45)))) * scene.camera_height
        away = max(5.0, height * rng.uniform(0.8, 3.0))
        angle = rng.uniform(0, 2 * np.pi)
        x, y = spot[0] + away * np.cos(angle), spot[1] + away * np.sin(angle)
        tops = [h.height + 5 for h in town.houses if town_gap(Town(town.floor, 0, houses=(h,)),
                np.array([x, y])) < 1.0]  # fmt: skip
        height = max([height, *tops])
        if all((x - t.x) ** 2 + (y - t.y) ** 2 > 16 for t in town.trees) and height < 60:
            break
    pitch = -float(np.degrees(np.arctan2(height - 1, away))) + rng.uniform(-4, 6)
    yaw = float(np.degrees(angle)) + 180 + rng.uniform(-12, 12)
    roll = rng.normal(0, 1.0)
    return Rig(Pose(float(x), float(y), height, yaw, max(pitch, -88), roll, rng.uniform(38, 85)))
