"""Whether a prepared model gives what the original gives, alone and in batches."""

import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.batching import difference, find_all, found_difference, paint_images
from edge_agent.detect.families import FAMILIES
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.session import Session
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray

_PICTURES = 3
_PAIRS = 12


def open_single(manifest: Manifest) -> Session:
    """Return a session on one CPU thread, which every model can be compared on."""
    return Session(manifest, threads=1, provider="cpu")


def output_fault(original: Session, prepared: Session, manifest: Manifest) -> str | None:
    """Return how `prepared` differs from `original` over single pictures and a batch.

    None where every output has the same shape, picture by picture, and the same values, or,
    where outputs follow no fixed order, where the same boxes are found.
    """
    images = paint_images(manifest, _PICTURES)
    batches = [slice(i, i + 1) for i in range(_PICTURES)]
    if not prepared.one_by_one:
        batches += [slice(0, _PICTURES), slice(1, _PICTURES)]
    if not FAMILIES[manifest.family].fixed_order:
        return _found_fault(original, prepared, manifest, [images[places] for places in batches])
    wanted = [_outputs(original, images[i : i + 1]) for i in range(_PICTURES)]
    for places in batches:
        count = places.stop - places.start
        try:
            seen = _outputs(prepared, images[places])
        except ModelError as error:
            return str(error)
        for number, output in enumerate(seen):
            alone = [row[number] for row in wanted[places]]
            shape = (count * alone[0].shape[0], *alone[0].shape[1:])
            if output.shape != shape:
                return f"output {number} of {count} pictures is {output.shape}, not {shape}"
            off = difference(np.concatenate(alone), output, original.dtype)
            if off is not None:
                return (
                    f"output {number} of {count} pictures differs: {off[0]:.4g} became {off[1]:.4g}"
                )
    return None


def _found_fault(
    original: Session, prepared: Session, manifest: Manifest, batches: Sequence[FloatArray]
) -> str | None:
    """Return how the boxes that `prepared` finds in `batches` differ from the original's."""
    wanted, found = [], []
    for images in batches:
        wanted += [find_all(original, manifest, image[None])[0] for image in images]
        try:
            found += find_all(prepared, manifest, images)
        except ModelError as error:
            return str(error)
    return found_difference(wanted, found, manifest, original.dtype)


def _outputs(session: Session, images: FloatArray) -> list[NDArray[Any]]:
    """Return the outputs of one run, or of the runs of a model that takes one picture."""
    runs = [outputs for outputs, _ in session.run(images)]
    return [np.concatenate(parts) for parts in zip(*runs, strict=True)]


def cpu_ratio(original: Session, prepared: Session, manifest: Manifest) -> tuple[float, float]:
    """Return (CPU of a picture over the original's, the original's milliseconds).

    Both run by turns on the calling thread alone, so that what the box does beside it hits both;
    the median of the pairs counts.
    """
    image = paint_images(manifest, 1)
    for session in (original, prepared):
        session.run(image)
    pairs = [(_cpu_ns(original, image), _cpu_ns(prepared, image)) for _ in range(_PAIRS)]
    ratio = statistics.median(new / old for old, new in pairs)
    return ratio, statistics.median(old for old, _ in pairs) / 1e6


def _cpu_ns(session: Session, image: FloatArray) -> int:
    started_ns = time.thread_time_ns()
    session.run(image)
    return time.thread_time_ns() - started_ns
