"""Which of several outputs holds boxes, scores, classes or a count, told by shapes and values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.clues import (
    Habit,
    are_scores,
    lie_within,
    look_whole,
    make_claim,
    outputs_of,
)
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.types import Json

_BOXES_NAMES = ("box", "dets")
_SCORES_NAMES = ("score", "logit", "conf", "prob")
_MOST_BESIDE = 3
_CLASSES_NAMES = ("class", "label")


@dataclass(frozen=True, slots=True)
class TableLayout:
    """What names, shapes and the probe's values tell."""

    roles: tuple[str, ...]  # one for each output of the graph
    rows: int
    flat: bool  # no axis for pictures
    normalised: bool  # boxes in 0..1
    box_format: str
    labels: int | None  # None where classes are told by number
    activation: str
    whole_count: bool  # the count is of a type of whole numbers


def table_layout(facts: GraphFacts) -> TableLayout | None:
    """Return the roles of the outputs; None where no output has boxes with scores of its own."""
    if facts.probe is None or not 2 <= len(outputs_of(facts)) <= 8:
        return None
    named = dict(facts.probe.outputs)
    boxes_name = _find_boxes(named)
    if boxes_name is None:
        return None
    boxes = named[boxes_name]
    if boxes.ndim == 4:
        boxes = boxes[:, :, 0]
    flat = boxes.ndim == 2
    rows = boxes.shape[-2]
    roles = dict.fromkeys(named, "-") | {boxes_name: "boxes"}
    others = {name: output for name, output in named.items() if name != boxes_name}
    by_label = _assign(roles, others, rows, has_score=boxes.shape[-1] == 5)
    if "classes" not in roles.values() and by_label is None:
        return None
    return _layout(roles, named, boxes, by_label, flat)


def _assign(
    roles: dict[str, str], others: Mapping[str, NDArray[Any]], rows: int, *, has_score: bool
) -> NDArray[Any] | None:
    """Give the outputs beside the boxes their roles; return the scores of labels, if these count.

    A class and a score a row come first: exports that suppress may put out more beside them.
    Args: `has_score` whether the boxes carry their score.
    """
    plain = [name for name, o in others.items() if o.size == rows and rows in o.shape]
    classes = _first(
        [n for n in plain if _has(n, _CLASSES_NAMES)],
        [n for n in plain if others[n].dtype.kind in "iu"],
        [n for n in plain if look_whole(others[n]) and others[n].any()],
    )
    score = _first(
        [n for n in plain if n != classes and _has(n, _SCORES_NAMES)],
        [n for n in plain if n != classes and lie_within(others[n], 0, 1)],
    )
    if classes is not None and (score is not None or has_score):
        roles[classes] = "classes"
        if score is not None and not has_score:
            roles[score] = "scores"
        count = _first([n for n, o in others.items() if o.size == 1 and rows != 1])
        if count is not None:
            roles[count] = "count"
        return None
    tables = [
        name
        for name, o in others.items()
        if o.ndim == 3 and rows in o.shape[1:] and min(o.shape[1:]) > 1
    ]
    tables = [name for name in tables if _has(name, _SCORES_NAMES)] or tables
    # Heads of several strides are no table, and boxes with a score of their own need no other.
    if len(tables) != 1 or len(others) > _MOST_BESIDE or has_score:
        return None
    roles[tables[0]] = "scores"
    return others[tables[0]]


def _first(*choices: list[str]) -> str | None:
    return next((names[0] for names in choices if names), None)


def _layout(
    roles: Mapping[str, str],
    named: Mapping[str, NDArray[Any]],
    boxes: NDArray[Any],
    by_label: NDArray[Any] | None,
    flat: bool,
) -> TableLayout:
    labels, activation = None, "none"
    rows = boxes.shape[-2]
    if by_label is not None:
        labels = by_label.shape[2] if by_label.shape[1] == rows else by_label.shape[1]
        activation = "none" if are_scores(by_label) else "sigmoid"
    corners = boxes.reshape(-1, boxes.shape[-1])[:, :4].astype(np.float32)
    normalised = corners.size > 0 and lie_within(corners, -0.5, 1.5, 0.99)
    counts = [named[name] for name, role in roles.items() if role == "count"]
    return TableLayout(
        tuple(roles[name] for name in named),
        rows,
        flat,
        normalised,
        _box_format(corners, roles),
        labels,
        activation,
        bool(counts) and counts[0].dtype.kind in "iu",
    )


def _find_boxes(named: Mapping[str, NDArray[Any]]) -> str | None:
    """Return the output of four columns, by name where two have four; five only with a name."""
    fits = [
        name
        for name, o in named.items()
        if o.dtype.kind == "f"
        and (
            (o.ndim in (2, 3) and o.shape[-1] in (4, 5)) or (o.ndim == 4 and o.shape[2:] == (1, 4))
        )
    ]
    told = [name for name in fits if _has(name, _BOXES_NAMES)]
    four = [name for name in fits if named[name].shape[-1] == 4]
    return next(iter(told or four or fits), None)


def _has(name: str, words: tuple[str, ...]) -> bool:
    return any(word in name.lower() for word in words)


def _box_format(corners: NDArray[Any], roles: Mapping[str, str]) -> str:
    """Return the likeliest format; which of x and y comes first, only the names can tell."""
    filled = corners[corners.any(axis=1)]
    ordered = (filled[:, 2:] >= filled[:, :2]).all(axis=1).mean() if len(filled) else 1.0
    if ordered < 0.9:
        return "cxcywh"
    tensorflow = any("detection_" in name or "StatefulPartitioned" in name for name in roles)
    return "yxyx" if tensorflow else "xyxy"


def claim_tables(
    facts: GraphFacts,
    family: str,
    certainty: float,
    layout: TableLayout,
    *,
    habit: Habit,
    values: Mapping[str, Json] | None = None,
    spare: int = 0,
) -> Claim | None:
    """Return a family's claim on `layout`; `values` win over what the layout tells."""
    formats = (layout.box_format, *(f for f in ("xyxy", "yxyx") if f != layout.box_format))
    units = "normalised" if layout.normalised else "pixels"
    told: dict[str, Json] = {"outputs": layout.roles, "box_units": units, **(values or {})}
    told.setdefault("box_format", layout.box_format)
    if layout.labels is not None:
        told.setdefault("activation", layout.activation)
    alternatives = {} if "box_format" in (values or {}) else {"box_format": formats}
    shapes = ", ".join(
        f"{role} {tuple(output.shape)}"
        for role, output in zip(layout.roles, outputs_of(facts), strict=True)
        if role != "-"
    )
    return make_claim(
        facts,
        family,
        certainty,
        f"outputs {shapes}, boxes {'in 0..1' if layout.normalised else 'in pixels'}",
        habit=habit,
        labels=layout.labels,
        values=told,
        alternatives=alternatives,
        spare=spare,
    )
