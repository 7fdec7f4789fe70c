"""Anchored heads: several boxes of given sizes in each cell, before their last step.

With the sigmoid s of the raw numbers: centre (2 s - 0.5 + cell) × stride, sides (2 s)² × anchor.
Source: Jocher, YOLOv5, "Architecture Summary", section 4.3 (eliminate grid sensitivity).
"""

import numpy as np

from edge_agent.types import FloatArray


def anchored_boxes(
    done: FloatArray, cell: FloatArray, stride: float, anchor: FloatArray
) -> FloatArray:
    """Return corners (K, 4) in pixels.

    Args: `done` (K, 4) after the sigmoid, `cell` (K, 2) in cells, `anchor` (K, 2) in pixels.
    """
    centre = (done[:, :2] * 2 - np.float32(0.5) + cell) * np.float32(stride)
    half = (done[:, 2:] * 2) ** 2 * anchor * np.float32(0.5)
    return np.concatenate((centre - half, centre + half), axis=1)
