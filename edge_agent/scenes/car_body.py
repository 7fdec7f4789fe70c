"""Bodies of cars and vans: a skin over cross-sections, with glass, wheels and lamps."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from edge_agent.scenes.mesh import Mesh, box, join, loft, quads
from edge_agent.types import FloatArray

#: Blue, green, red.
Bgr = tuple[float, float, float]
#: 1 is the left side, -1 the right one.
Sides = tuple[int, ...]

GLASS = (0.075, 0.07, 0.065)
RUBBER = (0.05, 0.05, 0.05)
TRIM = (0.09, 0.09, 0.09)
LAMP = (0.95, 0.97, 0.98)
TAIL = (0.08, 0.06, 0.62)
PLATE = (0.82, 0.84, 0.84)


@dataclass(frozen=True, slots=True)
class Profile:
    """A car seen from the side, in parts of its length and in metres of height.

    `top` is the upper outline from the front bumper to the rear: (place, height), place .5 at
    the front, -.5 at the rear. `glass` says between which of its points the windscreen and the
    rear window lie; `windows` where the side windows begin and end, with pillars between.
    """

    length: float
    width: float
    belt: float
    roof_width: float  # of the width
    top: tuple[tuple[float, float], ...]
    glass: tuple[tuple[float, float], ...]
    windows: tuple[tuple[float, float], ...]
    wheel: float = 0.32  # radius, m
    axles: tuple[float, ...] = (0.3, -0.29)
    two_tone: bool = False


def wheel(radius: float, width: float, at: ArrayLike, rim: Bgr, sides: Sides = (1, -1)) -> Mesh:
    """Return a wheel that turns about the y axis, centred `at`, closed on the sides named."""
    unit = _unit_wheel(rim, sides)
    xyz = unit.xyz * np.array([radius, width, radius], np.float32) + np.asarray(at, np.float32)
    return Mesh(xyz, unit.normal, unit.bgr, unit.gloss, unit.glow, unit.faces)


def _disc(radius: float, y: float, bgr: Bgr, gloss: float, sign: int) -> Mesh:
    """Return a disc about the y axis that faces left (`sign` 1) or right (-1)."""
    turn = np.linspace(0, 2 * np.pi, 13).astype(np.float32)
    ring = np.stack((np.cos(turn), np.zeros_like(turn), np.sin(turn)), axis=1) * radius
    ring[:, 1] = y
    # Each four-cornered face spans two steps of the rim and the middle.
    middle = np.broadcast_to(np.array([0, y, 0], np.float32), (6, 3))
    corners = np.stack((ring[:-1:2], middle, ring[2::2], ring[1::2]), axis=1)
    return quads(corners if sign > 0 else corners[:, ::-1], bgr, gloss=gloss)


@lru_cache(maxsize=64)
def _unit_wheel(rim: Bgr, sides: Sides) -> Mesh:
    """Return a wheel of radius 1 and width 1 about the origin."""
    turn = np.linspace(0, 2 * np.pi, 13)[:-1].astype(np.float32)
    ring = np.stack((np.cos(turn), np.zeros_like(turn), np.sin(turn)), axis=1)
    half = np.array([0, 0.5, 0], np.float32)
    nexts = np.roll(ring, -1, axis=0)
    parts = [quads(np.stack((ring - half, ring + half, nexts + half, nexts - half), 1), RUBBER)]
    for sign in sides:
        parts.append(_disc(1.0, 0.5 * sign, RUBBER, 0.0, sign))
        parts.append(_disc(0.62, 0.53 * sign, rim, 0.25, sign))
    return join(parts)


def wheels(radius: float, places: ArrayLike, half_width: float, rim: Bgr) -> Mesh:
    """Return pairs of wheels, flush with the sides, in dark arches."""
    parts = []
    for x in np.atleast_1d(places):
        for sign in (1, -1):
            y = sign * (half_width - 0.1)
            parts.append(wheel(radius, 0.23, (x, y, radius), rim, (sign,)))
            arch = _disc(radius * 1.16, sign * (half_width + 0.006), (0.03, 0.03, 0.03), 0.0, sign)
            xyz = arch.xyz + np.array([x, 0, radius * 1.04], np.float32)
            xyz[:, 2] = np.maximum(xyz[:, 2], 0.12)
            parts.append(Mesh(xyz, arch.normal, arch.bgr, arch.gloss, arch.glow, arch.faces))
    return join(parts)


def _section(x: float, shape: Profile) -> FloatArray:
    """Return the cross-section at `x` (parts of the length), right side to left, (11, 3)."""
    places, heights = np.array(shape.top).T
    top = float(np.interp(-x, -places, heights))
    half = shape.width / 2 * (1 - 0.14 * abs(2 * x) ** 7)
    belt = min(shape.belt + 0.03 * (0.5 - x), top - 0.03)
    roof = min(1.0, max(0.0, (top - shape.belt) / 0.25))  # 0 over the bonnet, 1 in the cabin
    edge = half * ((1 - roof) * 0.9 + roof * shape.roof_width)
    right = np.array(
        [
            (-half * 0.9, 0.2), (-half, 0.36), (-half, 0.62 * belt + 0.1), (-half * 0.985, belt),
            (-edge * (1.04 + 0.02 * roof), belt + (top - belt) * 0.86), (-edge * 0.88, top),
        ]
    )  # fmt: skip
    left = right[::-1] * (-1, 1)
    middle = np.array([(0.0, top + 0.025)])
    yz = np.concatenate((right, middle, left))
    return np.column_stack((np.full(len(yz), x * shape.length), yz)).astype(np.float32)


def car_body(shape: Profile, paint: ArrayLike, second: ArrayLike) -> Mesh:
    """Return the whole car: skin, glass, wheels, lamps, plates; its middle at the origin."""
    edges = [place for place, _ in shape.top]
    edges += [edge for span in shape.windows + shape.glass for edge in span]
    stations = sorted({round(edge, 3) for edge in [*edges, *np.linspace(-0.5, 0.5, 17)]})
    sections = np.stack([_section(x, shape) for x in stations])
    middles = (np.array(stations[:-1]) + stations[1:]) / 2
    faces = sections.shape[1] - 1
    bgr = np.tile(np.asarray(paint, np.float32), (len(middles), faces, 1))
    gloss = np.full(bgr.shape[:2], 0.55, np.float32)
    bgr[:, [0, faces - 1]] = TRIM if not shape.two_tone else np.asarray(second)
    for span, columns in (
        *((span, (3, faces - 4)) for span in shape.windows),
        *((span, (5, 6)) for span in shape.glass),
    ):
        inside = (middles > min(span)) & (middles < max(span))
        for column in columns:
            bgr[inside, column], gloss[inside, column] = GLASS, 1.0
    skin = loft(sections, bgr, gloss)
    ends = [_cap(sections[-1], 1, paint), _cap(sections[0], -1, paint)]
    half, length = shape.width / 2, shape.length
    rim = (0.2, 0.2, 0.2) if shape.two_tone else (0.5, 0.5, 0.5)
    rolling = wheels(shape.wheel, np.array(shape.axles) * length, half, rim)
    return join([skin, *ends, rolling, *_fittings(shape, np.asarray(paint, np.float32))])


def _cap(section: FloatArray, sign: int, paint: ArrayLike) -> Mesh:
    """Close the skin at its front or rear."""
    count = len(section) // 2
    rows = []
    for i in range(count):
        corners = [section[i], section[-1 - i], section[-2 - i], section[i + 1]]
        rows.append(corners if sign > 0 else corners[::-1])
    return quads(np.array(rows), paint, gloss=0.4)


def _fittings(shape: Profile, paint: FloatArray) -> list[Mesh]:
    """Return lamps, grille, bumpers, plates, mirrors and handles."""
    half, front = shape.width / 2 * 0.87, shape.length / 2
    bonnet = shape.top[0][1]
    lamp_z = max(0.58, bonnet - 0.08)
    tail_z = max(0.75, shape.top[-1][1] - 0.1)
    parts = [
        box((front, 0, lamp_z - 0.04), (0.05, half * 0.9, 0.14), (0.06, 0.06, 0.06), gloss=0.3),
        box((front, 0, 0.34), (0.08, half * 1.75, 0.16), TRIM),
        box((-front, 0, 0.34), (0.1, half * 1.75, 0.18), TRIM),
        box((front + 0.03, 0, 0.45), (0.04, 0.5, 0.11), PLATE, glow=0.15),
        box((-front - 0.03, 0, tail_z - 0.12), (0.04, 0.5, 0.11), PLATE, glow=0.25),
    ]
    for sign in (1, -1):
        y = sign * half * 0.8
        parts += [
            box((front - 0.03, y, lamp_z), (0.14, 0.36, 0.13), LAMP, gloss=0.5, glow=1.0),
            box((-front + 0.03, y, tail_z), (0.14, 0.3, 0.17), TAIL, gloss=0.3, glow=0.9),
            box((shape.windows[-1][1] * shape.length - 0.12, sign * (shape.width / 2 + 0.07),
                 shape.belt + 0.07), (0.1, 0.18, 0.13), paint * 0.8, gloss=0.4),
        ]  # fmt: skip
    return parts
