"""Box formats: from what a model writes to corners in pixels of its input."""

from typing import Literal

import numpy as np

from edge_agent.types import FloatArray, Wh

BoxFormat = Literal["xyxy", "yxyx", "cxcywh", "xywh"]
BoxUnits = Literal["pixels", "normalised"]


def unit_scale(units: BoxUnits, input_wh: Wh) -> FloatArray | None:
    """Return what corners are multiplied by to be pixels, (4,), or None for nothing."""
    return np.array(input_wh * 2, np.float32) if units == "normalised" else None


def to_xyxy(boxes: FloatArray, box_format: BoxFormat, scale: FloatArray | None) -> FloatArray:
    """Return `boxes` (N, 4) as corners in pixels of the model's input.

    Numbers that are infinite or NaN give boxes that are, without a warning.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if box_format == "yxyx":
            xyxy = boxes[:, [1, 0, 3, 2]]
        elif box_format == "cxcywh":
            half = boxes[:, 2:] * np.float32(0.5)
            xyxy = np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1)
        elif box_format == "xywh":
            xyxy = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)
        else:
            xyxy = boxes
        return xyxy if scale is None else xyxy * scale
