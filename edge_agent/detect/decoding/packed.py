"""Packed outputs: one tensor in which a box and its scores stand together.

(n, anchors, 4 [+ 1] + labels), or its transpose (n, 4 [+ 1] + labels, anchors).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates, keep_finite
from edge_agent.detect.decoding.boxes import BoxFormat, to_xyxy, unit_scale
from edge_agent.detect.decoding.sieve import Sieve, make_sieve
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray

_BOX = 4


@dataclass(frozen=True, slots=True, eq=False)
class PackedDecoder:
    """Decodes boxes that the graph has made, with or without an objectness."""

    sieve: Sieve
    objectness: bool
    box_format: BoxFormat
    scale: FloatArray | None  # (4,) what corners are multiplied by to be pixels of the input

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture.

        Outputs beside the one of the right width are passed over: older exports carry the heads
        before decoding too. Raises: ModelError where no output fits, or where no score of a
        picture is a number.
        """
        by_picture = self._rows(outputs, pictures)
        if self.objectness:
            return [self._decode_objects(rows) for rows in by_picture]
        return [self._decode_plain(rows) for rows in by_picture]

    def _decode_plain(self, rows: NDArray[Any]) -> Candidates:
        hits = self.sieve.pick(rows.T[_BOX:])
        boxes = rows[hits.anchor, :_BOX].astype(np.float32, copy=False)
        return keep_finite(to_xyxy(boxes, self.box_format, self.scale), hits.score, hits.class_id)

    def _decode_objects(self, rows: NDArray[Any]) -> Candidates:
        likely = self.sieve.likely(rows[:, _BOX])
        found = rows[likely].astype(np.float32, copy=False)
        by_label = self.sieve.activate(self.sieve.counted(found[:, _BOX + 1 :]))
        with np.errstate(invalid="ignore"):  # infinity × 0 is NaN, which is dropped later
            by_label *= self.sieve.activate(found[:, _BOX : _BOX + 1])
        hits, kept = self.sieve.judge(likely, by_label)
        boxes = to_xyxy(found[kept, :_BOX], self.box_format, self.scale)
        return keep_finite(boxes, hits.score, hits.class_id)

    def _rows(self, outputs: Sequence[NDArray[Any]], pictures: int) -> NDArray[Any]:
        """Return (pictures, anchors, width), a view."""
        width = _BOX + self.objectness + self.sieve.labels
        for output in outputs:
            if output.ndim == 3 and output.shape[0] == pictures:
                if output.shape[1] == width != output.shape[2] or (
                    output.shape[1:] == (width, width) and not self.objectness
                ):
                    return output.transpose(0, 2, 1)
                if output.shape[2] == width:
                    return output
        seen = ", ".join(str(output.shape) for output in outputs)
        raise ModelError(
            f"{self.sieve.subject}: output {seen}, not ({pictures}, anchors, {width}) or its "
            f"transpose = (pictures, anchors, 4{' + 1' * self.objectness} + labels)"
        )


def packed_decoder(manifest: Manifest, *, objectness: bool) -> PackedDecoder:
    """Return the decoder of boxes that are cx, cy, w, h where the manifest says nothing else."""
    return PackedDecoder(
        make_sieve(manifest),
        objectness,
        manifest.box_format or "cxcywh",
        unit_scale(manifest.box_units or "pixels", manifest.input_wh),
    )
