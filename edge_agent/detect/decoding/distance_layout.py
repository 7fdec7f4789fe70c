"""How the outputs of a file with distances as distributions are arranged, told by their shapes."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from edge_agent.detect.clues import are_scores, outputs_of, strides_of
from edge_agent.detect.decoding.grids import anchor_tables, grid_sizes
from edge_agent.detect.graph_facts import GraphFacts
from edge_agent.types import Wh

_SIDES = 4
_MOST_CHANNELS = 1_000
_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (8,), (16,))
#: Bins a side: 8 in NanoDet and PicoDet, 16 in YOLOv8, 17 in GFL and PP-YOLOE, 33 in others.
_BINS = (8, 16, 17, 33)


@dataclass(frozen=True, slots=True)
class DistanceLayout:
    """What the shapes tell."""

    strides: tuple[int, ...]
    together: bool  # one output holds scores and distances of all strides
    labels: int
    bins: int
    activation: str  # what is still to be done to the scores


def distance_layout(facts: GraphFacts) -> DistanceLayout | None:
    """Return the arrangement, None where the outputs are no scores and distances."""
    if facts.probe is None:
        return None
    outputs = outputs_of(facts)
    if len(outputs) == 1:
        return _together(outputs[0], facts.probe.input_wh)
    found = [
        layout
        for strides in _STRIDES
        if (layout := _apart(outputs, strides, facts.probe.input_wh)) is not None
    ]
    return found[0] if found else None


def _together(output: NDArray[Any], input_wh: Wh) -> DistanceLayout | None:
    if output.ndim != 3:
        return None
    rows = output[0] if strides_of(output.shape[1], input_wh) else output[0].T
    strides = strides_of(len(rows), input_wh)
    for bins in _BINS:
        labels = rows.shape[1] - _SIDES * bins
        if strides is None or labels < 1:
            continue
        # Scores lie in 0..1 and bins do not: else these are rows of boxes.
        if are_scores(rows[:, :labels]) and (rows[:, labels:] < 0).any(axis=0).all():
            return DistanceLayout(strides, True, labels, bins, "none")
    return None


def _apart(
    outputs: Sequence[NDArray[Any]], strides: Sequence[int], input_wh: Wh
) -> DistanceLayout | None:
    grids = grid_sizes(input_wh, strides)
    tables = anchor_tables(outputs, grids, lambda channels: channels <= _MOST_CHANNELS)
    if len(tables) != len(outputs):
        return None
    starts = [0, *itertools.accumulate(w * h for w, h in grids[:-1])]
    by_level = [[table.rows[0] for table in tables if table.first == start] for start in starts]
    if not all(len(members) in (2, 3) for members in by_level):
        return None
    widths = [sorted({rows.shape[1] for rows in members}) for members in by_level]
    if any(w != widths[0] for w in widths):
        return None
    for bins in _BINS:
        others = [w for w in widths[0] if w != _SIDES * bins]
        if _SIDES * bins in widths[0] and len(others) in (1, 2):
            labels = max(others)  # a sum of the scores may stand beside them
            scores = [r for members in by_level for r in members if r.shape[1] == labels]
            done = all(are_scores(part) for part in scores)
            return DistanceLayout(
                tuple(strides), False, labels, bins, "none" if done else "sigmoid"
            )
    return None
