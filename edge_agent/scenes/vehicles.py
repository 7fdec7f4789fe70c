"""The fleet: numbered bodies of cars, vans, buses, trucks and motorcycles, in many paints.

Bodies whose number leaves 4 when divided by 5 are **held out**: scenes for training never
show them (`docs/scenes.md`).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge_agent.scenes.car_body import Profile, car_body
from edge_agent.scenes.heavy_bodies import bus_body, motorcycle_body, truck_body
from edge_agent.scenes.mesh import Mesh

SUBCLASSES = ("car", "van", "bus", "truck", "motorcycle")
BODIES = 40  # of each class

_PAINTS = np.array(
    [(0.86, 0.87, 0.87), (0.8, 0.8, 0.79), (0.55, 0.55, 0.54), (0.32, 0.31, 0.3),
     (0.06, 0.06, 0.06), (0.09, 0.08, 0.08), (0.38, 0.2, 0.1), (0.6, 0.35, 0.16),
     (0.12, 0.1, 0.6), (0.1, 0.08, 0.38), (0.62, 0.68, 0.72), (0.2, 0.32, 0.18),
     (0.16, 0.6, 0.8), (0.42, 0.46, 0.5)]
)  # fmt: skip
_PAINT_ODDS = np.array([5, 4, 5, 4, 4, 3, 2, 2, 2, 1, 2, 1, 0.7, 2])


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A body in its paint; `wh` is its length and width on the ground, m."""

    subclass: str
    mesh: Mesh
    length: float
    width: float
    height: float


def is_held_out(number: int) -> bool:
    """Return whether a body, building or figure of this number is kept from training."""
    return number % 5 == 4


def pick_number(rng: np.random.Generator, held_out: bool, count: int = BODIES) -> int:
    """Return a number below `count` from the one side of the split or the other."""
    fifth = int(rng.integers(count // 5)) * 5
    return fifth + (4 if held_out else int(rng.integers(4)))


@lru_cache(maxsize=256)
def vehicle(subclass: str, number: int, paint: int) -> Vehicle:
    """Return body `number` of a class in paint `paint`; equal arguments, equal vehicles."""
    shape = np.random.default_rng([11, SUBCLASSES.index(subclass), number])
    colours = np.random.default_rng([13, paint])
    odds = _PAINT_ODDS / _PAINT_ODDS.sum()
    first = _PAINTS[colours.choice(len(_PAINTS), p=odds)] * colours.uniform(0.85, 1.1)
    second = _PAINTS[colours.choice(len(_PAINTS), p=odds)]
    first = np.clip(first, 0, 0.95)
    match subclass:
        case "car":
            mesh = car_body(_car_profile(shape), first, second)
        case "van":
            mesh = car_body(_van_profile(shape), first, second)
        case "bus":
            mesh = bus_body(shape, colours)
        case "truck":
            mesh = truck_body(shape, first, second)
        case "motorcycle":
            mesh = motorcycle_body(shape, first)
        case _:
            raise ValueError(f"vehicle class {subclass!r}, not one of {', '.join(SUBCLASSES)}")
    low, high = mesh.xyz.min(0), mesh.xyz.max(0)
    length, width, height = (float(value) for value in high - low)
    return Vehicle(subclass, mesh, length, width, height)


def _car_profile(rng: np.random.Generator) -> Profile:
    style = rng.choice(["sedan", "hatch", "suv", "wagon"], p=(0.35, 0.25, 0.3, 0.1))
    up = 0.16 if style == "suv" else 0.0
    length = {"sedan": 4.6, "hatch": 4.0, "suv": 4.5, "wagon": 4.6}[style] * rng.uniform(0.93, 1.07)
    roof = (1.43 + up * 1.35) * rng.uniform(0.97, 1.04)
    belt = 0.88 + up * 0.9 + rng.uniform(-0.03, 0.04)
    cowl = rng.uniform(0.2, 0.26)  # where bonnet meets windscreen
    head = cowl - rng.uniform(0.13, 0.18)
    nose = 0.66 + up * 0.8 + rng.uniform(-0.05, 0.05)
    tail, deck = {
        "sedan": (-0.2, (-0.35, belt + 0.12)), "hatch": (-0.36, (-0.47, belt + 0.1)),
        "suv": (-0.4, (-0.475, belt + 0.1)), "wagon": (-0.4, (-0.48, belt + 0.08)),
    }[style]  # fmt: skip
    tail += rng.uniform(-0.02, 0.02)
    top = (
        (0.5, nose), (0.47, nose + 0.1), (cowl, belt + 0.1), (head, roof - 0.03),
        ((head + tail) / 2, roof), (tail, roof - 0.05), deck, (-0.5, deck[1] - 0.15),
    )  # fmt: skip
    pillar = (head + tail) / 2 + 0.01
    windows = (
        ((deck[0] + tail) / 2, pillar - 0.01), (pillar + 0.01, (cowl + head) / 2 + 0.02),
    )  # fmt: skip
    return Profile(
        length, 1.8 * rng.uniform(0.96, 1.05) + up * 0.3, belt, rng.uniform(0.76, 0.83), top,
        ((cowl, head), (tail, deck[0])), windows, wheel=0.31 + up * 0.25,
    )  # fmt: skip


def _van_profile(rng: np.random.Generator) -> Profile:
    roof, belt = rng.uniform(1.9, 2.5), rng.uniform(1.05, 1.2)
    glazed = rng.random() < 0.4
    windows = ((-0.46, -0.12), (-0.1, 0.13), (0.15, 0.32)) if glazed else ((0.15, 0.32),)
    top = ((0.5, 0.95), (0.48, 1.05), (0.38, 1.2), (0.27, roof - 0.1), (0.2, roof),
           (-0.48, roof), (-0.5, roof - 0.12))  # fmt: skip
    return Profile(
        rng.uniform(4.7, 5.9), rng.uniform(1.9, 2.05), belt, rng.uniform(0.86, 0.92), top,
        ((0.38, 0.27),), windows, wheel=0.34, axles=(0.32, -0.3), two_tone=rng.random() < 0.3,
    )  # fmt: skip
