"""The four scenes of the demo, one for each sensing layer."""

from edge_agent.scenes.casting import linger, park, queue, stroll, traffic, walk
from edge_agent.scenes.motion import follow, stay
from edge_agent.scenes.stage import Cast, Gate, Rig, Scene, Stage
from edge_agent.scenes.towns import (
    clear_view,
    country_town,
    crossing_town,
    road_town,
    square_town,
)
from edge_agent.scenes.view import Pose


def play_street_corner(scene: Scene, cast: Cast) -> Stage:
    """Persons on the pavements and the zebra of a corner, traffic behind them."""
    town = crossing_town(cast)
    along, across = town.roads
    stroll(cast, (-40, 6.6), (40, 6.6), 10, spread=0.6)
    stroll(cast, (6.6, -40), (6.6, 40), 8, spread=0.6)
    stroll(cast, (-20, -6.2), (40, -6.2), 20, spread=0.7)
    for _ in range(cast.times(18)):
        x = 8.0 + cast.rng.normal(0, 0.6)
        path = [(x, -7.0), (x, 6.5), (x + cast.rng.uniform(-15, 15), 7.0)]
        if cast.rng.random() < 0.5:
            path.reverse()
        walk(cast, path, start_s=cast.rng.uniform(-6, 50))
    linger(cast, (8.5, 7.0), 3)
    traffic(cast, along, -1.7, 7.5, 7.0)
    traffic(cast, along, 1.7, 7.0, 8.0, back=True)
    queue(cast, across, -1.7, 118, 3, start_s=2.0, hold_s=9.0)
    for left in (3.55, -3.55):
        park(cast, along, left, 146, 200, odds=0.7)
    rig = Rig(Pose(-4.6, -7.6, 3.7 * scene.camera_height, 24, -12, 0, 64))
    return Stage(clear_view(town, rig.pose, 14), tuple(cast.actors), rig)


def play_checkpoint(scene: Scene, cast: Cast) -> Stage:
    """A road of three lanes, seen from a portal; the gate is a line across it."""
    town = road_town(cast, width=11.0, lanes=3, gantry_at=-24.4)
    (road,) = town.roads
    for left, speed in ((3.6, 12.0), (0.0, 14.0)):
        traffic(cast, road, left, speed, 1.8, back=True)
    traffic(cast, road, -3.6, 12.0, 2.5)
    stroll(cast, (-20, 6.8), (40, 6.8), 14, spread=0.25)
    stroll(cast, (-20, -6.8), (40, -6.8), 8, spread=0.25)
    linger(cast, (-3.5, 7.4), 2, spread=0.6)
    rig = Rig(Pose(-24, 0.6, 6.4 * scene.camera_height, 1, -12.5, 0, 52))
    return Stage(
        clear_view(town, rig.pose, 14),
        tuple(cast.actors),
        rig,
        (Gate("gate", ((-4, 5.5), (-4, -5.5))),),
    )


def play_square(scene: Scene, cast: Cast) -> Stage:
    """A square with many small persons and vans that deliver, streets with traffic behind it."""
    town = square_town(cast, half=24)
    south, east = town.roads
    for _ in range(11):
        ends = cast.rng.uniform(-23, 23, (2, 2))
        ends[:, 0 if cast.rng.random() < 0.5 else 1] *= 1.1
        (ax, ay), (bx, by) = ends.tolist()
        stroll(cast, (ax, ay), (bx, by), 4, spread=1.5)
    for _ in range(6):
        x, y = cast.rng.uniform(-18, 18, 2).tolist()
        linger(cast, (x, y), float(cast.rng.integers(2, 6)))
    for road in (south, east):
        traffic(cast, road, -1.7, 8.0, 5.0)
        traffic(cast, road, 1.7, 8.0, 6.0, back=True)
        park(cast, road, 3.55, 85, 170, odds=0.7)
    cast.vehicle("van", stay(4.0, -3.0, 0.5))
    for start_s, way in ((1.0, 1), (14.0, -1), (38.0, 1)):
        across = [(-30.0, -4.0), (-6.0, -11.0), (30.0, -8.0)][::way]
        cast.vehicle("van", follow(across, 4.0, start_s=start_s))
    rig = Rig(Pose(-22, 22, 12 * scene.camera_height, -46, -23, 0, 60))
    return Stage(clear_view(town, rig.pose, 14), tuple(cast.actors), rig)


def play_country_uav(scene: Scene, cast: Cast) -> Stage:
    """A drone follows a country road: cars, a lorry, a tractor's pace, walkers, a farm."""
    town = country_town(cast)
    road, lane = town.roads
    traffic(cast, road, -1.6, 9.0, 3.5)
    traffic(cast, road, 1.6, 8.0, 3.5, back=True)
    stroll(cast, (-40, -4.3), (50, -4.3), 16, spread=0.3)
    stroll(cast, (20, 4), (20, 60), 4, spread=0.5)
    linger(cast, (24, 8.5), 3)
    queue(cast, lane, 0.0, 112, 1, start_s=-8.0, hold_s=20, speed=5.0, back=True)
    for x, y, heading in ((27.5, 14.5, 1.5), (31.5, 15.0, -1.62), (-8.0, 5.6, 0.04)):
        cast.vehicle("car", stay(x, y, heading))
    rig = Rig(
        Pose(-40, -16, 15 * scene.camera_height, 62, -35, 0, 62),
        velocity=(2.6, 0, 0), sway_deg=1.6,
    )  # fmt: skip
    return Stage(clear_view(town, rig.pose, 14), tuple(cast.actors), rig)
