"""The towns that the scripts play in."""

from dataclasses import replace

import numpy as np

from edge_agent.scenes.stage import Cast
from edge_agent.scenes.town import (
    Floor,
    House,
    Road,
    Town,
    Tree,
    is_clear,
    line_houses,
    line_lamps,
    line_trees,
)
from edge_agent.scenes.view import Pose
from edge_agent.types import Point

STREET_M = 9.0  # two lanes and a row of parked cars on either side


def _seed(cast: Cast) -> int:
    """Return a number for the town, of the scene's side of the split."""
    return int(cast.rng.integers(200)) * 5 + (4 if cast.scene.held_out else 0)


def _posts(cast: Cast, roads: tuple[Road, ...], count: int) -> tuple[Point, ...]:
    """Return places on the kerbs for bollards, bins and signs."""
    found = []
    for _ in range(count):
        road = roads[int(cast.rng.integers(len(roads)))]
        side = 1 if cast.rng.random() < 0.5 else -1
        point = road.at(cast.rng.uniform(90, 170), side * (road.width / 2 + 0.6))
        if all(o is road or o.distance(*point) > o.width / 2 + 1 for o in roads):
            found.append(point)
    return tuple(found)


def crossing_town(cast: Cast, *, tall: bool = True, gap: float = 3.0) -> Town:
    """Return two streets that cross at the origin, along x and y, built up on all sides."""
    roads = (
        Road((-130, 0), (130, 0), STREET_M, pavement=4.0),
        Road((0, -130), (0, 130), STREET_M, pavement=4.0),
    )
    seed, rng = _seed(cast), cast.rng
    houses = line_houses(roads, rng, held_out=cast.scene.held_out, tall=tall, gap=gap)
    return Town(
        Floor.PAVED, seed, roads, houses, line_trees(roads, rng, every=14), line_lamps(roads),
        _posts(cast, roads, 14),
    )  # fmt: skip


def road_town(cast: Cast, *, width: float, lanes: int, gantry_at: float | None = None) -> Town:
    """Return one wide road along x with grass verges and low houses set back."""
    road = Road((-130, 0), (130, 0), width, lanes, pavement=2.0)
    wide = Road((-130, 0), (130, 0), width + 16, lanes, pavement=2.0)
    seed, rng = _seed(cast), cast.rng
    houses = line_houses((wide,), rng, held_out=cast.scene.held_out, tall=False, gap=14)
    side = width / 2 + 1.2
    gantry = None if gantry_at is None else ((gantry_at, -side), (gantry_at, side))
    return Town(
        Floor.GRASS, seed, (road,), houses, line_trees((road,), rng, every=11),
        line_lamps((road,), every=30), _posts(cast, (road,), 6), gantry=gantry,
    )  # fmt: skip


def square_town(cast: Cast, *, half: float) -> Town:
    """Return a paved square about the origin with houses around it and a street on two sides."""
    out = half + 8
    roads = (
        Road((-130, -out), (130, -out), STREET_M, pavement=4.0),
        Road((out, -130), (out, 130), STREET_M, pavement=4.0),
    )
    seed, rng = _seed(cast), cast.rng
    houses = [
        house
        for house in line_houses(roads, rng, held_out=cast.scene.held_out, tall=True, gap=2)
        if max(abs(house.x) - house.length / 2, abs(house.y) - house.depth / 2) > half
    ]
    trees = []
    for _ in range(14):
        x, y = rng.uniform(-half, half, 2)
        if max(abs(x), abs(y)) > half * 0.55:
            trees.append(Tree(float(x), float(y), rng.uniform(5, 8), int(rng.integers(1000))))
    lamps = tuple((x * half * 0.6, y * half * 0.6) for x in (-1, 1) for y in (-1, 1))
    return Town(
        Floor.PAVED, seed, roads, tuple(houses), tuple(trees), lamps + line_lamps(roads),
        tuple((float(x), float(y)) for x, y in rng.uniform(-half, half, (10, 2))),
    )  # fmt: skip


def country_town(cast: Cast) -> Town:
    """Return a narrow road through fields, a lane to a farm, trees and few houses."""
    roads = (
        Road((-130, 0), (130, 0), 6.5, pavement=0.0),
        Road((20, 0), (20, 130), 4.0, 1, pavement=0.0),
    )
    seed, rng = _seed(cast), cast.rng
    trees = []
    for _ in range(90):
        x, y = rng.uniform(-120, 120, 2)
        if is_clear(roads, x, y, 2.5) and np.hypot(x - 32, y - 22) > 16:
            trees.append(Tree(float(x), float(y), rng.uniform(3.5, 9), int(rng.integers(1000))))
    fives = [int(rng.integers(40)) * 5 + (4 if cast.scene.held_out else 1) for _ in range(3)]
    houses = (
        House(32, 24, 14, 9, 1, fives[0], True),
        House(34, 42, 10, 8, 2, fives[1], True),
        House(-45, -20, 12, 9, 1, fives[2], True),
    )
    return Town(Floor.FIELDS, seed, roads, houses, tuple(trees), ((18, -5), (-20, -5)))


def yard_town(cast: Cast, radii: tuple[float, ...]) -> Town:
    """Return a yard on grass, fenced by squares of these half widths around the origin."""
    seed = _seed(cast)
    rings = tuple(ring_of(radius) for radius in radii)
    number = 9 if cast.scene.held_out else 7
    hut = House(-1.5, 0, 3.0, 3.0, 1, number, True)
    roads = (Road((-130, -radii[0] - 14), (130, -radii[0] - 14), 6.5, pavement=0.0),)
    trees = tuple(
        Tree(float(x), float(y), 6.0, i) for i, (x, y) in enumerate(((-26, 22), (25, 24), (-30, 0)))
    )
    lamps = ((radii[-1] + 2, radii[-1] + 2),)
    return Town(Floor.GRASS, seed, roads, (hut,), trees, lamps, rings=rings)


def clear_view(town: Town, pose: Pose, metres: float) -> Town:
    """Return the town without the trees and posts that stand close before a camera."""

    def is_off(x: float, y: float) -> bool:
        return bool(np.hypot(x - pose.x, y - pose.y) > metres)

    return replace(
        town,
        trees=tuple(tree for tree in town.trees if is_off(tree.x, tree.y)),
        posts=tuple(post for post in town.posts if is_off(*post)),
        lamps=tuple(lamp for lamp in town.lamps if is_off(*lamp)),
    )


def ring_of(half: float) -> tuple[Point, ...]:
    """Return the corners of a square about the origin."""
    return ((-half, -half), (half, -half), (half, half), (-half, half))
