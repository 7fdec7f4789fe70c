"""Whether a model may be batched: only where a batch finds what single pictures find.

A model quantised dynamically takes its scale over the whole batch, so one camera's picture
changes another's scores; an export with a fixed batch inside merges pictures. Both are seen
by running different pictures alone and together.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.manifest import Manifest
from edge_agent.detect.session import Session
from edge_agent.types import FloatArray

#: How far a value may lie off: this, and this part of the value. Float sums in another order
#: differ by less, a scale shared by the batch by more. By the input's type.
_TOLERANCE = {np.dtype(np.float32): 1e-3, np.dtype(np.float16): 2e-2}
_BLOCK = 16  # pixels


def batch_fault(session: Session, manifest: Manifest, batch: int) -> str | None:
    """Return why `batch` pictures may not be run together, None where they may.

    Raises: ModelError where inference fails.
    """
    if session.one_by_one or batch == 1:
        return None
    images = paint_images(manifest, batch)
    singles = [
        [np.asarray(output) for output in outputs]
        for i in range(batch)
        for outputs, _ in session.run(images[i : i + 1])
    ]
    ((together, _),) = session.run(images)
    for number, output in enumerate(together):
        alone = [single[number] for single in singles]
        shape = (batch, *alone[0].shape[1:])
        if any(len(part) != 1 for part in alone) or output.shape != shape:
            return f"output {number} has the shape {output.shape}, not {shape}"
        off = difference(np.concatenate(alone), output, session.dtype)
        if off is not None:
            return (
                f"output {number} is not what single pictures give (a value of {off[0]:.4g} "
                f"becomes {off[1]:.4g}), as in a dynamically quantised model, whose scale is the "
                "batch's"
            )
    return None


def paint_images(manifest: Manifest, count: int) -> FloatArray:
    """Return `count` pictures as the model wants them, (count, 3, h, w), all different.

    Blocks of random colours, from nearly flat to full contrast, so that a scale that the batch
    shares shows.
    """
    rng = np.random.default_rng(5)
    w, h = manifest.input_wh
    gain, bias = (np.array(v, np.float32).reshape(3, 1, 1) for v in manifest.gain_bias)
    images = np.empty((count, 3, h, w), np.float32)
    for image, contrast in zip(images, np.linspace(0.1, 1.0, count), strict=True):
        cells = rng.random((3, -(-h // _BLOCK), -(-w // _BLOCK)), np.float32) - np.float32(0.5)
        blocks = cells.repeat(_BLOCK, axis=1).repeat(_BLOCK, axis=2)[:, :h, :w]
        image[:] = (127.5 + blocks * np.float32(255 * contrast)) * gain + bias
    return images


def difference(
    alone: NDArray[Any], together: NDArray[Any], dtype: np.dtype[Any]
) -> tuple[float, float] | None:
    """Return the pair of values that differ most beyond what sums in another order do.

    Args: two outputs of one shape; `dtype` of the model's input. None: no such pair.
    """
    tolerance = _TOLERANCE[dtype]
    a, b = alone.astype(np.float64), together.astype(np.float64)
    off = ~np.isclose(b, a, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not off.any():
        return None
    worst = np.argmax(np.where(off, np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf), -1.0))
    return float(a.flat[worst]), float(b.flat[worst])
