"""From triangles to pixels: OpenCV 5's depth-buffered rasteriser, one small window a body.

A body is drawn alone, several samples a pixel, into the window that it covers; the window's
depth then decides what of it is seen. So the whole of a body and the visible part of it are
both known, exactly.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from edge_agent.scenes.view import View
from edge_agent.types import FloatArray, IntArray, Wh

#: Triangles that reach nearer than this are left out: the rasteriser does not clip them.
NEAR_M = 0.4
FAR_M = 4000.0


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """A body drawn alone: a window that may reach over the picture's edges."""

    left: int
    top: int
    bgr: FloatArray  # (h, w, 3), multiplied by alpha
    alpha: FloatArray  # (h, w) covered part of each pixel
    depth: FloatArray  # (h, w) m, FAR_M where nothing is
    xyxy: tuple[float, float, float, float]  # px of the picture, to a sample's width


def _settings() -> "cv2.TriangleRasterizeSettings":
    settings = cv2.TriangleRasterizeSettings()
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    settings.setCullingMode(cv2.RASTERIZE_CULLING_CW)
    settings.setGlCompatibleMode(cv2.RASTERIZE_COMPAT_INVDEPTH)  # half the cost of metres
    return settings


def rasterise(
    seen: FloatArray,
    faces: IntArray,
    bgr: FloatArray,
    view: View,
    window: tuple[int, int, int, int],
    samples: int,
) -> tuple[FloatArray, FloatArray]:
    """Return the colours and depths seen in a window of the picture.

    Args: `seen` (N, 3) vertices as `View.see` gives them, `bgr` (N, 3) their colours;
    `window` left, top, width, height in px; `samples` a pixel along each side; faces seen from
    behind are left out.
    Returns: (h·s, w·s, 3) and (h·s, w·s), FAR_M where nothing is.
    Source: cv2.triangleRasterize of OpenCV 5; a window off the picture's middle is a shear
    of the camera's space.
    """
    left, top, width, height = (value * samples for value in window)
    focal = view.focal_px * samples
    shear_x = (left + width / 2 - view.wh[0] * samples / 2) / focal
    shear_y = (view.wh[1] * samples / 2 - top - height / 2) / focal
    chosen = faces
    if seen[:, 2].max(initial=-FAR_M) > -NEAR_M:
        chosen = faces[(seen[:, 2][faces] < -NEAR_M).all(axis=1)]
    shear = np.array([[1, 0, 0], [0, 1, 0], [shear_x, shear_y, 1]], np.float32)
    colours = np.zeros((height, width, 3), np.float32)
    depths = np.ones((height, width), np.float32)
    if len(chosen):
        cv2.triangleRasterize(
            np.ascontiguousarray(seen @ shear, np.float32), np.ascontiguousarray(chosen),
            np.ascontiguousarray(bgr, np.float32), colours, depths, np.eye(4),
            2 * np.arctan(height / 2 / focal), NEAR_M, FAR_M, _settings(),
        )  # fmt: skip
    depths *= NEAR_M - FAR_M
    depths += FAR_M
    np.divide(NEAR_M * FAR_M, depths, out=depths)
    return colours, depths


def window_of(seen: FloatArray, view: View, *, beyond: float) -> tuple[int, int, int, int] | None:
    """Return the window that a body covers, cut `beyond` picture sizes outside the picture.

    Args: `seen` (N, 3) vertices as `View.see` gives them.
    Returns None where the body lies wholly outside the picture or behind the camera.
    """
    depth = -seen[:, 2]
    if depth.min() < NEAR_M:
        seen, depth = seen[depth > NEAR_M], depth[depth > NEAR_M]
        if len(seen) == 0:
            return None
    x = view.wh[0] / 2 + view.focal_px * (seen[:, 0] / depth)
    y = view.wh[1] / 2 - view.focal_px * (seen[:, 1] / depth)
    edges = []
    for values, size in ((x, view.wh[0]), (y, view.wh[1])):
        low, high = float(values.min()), float(values.max())
        if high <= 0 or low >= size:
            return None
        start = int(max(math.floor(low) - 1, -beyond * size))
        edges.append((start, int(min(math.ceil(high) + 1, (1 + beyond) * size)) - start))
    (left, width), (top, height) = edges
    return left, top, width, height


def shrink(samples: FloatArray, wh: Wh) -> FloatArray:
    """Return the mean of the samples in each pixel."""
    return np.asarray(cv2.resize(samples, wh, interpolation=cv2.INTER_AREA), np.float32)


def spread(plane: FloatArray) -> FloatArray:
    """Return a plane (h, w) thrice, (h, w, 3): numpy's broadcast over 3 is four times slower."""
    return np.asarray(cv2.merge((plane, plane, plane)), np.float32)


def samples_for(height_px: int) -> int:
    """Return how many samples a pixel a body of this height needs along each side."""
    return 4 if height_px < 32 else 3 if height_px < 72 else 2


def draw_sprite(
    xyz: FloatArray, faces: IntArray, bgr: FloatArray, view: View, *, beyond: float = 0.75
) -> Sprite | None:
    """Return the body drawn alone, or None where nothing of it falls into the picture."""
    seen = view.see(xyz)
    window = window_of(seen, view, beyond=beyond)
    if window is None:
        return None
    left, top, width, height = window
    samples = samples_for(height)
    colours, depths = rasterise(seen, faces, bgr, view, window, samples)
    hit = (depths < FAR_M * 0.99).astype(np.float32)
    rows, columns = np.flatnonzero(hit.any(axis=1)), np.flatnonzero(hit.any(axis=0))
    if len(rows) == 0:
        return None
    alpha = shrink(hit, (width, height))
    depths *= hit
    near = shrink(depths, (width, height))
    near = np.divide(near, alpha, out=np.full_like(near, FAR_M), where=alpha > 1e-3)
    return Sprite(
        left, top,
        shrink(colours, (width, height)),
        alpha, near,
        (
            left + int(columns[0]) / samples, top + int(rows[0]) / samples,
            left + (int(columns[-1]) + 1) / samples, top + (int(rows[-1]) + 1) / samples,
        ),
    )  # fmt: skip
