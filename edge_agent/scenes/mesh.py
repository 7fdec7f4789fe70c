"""Triangle meshes with smooth normals, and the few solids that the town is built of.

World and body coordinates are metres: x forward (east), y left (north), z up. Colours are
blue, green, red in 0..1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from edge_agent.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Vertices that carry their own colour, and the triangles between them."""

    xyz: FloatArray  # (N, 3) m
    normal: FloatArray  # (N, 3) unit length
    bgr: FloatArray  # (N, 3) albedo
    gloss: FloatArray  # (N,) 0 = cloth, 1 = glass
    glow: FloatArray  # (N,) 1 = a lamp that shines by itself when lamps are lit
    faces: IntArray  # (M, 3)


def join(parts: Sequence[Mesh]) -> Mesh:
    """Return one mesh of all `parts` (one or more)."""
    offsets = np.cumsum([0] + [len(part.xyz) for part in parts[:-1]])
    return Mesh(
        np.concatenate([part.xyz for part in parts]),
        np.concatenate([part.normal for part in parts]),
        np.concatenate([part.bgr for part in parts]),
        np.concatenate([part.gloss for part in parts]),
        np.concatenate([part.glow for part in parts]),
        np.concatenate([p.faces + np.int32(o) for p, o in zip(parts, offsets, strict=True)]),
    )


def place(mesh: Mesh, at: ArrayLike, heading: float, *, lean: float = 0.0) -> Mesh:
    """Return `mesh` leaned about its x axis, turned by `heading` (radians) and moved `at`."""
    turn = np.array(
        [
            [np.cos(heading), -np.sin(heading) * np.cos(lean), np.sin(heading) * np.sin(lean)],
            [np.sin(heading), np.cos(heading) * np.cos(lean), -np.cos(heading) * np.sin(lean)],
            [0, np.sin(lean), np.cos(lean)],
        ],
        np.float32,
    )
    xyz = mesh.xyz @ turn.T + np.asarray(at, np.float32)
    return Mesh(xyz, mesh.normal @ turn.T, mesh.bgr, mesh.gloss, mesh.glow, mesh.faces)


def quads(
    corners: ArrayLike, bgr: ArrayLike, *, gloss: ArrayLike = 0.0, glow: ArrayLike = 0.0
) -> Mesh:
    """Return flat four-cornered faces.

    Args: `corners` (Q, 4, 3), anticlockwise seen from outside; `bgr` (3,) or (Q, 3); `gloss`
    and `glow` scalars or (Q,).
    """
    points = np.asarray(corners, np.float32).reshape(-1, 4, 3)
    count = len(points)
    normal = np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    first = np.arange(count, dtype=np.int32)[:, None] * 4
    halves = (first + np.array([0, 1, 2]), first + np.array([0, 2, 3]))
    faces = np.concatenate(halves).astype(np.int32)
    return Mesh(
        points.reshape(-1, 3),
        np.repeat(normal, 4, axis=0),
        np.repeat(np.broadcast_to(np.asarray(bgr, np.float32), (count, 3)), 4, axis=0),
        np.repeat(np.broadcast_to(np.asarray(gloss, np.float32), (count,)), 4),
        np.repeat(np.broadcast_to(np.asarray(glow, np.float32), (count,)), 4),
        faces,
    )


#: The six faces of a cube of half size 1, anticlockwise seen from outside.
_CUBE = np.array(
    [
        [[1, -1, -1], [1, 1, -1], [1, 1, 1], [1, -1, 1]],
        [[-1, 1, -1], [-1, -1, -1], [-1, -1, 1], [-1, 1, 1]],
        [[1, 1, -1], [-1, 1, -1], [-1, 1, 1], [1, 1, 1]],
        [[-1, -1, -1], [1, -1, -1], [1, -1, 1], [-1, -1, 1]],
        [[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]],
        [[-1, 1, -1], [1, 1, -1], [1, -1, -1], [-1, -1, -1]],
    ],
    np.float32,
)


def box(
    centre: ArrayLike, size: ArrayLike, bgr: ArrayLike, *, gloss: float = 0.0, glow: float = 0.0
) -> Mesh:
    """Return a box with edges along the axes; `size` is its whole length, width and height."""
    half = np.asarray(size, np.float32) / 2
    return quads(_CUBE * half + np.asarray(centre, np.float32), bgr, gloss=gloss, glow=glow)


def loft(
    sections: FloatArray, bgr: ArrayLike, gloss: ArrayLike = 0.0, *, closed: bool = False
) -> Mesh:
    """Return the skin stretched over a row of cross-sections, shaded smoothly.

    Args: `sections` (S, K, 3), going forward, each anticlockwise seen from the front; `bgr`
    (S-1, J, 3) or (3,), and `gloss` likewise, with J = K faces a row if `closed` else K - 1.
    """
    ring = np.concatenate((sections, sections[:, :1]), axis=1) if closed else sections
    along = np.gradient(ring, axis=0)
    if closed:
        around = np.roll(sections, -1, axis=1) - np.roll(sections, 1, axis=1)
        around = np.concatenate((around, around[:, :1]), axis=1)
    else:
        around = np.gradient(ring, axis=1)
    normal = np.cross(along, around)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-6)
    index = np.s_[:-1, :-1], np.s_[1:, :-1], np.s_[1:, 1:], np.s_[:-1, 1:]
    rows, faces_a_row = len(ring) - 1, ring.shape[1] - 1
    flat = quads(
        np.stack([ring[i] for i in index], axis=2),
        np.broadcast_to(np.asarray(bgr, np.float32), (rows, faces_a_row, 3)).reshape(-1, 3),
        gloss=np.broadcast_to(np.asarray(gloss, np.float32), (rows, faces_a_row)).reshape(-1),
    )
    smooth = np.stack([normal[i] for i in index], axis=2).reshape(-1, 3).astype(np.float32)
    return Mesh(flat.xyz, smooth, flat.bgr, flat.gloss, flat.glow, flat.faces)


def _unit(rows: FloatArray) -> FloatArray:
    """Return (P, 3) vectors at length 1."""
    length = np.sqrt(np.einsum("pi,pi->p", rows, rows))
    unit: FloatArray = rows / np.maximum(length, 1e-6)[:, None]
    return unit


@dataclass(frozen=True, slots=True)
class LimbShape:
    """How finely a limb is drawn: its rings, (place along the axis, angle of the cap)."""

    rings: tuple[tuple[float, float], ...]
    around: int  # vertices of a ring

    @property
    def vertices(self) -> int:
        return len(self.rings) * self.around


FINE = LimbShape(((0, -90), (0, -40), (0, 0), (0.33, 0), (0.67, 0), (1, 0), (1, 40), (1, 90)), 10)
COARSE = LimbShape(((0, -90), (0, -20), (0.5, 0), (1, 20), (1, 90)), 6)


@lru_cache(maxsize=32)
def limb_faces(count: int, shape: LimbShape = FINE) -> IntArray:
    """Return the triangles of `count` limbs as `limbs` lays out their vertices."""
    n = shape.around
    ring, step = np.meshgrid(np.arange(len(shape.rings) - 1), np.arange(n), indexing="ij")
    a, b = ring * n + step, ring * n + (step + 1) % n
    one = np.stack((a, b, b + n, a, b + n, a + n), axis=-1).reshape(-1, 3)
    first = np.arange(count)[:, None, None] * shape.vertices
    return (first + one).reshape(-1, 3).astype(np.int32)


def limbs(
    start: FloatArray,
    end: FloatArray,
    radius: FloatArray,
    side: FloatArray,
    shape: LimbShape = FINE,
) -> tuple[FloatArray, FloatArray]:
    """Return the vertices and normals of tapered capsules with elliptic cross-sections.

    Args: `start`, `end` (P, 3); `radius` (P, 2, 2): at start and end, across (along `side`)
    and deep; `side` (P, 3) roughly square to the axis.
    Returns: (P, R, A, 3) twice, R rings of A vertices.
    """
    axis = end - start
    axis = _unit(axis)
    side = _unit(side - np.einsum("pi,pi->p", side, axis)[:, None] * axis)
    # np.cross costs five times as much on arrays as small as these.
    turned = axis[:, [1, 2, 0]], axis[:, [2, 0, 1]], side[:, [1, 2, 0]], side[:, [2, 0, 1]]
    deep = turned[0] * turned[3] - turned[1] * turned[2]
    along, degrees = np.array(shape.rings, np.float32).T
    angle = np.radians(degrees)
    turn = np.arange(shape.around) * np.float32(2 * np.pi / shape.around)
    mixed = radius[:, 0, None] + (radius[:, 1] - radius[:, 0])[:, None] * along[:, None]
    bulge = np.where((along > 0) & (along < 1), np.float32(1.06), np.float32(1))
    across = mixed * (np.cos(angle) * bulge)[:, None]  # (P, R, 2)
    centre = start[:, None] + (end - start)[:, None] * along[:, None]
    centre = centre + axis[:, None] * (mixed.mean(2) * np.sin(angle))[..., None]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    xyz = (
        centre[:, :, None]
        + across[..., 0, None, None] * cos * side[:, None, None]
        + across[..., 1, None, None] * sin * deep[:, None, None]
    )
    flat = mixed[..., 0, None, None] / np.maximum(mixed[..., 1, None, None], 1e-6)
    normal = cos * side[:, None, None] + flat * sin * deep[:, None, None]
    normal *= 1 / np.sqrt(np.einsum("prai,prai->pra", normal, normal))[..., None]
    normal = (
        normal * np.cos(angle)[:, None, None] + axis[:, None, None] * np.sin(angle)[:, None, None]
    )
    return xyz.astype(np.float32), normal.astype(np.float32)
