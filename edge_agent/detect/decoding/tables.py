"""Tables: boxes, scores and classes in tensors of their own, all boxes in one order.

boxes (n, rows, 4), or (n, rows, 5) with the score last; scores (n, rows) beside classes
(n, rows), or (n, rows, labels), or (n, labels, rows); count (n,) of rows that are filled.
Models for one picture may leave the first axis out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates, keep_finite
from edge_agent.detect.decoding.boxes import BoxFormat, BoxUnits, to_xyxy, unit_scale
from edge_agent.detect.decoding.sieve import Activation, Sieve, make_sieve
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray

_SCORE = 4  # the column behind the corners, where boxes carry their score


@dataclass(frozen=True, slots=True, eq=False)
class TableDecoder:
    """Decodes outputs whose roles are known by their order."""

    sieve: Sieve
    roles: tuple[str, ...]
    box_format: BoxFormat
    scale: FloatArray | None
    spare: int  # how many columns of scores may follow the labels', such as "no object"

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture.

        Raises: ModelError where outputs do not fit their roles, or no score of a picture is a
        number.
        """
        parts = dict(zip(self.roles, outputs, strict=False))
        boxes, scores = self._boxes_and_scores(parts, outputs, pictures)
        classes, count = parts.get("classes"), parts.get("count")
        found = []
        for picture in range(pictures):
            box, score = boxes[picture], scores[picture]
            rows = len(box) if count is None else min(int(count.flat[picture]), len(box))
            if classes is not None:
                label = classes.reshape(pictures, -1)[picture]
                hits = self.sieve.pick_named(score[:rows], label[:rows])
            elif score.ndim == 1:  # of the only label
                hits = self.sieve.pick_named(score[:rows], np.zeros(rows, np.int64))
            else:
                hits = self.sieve.pick(self._labels_first(score, len(box)))
            corners = box[hits.anchor, :_SCORE].astype(np.float32, copy=False)
            xyxy = to_xyxy(corners, self.box_format, self.scale)
            found.append(keep_finite(xyxy, hits.score, hits.class_id))
        return found

    def _labels_first(self, score: NDArray[Any], rows: int) -> NDArray[Any]:
        """Return scores (labels, rows) of one picture, a view."""
        is_so = len(score) != rows or (self._fits(len(score)) and not self._fits(score.shape[1]))
        return score if is_so else score.T

    def _fits(self, columns: int) -> bool:
        return self.sieve.labels <= columns <= self.sieve.labels + self.spare

    def _boxes_and_scores(
        self, parts: dict[str, NDArray[Any]], outputs: Sequence[NDArray[Any]], pictures: int
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return boxes (n, rows, 4 or 5) and scores (n, rows) or (n, …, …), checked."""
        boxes = parts.get("boxes", np.empty(0))
        scores = parts.get("scores", boxes[..., _SCORE:] if boxes.ndim else boxes)
        classes = parts.get("classes")
        if boxes.ndim == 4 and boxes.shape[2] == 1:
            boxes = boxes[:, :, 0]
        if boxes.ndim == 2 and pictures == 1:
            boxes, scores = boxes[None], scores[None]
        if scores.ndim == 3 and scores.shape[2] == 1 and (classes is not None or _one(self)):
            scores = scores[..., 0]
        if not self._belong_together(boxes, scores, classes, parts.get("count"), pictures):
            seen = ", ".join(
                f"{role} {output.shape}" for role, output in zip(self.roles, outputs, strict=False)
            )
            raise ModelError(
                f"{self.sieve.subject}: {len(outputs)} outputs, {seen or 'none'}: not boxes "
                f"({pictures}, rows, 4) with scores of {self.sieve.labels} labels or with classes"
            )
        return boxes, scores

    def _belong_together(
        self,
        boxes: NDArray[Any],
        scores: NDArray[Any],
        classes: NDArray[Any] | None,
        count: NDArray[Any] | None,
        pictures: int,
    ) -> bool:
        if boxes.ndim != 3 or boxes.shape[2] not in (4, 5) or len(boxes) != pictures:
            return False
        rows = boxes.shape[1]
        if count is not None and count.size != pictures:
            return False
        if classes is not None:
            return scores.shape == (pictures, rows) and classes.size == pictures * rows
        if scores.ndim == 2:
            return _one(self) and scores.shape == (pictures, rows)
        _, a, b = scores.shape if scores.ndim == 3 else (0, 0, 0)
        sides_fit = (a == rows and self._fits(b)) or (b == rows and self._fits(a))
        return len(scores) == pictures and sides_fit


def _one(decoder: TableDecoder) -> bool:
    return decoder.sieve.labels == 1


def table_decoder(
    manifest: Manifest,
    roles: Sequence[str],
    *,
    box_format: BoxFormat = "xyxy",
    units: BoxUnits = "pixels",
    activation: Activation = "none",
    spare: int = 0,
) -> TableDecoder:
    """Return the decoder; the arguments stand where the manifest does not say them."""
    return TableDecoder(
        make_sieve(manifest, activation),
        tuple(manifest.outputs or roles),
        manifest.box_format or box_format,
        unit_scale(manifest.box_units or units, manifest.input_wh),
        spare,
    )
