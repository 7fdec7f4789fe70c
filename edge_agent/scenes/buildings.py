"""What stands in the town: houses, trees, lamps, posts, fences, as one mesh."""

import numpy as np

from edge_agent.scenes.mesh import Mesh, box, join, limb_faces, limbs, quads
from edge_agent.scenes.town import House, Town, Tree
from edge_agent.types import FloatArray, Point

_WALLS = np.array(
    [(0.32, 0.4, 0.58), (0.5, 0.6, 0.68), (0.72, 0.76, 0.78), (0.6, 0.66, 0.7), (0.3, 0.34, 0.44),
     (0.5, 0.52, 0.53), (0.62, 0.72, 0.8), (0.42, 0.5, 0.56), (0.68, 0.66, 0.6)]
)  # fmt: skip
_STOREY = 3.2


def town_parts(town: Town) -> list[Mesh]:
    """Return everything that stands in the town, in world coordinates, piece by piece."""
    rng = np.random.default_rng([17, town.seed])
    parts = [_house(house) for house in town.houses]
    parts += [_tree(tree) for tree in town.trees]
    parts += [_lamp(point, town) for point in town.lamps]
    parts += [_post(point, rng) for point in town.posts]
    for ring in town.rings:
        parts += [_fence(a, b) for a, b in zip(ring, (*ring[1:], ring[0]), strict=True)]
    if town.gantry is not None:
        parts.append(_gantry(*town.gantry))
    return parts + _horizon(rng)


def _house(house: House) -> Mesh:
    rng = np.random.default_rng([19, house.number])
    wall = _WALLS[rng.integers(len(_WALLS))] * rng.uniform(0.85, 1.08)
    half = np.array([house.length / 2, house.depth / 2])
    height = _STOREY * house.storeys
    parts = []
    for turn in range(4):
        along = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)][turn], np.float32)
        out = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)][turn], np.float32)
        wide, deep = (half[0], half[1]) if turn % 2 == 0 else (half[1], half[0])
        middle = np.array([house.x, house.y]) + out * deep
        parts += _facade(middle, along, out, wide * 2, house, wall, np.random.default_rng(
            [23, house.number, turn % 2]))  # fmt: skip
    at = (house.x, house.y)
    if house.gable:
        parts.append(_gable(house, height, np.array([0.2, 0.24, 0.4]) * rng.uniform(0.7, 1.3)))
    else:
        slab = (house.length + 0.3, house.depth + 0.3, 0.8)
        parts.append(box((*at, height + 0.4), slab, wall * 0.8))
        parts.append(box((*at, height + 0.81), (house.length - 0.5, house.depth - 0.5, 0.05),
                         (0.4, 0.4, 0.41)))  # fmt: skip
        for _ in range(2):
            spot = np.array(at) + rng.uniform(-0.3, 0.3, 2) * half * 2
            parts.append(box((*spot, height + 1.4), (*rng.uniform(1, 3, 2), 1.2), (0.5, 0.5, 0.5)))
    return join(parts)


def _facade(
    middle: FloatArray, along: FloatArray, out: FloatArray, width: float, house: House,
    wall: FloatArray, rng: np.random.Generator,
) -> list[Mesh]:  # fmt: skip
    """Return one wall in panels, its windows with frames and sills, and a shop or a door."""
    bays = max(2, int(width / rng.uniform(2.4, 3.4)))
    step = width / bays
    tall, wide = rng.uniform(1.3, 1.9), step * rng.uniform(0.4, 0.65)
    shops = house.storeys > 2 and rng.random() < 0.7
    grid = [(bay, storey) for storey in range(house.storeys) for bay in range(bays)]
    centre = np.array([((bay + 0.5) * step - width / 2, storey * _STOREY) for bay, storey in grid])
    jitter = rng.uniform(0.93, 1.05, (len(grid), 1))
    ground = np.array([storey == 0 for _, storey in grid])

    def sheet(low: np.ndarray, high: np.ndarray, half: np.ndarray, off: float) -> FloatArray:
        sides = np.stack((centre[:, 0] - half, centre[:, 0] + half), 1)
        corners = np.empty((len(grid), 4, 3), np.float32)
        for i, (side, level) in enumerate(((0, low), (1, low), (1, high), (0, high))):
            corners[:, i, :2] = middle + sides[:, side, None] * along + out * off
            corners[:, i, 2] = centre[:, 1] + level
        return corners

    ones = np.ones(len(grid))
    base = np.where(ground & shops, 0.25, (_STOREY - tall) / 2 + 0.1)
    high = np.where(ground & shops, 2.7, base + tall)
    half = np.where(ground & shops, step * 0.44, wide / 2)
    lit = (rng.random(len(grid)) < 0.3) * rng.uniform(0.3, 0.9, len(grid))
    pane = np.where((lit > 0)[:, None], (0.35, 0.6, 0.75), (0.14, 0.13, 0.12))
    pane = pane * np.where(lit > 0, 0.6, 1.0)[:, None] * rng.uniform(0.7, 1.6, (len(grid), 1))
    frame = np.where(ground & shops, 0.25, 0.8)[:, None] * np.ones(3)
    parts = [
        quads(sheet(0 * ones, _STOREY * ones, step / 2 * ones, 0.0), wall * jitter),
        quads(sheet(base - 0.1, high + 0.08, half + 0.08, 0.03), frame * jitter),
        quads(sheet(base, high, half, 0.06), pane, gloss=0.8, glow=lit),
    ]
    if shops:
        sign = (*(middle + out * 0.12), 2.95)
        size = (width * 0.96, 0.25, 0.5) if abs(along[0]) > 0.5 else (0.25, width * 0.96, 0.5)
        parts.append(box(sign, size, rng.uniform(0.1, 0.75, 3), glow=0.5))
    return parts


def _gable(house: House, height: float, bgr: np.ndarray) -> Mesh:
    """Return a pitched roof with its ridge along the longer side."""
    x, y, half_x, half_y = house.x, house.y, house.length / 2 + 0.4, house.depth / 2 + 0.4
    rise = min(half_x, half_y) * 0.75
    low, top = height - 0.1, height + rise
    a, b, c, d = ((x - half_x, y - half_y, low), (x + half_x, y - half_y, low),
                  (x + half_x, y + half_y, low), (x - half_x, y + half_y, low))  # fmt: skip
    if half_x >= half_y:
        e, f = (x - half_x, y, top), (x + half_x, y, top)
        faces = [(a, b, f, e), (c, d, e, f), (b, c, f, f), (d, a, e, e)]
    else:
        e, f = (x, y - half_y, top), (x, y + half_y, top)
        faces = [(b, c, f, e), (d, a, e, f), (a, b, e, e), (c, d, f, f)]
    return quads(np.array(faces), np.clip(bgr, 0, 1))


def _limb_mesh(start: FloatArray, end: FloatArray, radius: FloatArray, bgr: FloatArray) -> Mesh:
    side = np.tile(np.array([0, 1, 0.01], np.float32), (len(start), 1))
    xyz, normal = limbs(start, end, np.repeat(radius[:, :, None], 2, axis=2), side)
    flat = xyz.reshape(-1, 3)
    zero = np.zeros(len(flat), np.float32)
    colours = np.broadcast_to(np.asarray(bgr, np.float32), flat.shape).copy()
    return Mesh(flat, normal.reshape(-1, 3), colours, zero, zero, limb_faces(len(start)))


def _tree(tree: Tree) -> Mesh:
    """Return a trunk under clouds of leaves."""
    rng = np.random.default_rng([29, tree.number])
    crown = tree.height * rng.uniform(0.28, 0.4)
    centre = np.array([tree.x, tree.y, tree.height - crown])
    trunk = _limb_mesh(
        np.array([[tree.x, tree.y, 0]], np.float32), centre[None].astype(np.float32),
        np.array([[0.16, 0.09]], np.float32), np.array([0.13, 0.18, 0.24]),
    )  # fmt: skip
    count = 460
    way = rng.normal(size=(count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    blob = rng.normal(size=(6, 3)) * 0.3
    out = blob[rng.integers(6, size=count)] + way * rng.uniform(0.5, 0.8, (count, 1))
    middle = centre + out * crown * np.array([1, 1, 0.9])
    side = np.cross(way, rng.normal(size=(count, 3)))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(way, side)
    size = rng.uniform(0.06, 0.13, (count, 1)) * crown
    corners = np.stack(
        (middle - side * size - up * size, middle + side * size - up * size,
         middle + side * size + up * size, middle - side * size + up * size), axis=1,
    )  # fmt: skip
    green = np.array([0.16, 0.36, 0.27]) * rng.uniform(0.7, 1.2)
    shade = (0.65 + 0.5 * (middle[:, 2:] - centre[2] + crown) / (2 * crown)) * rng.uniform(
        0.7, 1.25, (count, 1)
    )
    return join([trunk, quads(corners, np.clip(green * shade, 0, 1))])


def _lamp(point: Point, town: Town) -> Mesh:
    """Return a street lamp whose arm reaches over the nearest road."""
    x, y = point
    road = min(town.roads, key=lambda r: r.distance(x, y), default=None)
    to_road = np.zeros(2)
    if road is not None:
        dx, dy = road.along
        left = (x - road.start[0]) * -dy + (y - road.start[1]) * dx
        to_road = np.array([dy, -dx]) * np.sign(left)
    top = np.array([x, y, 7.0])
    reach = top + np.array([*(to_road * 1.6), 0.25])
    pole = _limb_mesh(
        np.array([[x, y, 0], top], np.float32), np.array([top, reach], np.float32),
        np.array([[0.1, 0.06], [0.05, 0.05]], np.float32), np.array([0.4, 0.4, 0.4]),
    )  # fmt: skip
    return join([pole, box(reach, (0.6, 0.6, 0.14), (0.85, 0.95, 1.0), glow=1.0)])


def _post(point: Point, rng: np.random.Generator) -> Mesh:
    """Return a bollard, a bin, a sign on its pole, or a cabinet."""
    x, y = point
    kind = rng.integers(4)
    if kind == 0:
        return box((x, y, 0.45), (0.18, 0.18, 0.9), (0.2, 0.2, 0.2))
    if kind == 1:
        return box((x, y, 0.5), (0.5, 0.5, 1.0), rng.uniform(0.1, 0.4, 3))
    if kind == 2:
        pole = box((x, y, 1.2), (0.07, 0.07, 2.4), (0.45, 0.45, 0.45))
        plate = box((x, y, 2.5), (0.6, 0.6, 0.6), (0.2, 0.15, 0.7), glow=0.1)
        return join([pole, plate])
    return box((x, y, 0.65), (0.9, 0.4, 1.3), (0.5, 0.52, 0.5))


def _fence(a: Point, b: Point) -> Mesh:
    """Return a low fence of posts and two rails from `a` to `b`, with a gap to walk through."""
    start, end = np.array(a), np.array(b)
    length = float(np.linalg.norm(end - start))
    heading = np.arctan2(*(end - start)[::-1])
    parts = []
    for share in np.arange(0, 1, 2.0 / length):
        if abs(share - 0.5) * length > 1.6:
            parts.append(
                box((*(start + (end - start) * share), 0.35), (0.08, 0.08, 0.7), (0.3,) * 3)
            )
    for low, high in ((0.0, 0.5 - 1.6 / length), (0.5 + 1.6 / length, 1.0)):
        p, q = start + (end - start) * low, start + (end - start) * high
        across = np.array([-np.sin(heading), np.cos(heading)]) * 0.03
        for z in (0.35, 0.65):
            for side in (across, -across):
                face = [(*(p + side), z - 0.05), (*(q + side), z - 0.05), (*(q + side), z + 0.05),
                        (*(p + side), z + 0.05)]  # fmt: skip
                parts.append(
                    quads(np.array(face if side is not across else face[::-1]), (0.42,) * 3)
                )
    return join(parts)


def _gantry(a: Point, b: Point) -> Mesh:
    """Return a portal with cameras on it from `a` to `b`."""
    start, end = np.array((*a, 0.0)), np.array((*b, 0.0))
    up = np.array([0, 0, 5.6])
    frame = _limb_mesh(
        np.array([start, end, start + up], np.float32),
        np.array([start + up, end + up, end + up], np.float32),
        np.full((3, 2), 0.14, np.float32), np.array([0.55, 0.55, 0.55]),
    )  # fmt: skip
    boxes = [box(start + up + (end - start) * s - (0, 0, 0.3), (0.5, 0.5, 0.3), (0.8, 0.8, 0.8))
             for s in (0.3, 0.7)]  # fmt: skip
    return join([frame, *boxes])


def _horizon(rng: np.random.Generator) -> list[Mesh]:
    """Return what closes the view: far woods and blocks around the town."""
    parts = []
    for angle in np.arange(0, 2 * np.pi, 0.09):
        far = rng.uniform(230, 420)
        at = far * np.cos(angle), far * np.sin(angle)
        wood = rng.random() < 0.6
        size = (rng.uniform(20, 50), rng.uniform(20, 50), rng.uniform(6, 11 if wood else 26))
        bgr = (0.2, 0.3, 0.25) if wood else rng.uniform(0.4, 0.6, 3)
        parts.append(box((*at, size[2] / 2), size, bgr))
    return parts
