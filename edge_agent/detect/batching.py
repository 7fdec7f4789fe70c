"""Whether a model may be batched: only where a batch finds what single pictures find.

A model quantised dynamically takes its scale over the whole batch, so one camera's picture
changes another's scores; an export with a fixed batch inside merges pictures. Both are seen
by running different pictures alone and together. Outputs that stand in a fixed order are
compared number by number; finished detections, whose order and number follow the pictures, box
by box after decoding.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates
from edge_agent.detect.families import FAMILIES
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.session import Session
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray

#: How far a value may lie off: this, and this part of the value. Float sums in another order
#: differ by less, a scale shared by the batch by more. By the input's type.
_TOLERANCE = {np.dtype(np.float32): 1e-3, np.dtype(np.float16): 2e-2}
_BLOCK = 16  # pixels

#: Finished detections are compared down to this score, where painted pictures have some too.
_LEAST_SCORE = 1e-3
#: So many of the best boxes of a picture must be in the other; weaker ones come and go with
#: what an export keeps.
_BEST = 20
#: How far a box may lie off, as a part of the input's longer side.
_BOX_TOLERANCE = 5e-3


def batch_fault(session: Session, manifest: Manifest, batch: int) -> str | None:
    """Return why `batch` pictures may not be run together, None where they may.

    Raises: ModelError where inference fails.
    """
    if session.one_by_one or batch == 1:
        return None
    images = paint_images(manifest, batch)
    if not FAMILIES[manifest.family].fixed_order:
        return _found_fault(session, manifest, images)
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


def _found_fault(session: Session, manifest: Manifest, images: FloatArray) -> str | None:
    """Return how the detections in a batch of `images` differ from those in single ones."""
    single = [find_all(session, manifest, images[i : i + 1]) for i in range(len(images))]
    try:
        together = find_all(session, manifest, images)
    except ModelError as error:
        return str(error).removeprefix(f"model {manifest.model_id}: ")
    return found_difference([found for (found,) in single], together, manifest, session.dtype)


def find_all(session: Session, manifest: Manifest, images: FloatArray) -> list[Candidates]:
    """Return what is in each of `images`, of every label and down to the least score.

    Each label is a class of its own: the more boxes, the more is proven. Raises: ModelError.
    """
    every = {label: f"person/label-{i}" for i, label in enumerate(manifest.labels)}
    wide = manifest.model_copy(update={"score_threshold": _LEAST_SCORE, "class_map": every})
    decoder = FAMILIES[manifest.family].build_decoder(wide)
    found: list[Candidates] = []
    for outputs, pictures in session.run(images):
        found += decoder.decode(outputs, pictures)
    return found


def found_difference(
    wanted: Sequence[Candidates],
    found: Sequence[Candidates],
    manifest: Manifest,
    dtype: np.dtype[Any],
) -> str | None:
    """Return how `found` differs from `wanted`, picture by picture; None where it does not.

    Nothing in any picture is a difference too: it proves nothing. `dtype` of the model's input.
    """
    if not any(len(candidates.score) for candidates in wanted):
        return "it finds nothing in the test pictures, so that nothing is proven"
    score_off = _TOLERANCE.get(dtype, _TOLERANCE[np.dtype(np.float32)])
    box_off = max(manifest.input_wh) * _BOX_TOLERANCE
    for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
        lost = _lost(one, other, score_off, box_off)
        if lost is not None:
            return f"picture {number} loses a box of score {lost:.4g}"
        gained = _lost(other, one, score_off, box_off)
        if gained is not None:
            return f"picture {number} gains a box of score {gained:.4g}"
    return None


def _lost(some: Candidates, others: Candidates, score_off: float, box_off: float) -> float | None:
    """Return the score of the best box of `some` that `others` lacks; None where it has all."""
    for row in np.argsort(-some.score, kind="stable")[:_BEST]:
        same = (
            (others.class_id == some.class_id[row])
            & (np.abs(others.score - some.score[row]) <= score_off)
            & (np.abs(others.xyxy - some.xyxy[row]).max(axis=1, initial=0) <= box_off)
        )
        if not same.any():
            return float(some.score[row])
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
    tolerance = _TOLERANCE.get(dtype, _TOLERANCE[np.dtype(np.float32)])
    a, b = alone.astype(np.float64), together.astype(np.float64)
    off = ~np.isclose(b, a, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not off.any():
        return None
    worst = np.argmax(np.where(off, np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf), -1.0))
    return float(a.flat[worst]), float(b.flat[worst])
