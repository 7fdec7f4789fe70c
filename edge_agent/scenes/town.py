"""The plan of a town: where roads, houses, trees and lamps stand, as plain data in metres."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from edge_agent.scenes.vehicles import pick_number
from edge_agent.types import FloatArray, Point

HALF_M = 130.0  # the painted ground reaches this far from the origin


class Floor(StrEnum):
    """What the ground is where no road lies."""

    PAVED = "paved"
    GRASS = "grass"
    FIELDS = "fields"


@dataclass(frozen=True, slots=True)
class Road:
    start: Point
    end: Point
    width: float
    lanes: int = 2
    pavement: float = 3.5  # width on either side, 0 = none

    @property
    def along(self) -> FloatArray:
        """The unit vector from start to end."""
        way = np.subtract(self.end, self.start)
        unit: FloatArray = (way / np.linalg.norm(way)).astype(np.float32)
        return unit

    def at(self, ahead: float, left: float) -> Point:
        """Return the point `ahead` metres from the start and `left` of the middle line."""
        x, y = np.asarray(self.start) + self.along * ahead
        dx, dy = self.along
        return float(x - dy * left), float(y + dx * left)

    def distance(self, x: float, y: float) -> float:
        """Return how far a point lies from the middle line, which is taken as endless."""
        dx, dy = self.along
        return float(abs((x - self.start[0]) * -dy + (y - self.start[1]) * dx))


@dataclass(frozen=True, slots=True)
class House:
    x: float
    y: float
    length: float  # along x
    depth: float  # along y
    storeys: int
    number: int  # which building; the split of `is_held_out` applies
    gable: bool = False

    @property
    def height(self) -> float:
        return 3.2 * self.storeys + 0.8


@dataclass(frozen=True, slots=True)
class Tree:
    x: float
    y: float
    height: float
    number: int


@dataclass(frozen=True, slots=True)
class Town:
    """Everything that never moves."""

    floor: Floor
    seed: int
    roads: tuple[Road, ...] = ()
    houses: tuple[House, ...] = ()
    trees: tuple[Tree, ...] = ()
    lamps: tuple[Point, ...] = ()
    posts: tuple[Point, ...] = ()  # bins, bollards, signs: what a poor detector calls a person
    gantry: tuple[Point, Point] | None = None  # a portal over the road, at a checkpoint
    rings: tuple[tuple[Point, ...], ...] = field(default=())  # low fences around a yard


def is_clear(town_roads: tuple[Road, ...], x: float, y: float, margin: float) -> bool:
    """Return whether a point lies `margin` metres outside all roads and their pavements."""
    return all(r.distance(x, y) > r.width / 2 + r.pavement + margin for r in town_roads)


def line_houses(
    roads: tuple[Road, ...], rng: np.random.Generator, *, held_out: bool, tall: bool, gap: float
) -> tuple[House, ...]:
    """Return houses along both sides of every road that runs with the axes."""
    houses: list[House] = []
    for road in roads:
        east_west = abs(road.along[0]) > 0.5
        reach = float(np.hypot(*np.subtract(road.end, road.start)))
        for side in (1, -1):
            ahead = 6.0
            while ahead < reach - 12:
                front, depth = rng.uniform(10, 24), rng.uniform(9, 14)
                back = side * (road.width / 2 + road.pavement + 0.8 + depth / 2)
                x, y = road.at(ahead + front / 2, back)
                length, deep = (front, depth) if east_west else (depth, front)
                ahead += front + rng.uniform(0, gap)
                if not _fits(x, y, length, deep, roads, houses):
                    continue
                storeys = int(rng.integers(3, 8)) if tall else int(rng.integers(1, 4))
                number = pick_number(rng, held_out, 200)
                gable = storeys < 3 and rng.random() < 0.7
                houses.append(House(x, y, length, deep, storeys, number, gable))
    return tuple(houses)


def _fits(
    x: float, y: float, length: float, depth: float, roads: tuple[Road, ...], houses: list[House]
) -> bool:
    """Return whether a house would stand clear of roads and other houses."""
    if max(abs(x) + length / 2, abs(y) + depth / 2) > HALF_M - 2:
        return False
    for road in roads:
        across = length / 2 if abs(road.along[0]) < 0.5 else depth / 2
        if road.distance(x, y) - across < road.width / 2 + road.pavement:
            return False
    return all(
        abs(x - o.x) > (length + o.length) / 2 + 0.2 or abs(y - o.y) > (depth + o.depth) / 2 + 0.2
        for o in houses
    )


def line_trees(
    roads: tuple[Road, ...], rng: np.random.Generator, *, every: float
) -> tuple[Tree, ...]:
    """Return trees along the kerbs, with gaps."""
    trees = []
    for road in roads:
        reach = float(np.hypot(*np.subtract(road.end, road.start)))
        for side in (1, -1):
            for ahead in np.arange(rng.uniform(3, every), reach, every):
                out = side * (road.width / 2 + max(1.0, road.pavement * 0.25))
                x, y = road.at(float(ahead + rng.uniform(-2, 2)), out)
                others = tuple(other for other in roads if other is not road)
                if rng.random() < 0.65 and is_clear(others, x, y, 2):
                    trees.append(Tree(x, y, rng.uniform(4.5, 8), int(rng.integers(1000))))
    return tuple(trees)


def line_lamps(roads: tuple[Road, ...], *, every: float = 24.0) -> tuple[Point, ...]:
    """Return street lamps along one side of every road."""
    lamps = []
    for road in roads:
        reach = float(np.hypot(*np.subtract(road.end, road.start)))
        for ahead in np.arange(10.0, reach, every):
            point = road.at(float(ahead), road.width / 2 + 0.7)
            if all(o is road or o.distance(*point) > o.width / 2 + 0.5 for o in roads):
                lamps.append(point)
    return tuple(lamps)
