"""Grids: the cells of each stride, row by row, and which outputs belong to which."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.types import FloatArray, Wh


def grid_sizes(input_wh: Wh, strides: Sequence[int]) -> list[Wh]:
    """Return (columns, rows) of each stride; a rest of the input has a cell of its own."""
    return [(-(-input_wh[0] // stride), -(-input_wh[1] // stride)) for stride in strides]


def grid_cells(input_wh: Wh, strides: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Return the cell of each anchor, (anchors, 2) in cells, and its stride, (anchors, 1)."""
    cells, sizes = [], []
    for stride, (w, h) in zip(strides, grid_sizes(input_wh, strides), strict=True):
        rows, columns = np.mgrid[:h, :w]
        cells.append(np.stack((columns.ravel(), rows.ravel()), axis=1))
        sizes.append(np.full((rows.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(sizes).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class AnchorTable:
    """An output with a row an anchor, of one stride or of all together."""

    output: int  # its place among the outputs
    first: int  # its first anchor
    rows: NDArray[Any]  # (n, anchors, channels), a view


def anchor_tables(
    outputs: Sequence[NDArray[Any]],
    grids: Sequence[Wh],
    fits_width: Callable[[int], bool],
) -> list[AnchorTable]:
    """Return the outputs that hold anchors of `grids`, by first anchor.

    The rule is (n, anchors, channels) and (n, channels, h, w); the other way round is taken
    where more outputs fit so: 80 labels on 80 × 80 cells read both ways.
    Args: `fits_width` tells whether a number of channels makes sense.
    """
    usual, other = (
        [
            table
            for number, output in enumerate(outputs)
            if (table := _anchor_table(number, output, grids, fits_width, swapped)) is not None
        ]
        for swapped in (False, True)
    )
    best = other if len(other) > len(usual) else usual
    return sorted(best, key=lambda table: table.first)


def _anchor_table(
    number: int,
    output: NDArray[Any],
    grids: Sequence[Wh],
    fits_width: Callable[[int], bool],
    swapped: bool,
) -> AnchorTable | None:
    starts = np.cumsum([0, *(w * h for w, h in grids)]).tolist()
    if output.ndim == 4:
        table = output if swapped else output.transpose(0, 2, 3, 1)
        for (w, h), start in zip(grids, starts, strict=False):
            if table.shape[1:3] == (h, w) and fits_width(table.shape[3]):
                return AnchorTable(number, start, table.reshape(len(table), w * h, -1))
    if output.ndim == 3:
        rows = output.transpose(0, 2, 1) if swapped else output
        for start, end in ((0, starts[-1]), *pairwise(starts)):
            if rows.shape[1] == end - start and fits_width(rows.shape[2]):
                return AnchorTable(number, start, rows)
    return None
