"""Bodies of buses, trucks and motorcycles."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from edge_agent.scenes.car_body import GLASS, LAMP, PLATE, RUBBER, TAIL, TRIM, wheel, wheels
from edge_agent.scenes.mesh import Mesh, box, join, limb_faces, limbs, loft, quads
from edge_agent.types import FloatArray


def shell(
    front: float, rear: float, width: float, low: float, high: float, bgr: ArrayLike, gloss: float
) -> Mesh:
    """Return a box with rounded upper edges and corners, from `rear` to `front` along x."""
    half, round_ = width / 2, 0.12
    right = np.array([(-half, low), (-half, high - round_), (-half + round_ * 0.6, high)])
    yz = np.concatenate((right, right[::-1] * (-1, 1)))
    stations = [(rear, 0.94), (rear + 0.1, 1.0), (front - 0.15, 1.0), (front, 0.93)]
    sections = []
    for x, scale in stations:
        ring = np.column_stack((yz[:, 0] * scale, low + (yz[:, 1] - low) * (0.5 + scale / 2)))
        sections.append(np.column_stack((np.full(len(ring), x), ring)))
    skin = loft(np.array(sections, np.float32), bgr, gloss)
    ends = []
    for ring, sign in ((sections[-1], 1), (sections[0], -1)):
        for i in range(2):
            corners = np.array([ring[i], ring[-1 - i], ring[-2 - i], ring[i + 1]])
            ends.append(quads(corners[None] if sign > 0 else corners[None, ::-1], bgr, gloss=gloss))
    return join([skin, *ends])


def _lamps(front: float, rear: float, width: float, z: float) -> list[Mesh]:
    """Return head and tail lamps, bumpers and plates of a heavy vehicle."""
    parts = [
        box((front, 0, 0.45), (0.12, width * 0.96, 0.3), TRIM),
        box((rear, 0, 0.5), (0.12, width * 0.94, 0.22), TRIM),
        box((front + 0.07, 0, 0.5), (0.04, 0.5, 0.12), PLATE, glow=0.15),
        box((rear - 0.07, 0, 0.62), (0.04, 0.5, 0.12), PLATE, glow=0.25),
    ]
    for sign in (1, -1):
        y = sign * width * 0.39
        parts.append(box((front, y, z), (0.12, 0.34, 0.2), LAMP, gloss=0.5, glow=1.0))
        parts.append(box((rear, y, z + 0.1), (0.1, 0.2, 0.34), TAIL, gloss=0.3, glow=0.9))
    return parts


def bus_body(rng: np.random.Generator, colours: np.random.Generator) -> Mesh:
    """Return a city bus or coach."""
    length, width, height = rng.uniform(8.5, 12.2), 2.5, rng.uniform(2.85, 3.3)
    liveries = [(0.75, 0.5, 0.12), (0.12, 0.5, 0.85), (0.85, 0.86, 0.86), (0.15, 0.15, 0.65),
                (0.3, 0.55, 0.2), (0.1, 0.6, 0.8)]  # fmt: skip
    paint = np.array(liveries[colours.integers(len(liveries))]) * colours.uniform(0.85, 1.1)
    stripe = np.array(liveries[colours.integers(len(liveries))])
    front, rear, half = length / 2, -length / 2, width / 2
    low, high = 1.25 + rng.uniform(0, 0.2), height - 0.55
    parts = [shell(front, rear, width, 0.32, height, np.clip(paint, 0, 0.95), 0.45)]
    middle, tall = (low + high) / 2, high - low
    panes = np.arange(rear + 0.5, front - 1.6, rng.uniform(1.1, 1.6))
    for sign in (1, -1):
        y = sign * half
        parts.append(box((-0.2, y, 0.8), (length * 0.9, 0.03, 0.2), stripe, gloss=0.4))
        for x in panes:
            parts.append(box((x + 0.5, y, middle), (1.02, 0.04, tall), GLASS, gloss=1, glow=0.0))
        parts.append(box((front - 0.75, y, middle), (0.8, 0.04, tall), GLASS, gloss=1))
    for x in (front - 1.0, 0.0):
        parts.append(box((x, -half, 1.35), (1.1, 0.06, 2.0), np.array(GLASS) * 1.5, gloss=0.8))
    parts += [
        box((front - 0.02, 0, middle - 0.1), (0.1, width * 0.88, tall + 0.4), GLASS, gloss=1),
        box((front, 0, height - 0.3), (0.12, width * 0.6, 0.26), (0.1, 0.45, 0.75), glow=0.8),
        box((rear + 0.02, 0, middle), (0.1, width * 0.75, tall * 0.8), GLASS, gloss=1),
        box((0, 0, height + 0.08), (length * 0.4, width * 0.6, 0.18), paint * 0.9),
        wheels(0.48, np.array([front - 2.4, rear + 2.6]), half, (0.4, 0.4, 0.4)),
        *_lamps(front, rear, width, 0.72),
    ]
    for sign in (1, -1):
        parts.append(box((front + 0.1, sign * (half + 0.12), high - 0.2), (0.1, 0.2, 0.4), TRIM))
    return join(parts)


def truck_body(rng: np.random.Generator, paint: ArrayLike, second: ArrayLike) -> Mesh:
    """Return a lorry: a cab before a box, a tipper or a flat bed with its load."""
    length, width = rng.uniform(6.2, 9.8), rng.uniform(2.2, 2.5)
    cab_height, cab = rng.uniform(2.3, 3.0), rng.uniform(1.6, 2.1)
    front, rear, half = length / 2, -length / 2, width / 2
    nose = front - cab
    window = cab_height - 0.75
    parts = [
        box((0, 0, 0.7), (length * 0.94, width * 0.5, 0.3), TRIM),
        shell(front, nose, width * 0.95, 0.45, cab_height, paint, 0.5),
        box((front - 0.02, 0, window), (0.1, width * 0.82, 0.75), GLASS, gloss=1),
        box((front, 0, 1.0), (0.08, width * 0.6, 0.4), TRIM, gloss=0.2),
        wheels(0.48, np.array([front - 1.1, rear + 1.3, rear + 2.4]), half, (0.35, 0.35, 0.35)),
        *_lamps(front, rear, width, 0.75),
    ]
    for sign in (1, -1):
        side = box((front - cab * 0.45, sign * half * 0.95, window), (cab * 0.5, 0.04, 0.65),
                   GLASS, gloss=1)  # fmt: skip
        mirror = box((front + 0.02, sign * (half + 0.1), window), (0.1, 0.2, 0.45), TRIM)
        parts += [side, mirror]
    bed_front = nose - 0.15
    style = rng.choice(["box", "tipper", "flat"], p=(0.6, 0.25, 0.15))
    middle, bed = (bed_front + rear) / 2, bed_front - rear
    if style == "box":
        tall = rng.uniform(2.0, 2.6)
        parts.append(box((middle, 0, 0.95 + tall / 2), (bed, width, tall), second, gloss=0.15))
        for x in np.linspace(rear + 0.05, bed_front - 0.05, 5):
            rib = (0.06, width + 0.05, tall)
            parts.append(box((x, 0, 0.95 + tall / 2), rib, np.asarray(second) * 0.85))
    elif style == "tipper":
        parts.append(box((middle, 0, 1.55), (bed, width, 1.1), second, gloss=0.2))
        parts.append(box((middle, 0, 2.12), (bed * 0.9, width * 0.86, 0.16), (0.25, 0.33, 0.4)))
    else:
        parts.append(box((middle, 0, 1.1), (bed, width, 0.3), second, gloss=0.2))
        for x in np.arange(rear + 0.7, bed_front - 0.6, 1.4):
            load = (1.2, width * 0.8, rng.uniform(0.5, 1.3))
            parts.append(box((x, 0, 1.25 + load[2] / 2), load, rng.uniform(0.2, 0.7, 3)))
    return join(parts)


def _tubes(rows: Sequence[tuple[ArrayLike, ArrayLike, float, float]], bgr: ArrayLike) -> Mesh:
    """Return capsules from start to end with the radius at each."""
    start = np.array([row[0] for row in rows], np.float32)
    end = np.array([row[1] for row in rows], np.float32)
    radius = np.array([[(row[2],) * 2, (row[3],) * 2] for row in rows], np.float32)
    side = np.tile(np.array([0, 1, 0.02], np.float32), (len(rows), 1))
    side[np.abs(end - start)[:, 1] > 0.2] = (1, 0, 0)
    xyz, normal = limbs(start, end, radius, side)
    flat: FloatArray = xyz.reshape(-1, 3)
    colours = np.broadcast_to(np.asarray(bgr, np.float32), flat.shape).copy()
    gloss = np.full(len(flat), 0.4, np.float32)
    faces = limb_faces(len(rows))
    return Mesh(flat, normal.reshape(-1, 3), colours, gloss, gloss * 0, faces)


def motorcycle_body(rng: np.random.Generator, paint: ArrayLike) -> Mesh:
    """Return a motorcycle or scooter without its rider."""
    reach, radius = rng.uniform(0.62, 0.72), rng.uniform(0.26, 0.31)
    metal = (0.3, 0.3, 0.3)
    fairing = [
        ((0.28, 0, 0.78), (-0.05, 0, 0.82), 0.15, 0.13),
        ((0.3, 0, 0.5), (0.12, 0, 0.42), 0.14, 0.16),
    ]
    if rng.random() < 0.5:  # a scooter's leg shield and belly
        fairing += [((0.42, 0, 0.4), (0.36, 0, 0.9), 0.13, 0.12),
                    ((-0.2, 0, 0.5), (-0.6, 0, 0.58), 0.18, 0.12)]  # fmt: skip
    return join(
        [
            wheel(radius, 0.11, (reach, 0, radius), metal),
            wheel(radius, 0.13, (-reach, 0, radius), metal),
            _tubes(fairing, paint),
            _tubes([((-0.1, 0, 0.8), (-0.72, 0, 0.84), 0.12, 0.09)], RUBBER),
            _tubes(
                [((reach, 0.09, radius), (0.4, 0.09, 0.95), 0.03, 0.035),
                 ((reach, -0.09, radius), (0.4, -0.09, 0.95), 0.03, 0.035),
                 ((-reach, 0.05, radius), (0.0, 0.05, 0.4), 0.04, 0.05),
                 ((0.34, 0.33, 1.02), (0.34, -0.33, 1.02), 0.02, 0.02),
                 ((0.05, -0.14, 0.3), (-0.65, -0.16, 0.38), 0.05, 0.06)], metal,
            ),
            box((0.05, 0, 0.38), (0.4, 0.26, 0.3), TRIM),
            box((0.52, 0, 0.82), (0.1, 0.18, 0.16), LAMP, gloss=0.5, glow=1.0),
            box((-0.82, 0, 0.75), (0.06, 0.16, 0.1), TAIL, glow=0.9),
            box((-0.86, 0, 0.6), (0.03, 0.2, 0.15), PLATE),
        ]
    )  # fmt: skip
