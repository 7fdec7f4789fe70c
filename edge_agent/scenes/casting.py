"""Who goes where: crowds on pavements, traffic in lanes, queues, parked cars."""

import numpy as np

from edge_agent.scenes.motion import follow, stay
from edge_agent.scenes.persons import Gait
from edge_agent.scenes.stage import Cast
from edge_agent.scenes.town import Road
from edge_agent.types import Point

#: Scenes are filled for this long, s; longer clips grow quiet.
FILLED_S = 60.0


def walk(
    cast: Cast, path: list[Point], *, start_s: float, speed: float | None = None, beside: int = 0
) -> None:
    """Send a person, with `beside` companions, along a path; some run."""
    rng = cast.rng
    runs = beside == 0 and speed is None and rng.random() < 0.08
    pace = speed or (rng.uniform(2.8, 3.8) if runs else rng.uniform(1.0, 1.7))
    for i in range(beside + 1):
        shift = rng.normal(0, 0.12, 2) + (0.0 if i == 0 else 1.0) * _aside(path) * 0.75 * i
        route = [(x + float(shift[0]), y + float(shift[1])) for x, y in path]
        motion = follow(route, pace, start_s=start_s + 0.3 * i)
        cast.person(motion, Gait.RUN if runs else Gait.WALK)


def _aside(path: list[Point]) -> np.ndarray:
    (ax, ay), (bx, by) = path[0], path[-1]
    way = np.array([-(by - ay), bx - ax])
    return way / max(float(np.linalg.norm(way)), 1e-6)


def stroll(cast: Cast, a: Point, b: Point, count: float, *, spread: float = 0.8) -> None:
    """Fill the way between `a` and `b` with walkers in both directions, singly and in groups."""
    rng = cast.rng
    reach = float(np.hypot(b[0] - a[0], b[1] - a[1]))
    for _ in range(cast.times(count)):
        aside = rng.normal(0, spread) * _aside([a, b])
        path = [(a[0] + aside[0], a[1] + aside[1]), (b[0] + aside[0], b[1] + aside[1])]
        if rng.random() < 0.5:
            path.reverse()
        start = rng.uniform(-reach / 1.3, FILLED_S - 5)
        companions = int(rng.choice([0, 1, 2], p=(0.7, 0.22, 0.08)))
        walk(cast, [(float(x), float(y)) for x, y in path], start_s=start, beside=companions)


def linger(cast: Cast, at: Point, count: float, *, spread: float = 1.2) -> None:
    """Stand a group of persons about a point, turned to one another."""
    rng = cast.rng
    turn = rng.uniform(0, 2 * np.pi)
    number = cast.times(count)
    for i in range(number):
        angle = turn + 2 * np.pi * i / max(number, 1) + rng.normal(0, 0.2)
        far = spread * rng.uniform(0.5, 1.0) if number > 1 else 0.0
        x, y = at[0] + far * np.cos(angle), at[1] + far * np.sin(angle)
        cast.person(stay(float(x), float(y), float(angle + np.pi)), Gait.STAND)


def traffic(
    cast: Cast, road: Road, left: float, speed: float, every_s: float, *, back: bool = False
) -> None:
    """Fill a lane, `left` of the road's middle, with vehicles of one speed; `back` is its way."""
    rng = cast.rng
    path = _lane(road, left, back=back)
    reach = float(np.hypot(*np.subtract(path[1], path[0])))
    if cast.scene.crowd <= 0:
        return
    when = -reach / speed + rng.uniform(0, every_s)
    while when < FILLED_S:
        cast.any_vehicle(follow(path, speed, start_s=float(when)))
        when += 15.0 / speed + rng.exponential(every_s / cast.scene.crowd)


def _lane(road: Road, left: float, *, back: bool) -> list[Point]:
    reach = float(np.hypot(*np.subtract(road.end, road.start)))
    path = [road.at(0, left), road.at(reach, left)]
    return path[::-1] if back else path


def queue(
    cast: Cast, road: Road, left: float, stop_at: float, count: float, *, start_s: float,
    hold_s: float, speed: float = 9.0, back: bool = False,
) -> None:  # fmt: skip
    """Send vehicles that stop in line `stop_at` metres along the lane, wait and drive on."""
    path = _lane(road, left, back=back)
    for i in range(cast.times(count)):
        stop = (stop_at - 12.5 * i, hold_s + 0.4 * i)
        cast.any_vehicle(follow(path, speed, start_s=start_s + 2.8 * i, stops=[stop]))


def park(cast: Cast, road: Road, left: float, first: float, last: float, *, odds: float) -> None:
    """Park vehicles along one kerb between two places of the road."""
    rng = cast.rng
    heading = float(np.arctan2(road.along[1], road.along[0])) + (0 if left < 0 else np.pi)
    ahead = first
    while ahead < last:
        if rng.random() < odds * min(1.0, cast.scene.crowd):
            x, y = road.at(ahead, left)
            subclass = "van" if rng.random() < 0.15 else "car"
            cast.vehicle(subclass, stay(x, y, heading + rng.normal(0, 0.015)))
        ahead += 6.4 + rng.uniform(0, 1.0)
