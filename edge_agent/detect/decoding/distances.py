"""Distances: from a point of each cell to the four sides, as a distribution over whole strides.

A side's distance is the mean of 0, 1, … bins - 1 under the softmax of its bins, in strides.
Source: Li et al., Generalized Focal Loss, NeurIPS 2020, section 3.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates, keep_finite
from edge_agent.detect.decoding.grids import anchor_tables, grid_cells, grid_sizes
from edge_agent.detect.decoding.sieve import Activation, Sieve, make_sieve, softmax
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray, IdArray, Wh

CellPoint = Literal["corner", "middle", "pixel_middle"]

_SIDES = 4
_MOST_BINS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What belongs to one stride, or to all of them in one tensor."""

    first: int  # its first anchor
    scores: NDArray[Any]  # (n, a, labels)
    bins: NDArray[Any]  # (n, a, 4 × bins)


@dataclass(frozen=True, slots=True, eq=False)
class DistanceDecoder:
    """Decodes a tensor of scores and distances, or one of each, for a stride or for all."""

    sieve: Sieve
    roles: tuple[str, ...]  # empty where the number of channels tells them
    grids: tuple[Wh, ...]  # columns and rows of each stride
    point: FloatArray  # (anchors, 2) pixels
    stride: FloatArray  # (anchors, 1) pixels

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture.

        Raises: ModelError where the outputs are no scores and distances for the anchors of the
        strides, or no score of a picture is a number.
        """
        heads = self._heads(outputs, pictures)
        return [self._decode_picture(heads, picture) for picture in range(pictures)]

    def _decode_picture(self, heads: Sequence[Head], picture: int) -> Candidates:
        boxes, scores, classes = [], [], []
        for head in heads:
            hits = self.sieve.pick(head.scores[picture].T)
            boxes.append(self._boxes(head.bins[picture, hits.anchor], hits.anchor + head.first))
            scores.append(hits.score)
            classes.append(hits.class_id)
        return keep_finite(np.concatenate(boxes), np.concatenate(scores), np.concatenate(classes))

    def _boxes(self, raw: NDArray[Any], anchor: IdArray) -> FloatArray:
        if not len(anchor):
            return np.empty((0, _SIDES), np.float32)
        bins = softmax(raw.reshape(len(raw), _SIDES, -1).astype(np.float32, copy=False), axis=2)
        distance = bins @ np.arange(bins.shape[2], dtype=np.float32) * self.stride[anchor]
        point = self.point[anchor]
        return np.concatenate((point - distance[:, :2], point + distance[:, 2:]), axis=1)

    def _heads(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Head]:
        """Return the heads, which hold every anchor once. Raises: ModelError."""
        members: dict[int, list[tuple[str, NDArray[Any]]]] = {}
        for table in anchor_tables(outputs, self.grids, self._fits_width):
            role = self.roles[table.output] if table.output < len(self.roles) else ""
            if role != "-" and len(table.rows) == pictures:
                members.setdefault(table.first, []).append((role, table.rows))
        heads = [self._head(first, members[first]) for first in sorted(members)]
        found = [head for head in heads if head is not None]
        anchors = sum(head.scores.shape[1] for head in found)
        if anchors != len(self.point) or len(found) != len(heads):
            seen = ", ".join(str(output.shape) for output in outputs)
            wanted = ", ".join(str(w * h) for w, h in self.grids)
            raise ModelError(
                f"{self.sieve.subject}: output {seen}, not ({pictures}, anchors, "
                f"{self.sieve.labels} labels) and ({pictures}, anchors, 4 × bins), together or "
                f"apart, for the {wanted} anchors of the strides"
            )
        return found

    def _head(self, first: int, members: Sequence[tuple[str, NDArray[Any]]]) -> Head | None:
        labels = self.sieve.labels
        if len(members) == 1:
            rows = members[0][1]
            scores, bins = rows[..., :labels], rows[..., labels:]
        else:
            by_role = dict(reversed(members)) if self.roles else {}
            wide = [rows for _, rows in members if rows.shape[2] == labels]
            scores = by_role.get("scores", wide[0] if wide else members[0][1])
            others = [rows for _, rows in members if rows is not scores and _is_bins(rows.shape[2])]
            bins = by_role.get("boxes", others[0] if others else scores)
        fits = scores.shape[2] == labels and _is_bins(bins.shape[2]) and bins is not scores
        return Head(first, scores, bins) if fits else None

    def _fits_width(self, channels: int) -> bool:
        labels = self.sieve.labels
        return channels in (1, labels) or _is_bins(channels) or _is_bins(channels - labels)


def _is_bins(channels: int) -> bool:
    return channels % _SIDES == 0 and _SIDES * 2 <= channels <= _SIDES * _MOST_BINS


def distance_decoder(
    manifest: Manifest, cell_point: CellPoint, activation: Activation = "none"
) -> DistanceDecoder:
    """Return the decoder; the arguments stand where the manifest does not say them."""
    cell, stride = grid_cells(manifest.input_wh, manifest.strides)
    where = manifest.cell_point or cell_point
    point = (cell + np.float32(0 if where == "corner" else 0.5)) * stride
    if where == "pixel_middle":
        point -= np.float32(0.5)
    return DistanceDecoder(
        make_sieve(manifest, activation),
        tuple(manifest.outputs or ()),
        tuple(grid_sizes(manifest.input_wh, manifest.strides)),
        point,
        stride,
    )
