"""Rows: one finished detection a row, as exports with their own suppression give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates, keep_finite
from edge_agent.detect.decoding.boxes import to_xyxy, unit_scale
from edge_agent.detect.decoding.sieve import Sieve, make_sieve
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RowsDecoder:
    """Decodes (n, rows, columns), or (rows, columns) of all pictures together."""

    sieve: Sieve
    columns: tuple[str, ...]
    scale: FloatArray | None

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture.

        Rows of all pictures together are told apart by the column "batch", or by a second
        output that counts each picture's rows; without either there may be one picture.
        Raises: ModelError where no output fits or rows cannot be given to pictures.
        """
        rows = self._find_rows(outputs)
        if "batch" in self.columns:
            rows = rows.reshape(-1, len(self.columns))
        parts = self._split(rows, outputs, pictures) if rows.ndim == 2 else list(rows)
        if len(parts) != pictures:
            raise ModelError(
                f"{self.sieve.subject}: output {rows.shape} for {pictures} pictures; "
                "the batch is dropped"
            )
        return [self._decode_rows(part) for part in parts]

    def _decode_rows(self, rows: NDArray[Any]) -> Candidates:
        place = self.columns.index
        hits = self.sieve.pick_named(rows[:, place("score")], rows[:, place("class")])
        corners = [place(word) for word in ("x1", "y1", "x2", "y2")]
        boxes = rows[hits.anchor[:, None], corners].astype(np.float32, copy=False)
        return keep_finite(to_xyxy(boxes, "xyxy", self.scale), hits.score, hits.class_id)

    def _find_rows(self, outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
        for output in outputs:
            if output.ndim >= 2 and output.shape[-1] == len(self.columns):
                return output if output.ndim < 4 else output.reshape(-1, *output.shape[-2:])
        seen = ", ".join(str(output.shape) for output in outputs)
        raise ModelError(
            f"{self.sieve.subject}: output {seen}, not (…, {len(self.columns)}) = "
            f"({', '.join(self.columns)})"
        )

    def _split(
        self, rows: NDArray[Any], outputs: Sequence[NDArray[Any]], pictures: int
    ) -> list[NDArray[Any]]:
        if "batch" in self.columns:
            picture = rows[:, self.columns.index("batch")]
            return [rows[picture == number] for number in range(pictures)]
        for output in outputs:
            if output.size == pictures and output.dtype.kind in "iu":
                ends = np.cumsum(output.ravel())
                if ends[-1] > len(rows):
                    break
                return [rows[a:b] for a, b in zip((0, *ends[:-1]), ends, strict=True)]
        else:
            if pictures == 1:
                return [rows]
        raise ModelError(
            f"{self.sieve.subject}: nothing tells which of {len(rows)} rows belong to which of "
            f"{pictures} pictures; run one picture a time"
        )


def rows_decoder(manifest: Manifest, columns: Sequence[str]) -> RowsDecoder:
    """Return the decoder of rows; `columns` where the manifest does not say them."""
    return RowsDecoder(
        make_sieve(manifest),
        tuple(manifest.columns or columns),
        unit_scale(manifest.box_units or "pixels", manifest.input_wh),
    )
