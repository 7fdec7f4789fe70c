"""Clues: what several families read out of a file's facts, and the preparations they share."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.detect.decoding.grids import grid_sizes
from edge_agent.detect.graph_facts import Claim, GraphFacts, TensorFacts
from edge_agent.types import Json, Wh

Preparation = tuple[float, tuple[float, float, float], tuple[float, float, float]]

_ZERO, _ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
#: (scale, mean, std) as a manifest says them, for RGB.
PLAIN: Preparation = (1.0, _ZERO, _ONE)  # 0..255
UNIT: Preparation = (1 / 255, _ZERO, _ONE)  # 0..1
SIGNED: Preparation = (1 / 127.5, _ONE, _ONE)  # -1..1
#: Source: the means and deviations of ImageNet's pictures, as torchvision documents them.
IMAGENET: Preparation = (1.0, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
#: The same for BGR.
IMAGENET_BGR: Preparation = (1.0, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395))

#: How many labels the well-known sets have: COCO (closed up, by id), Pascal VOC, Objects365.
_KNOWN_SETS = (80, 91, 20, 365)
#: Inputs of whole numbers leave no choice.
_OF_WHOLE: Mapping[str, Preparation] = {"uint8": PLAIN, "int8": (1.0, (128.0, 128.0, 128.0), _ONE)}


@dataclass(frozen=True, slots=True)
class Habit:
    """How pictures are prepared for a family's detectors, the usual way first."""

    channels: tuple[str, ...] = ("rgb", "bgr")
    preparation: tuple[Preparation, ...] = (UNIT, PLAIN, IMAGENET)
    letterbox: tuple[str, ...] = ("centre", "top_left", "stretch")


#: What inputs beside the picture are given, by their names.
_EXTRA_WORDS: Mapping[str, Json] = {
    "orig_target_sizes": "input_wh",
    "orig_target_size": "input_wh",
    "target_sizes": "input_wh",
    "orig_size": "input_wh",
    "im_shape": "input_hw",
    "image_shape": "input_hw",
    "ori_shape": "input_hw",
    "scale_factor": "ones",
    "pixel_mask": "ones",
}


def picture_input(facts: GraphFacts) -> TensorFacts | None:
    """Return the input that takes pictures: the only one of four axes with a 3 among them."""
    found = [i for i in facts.inputs if len(i.shape) == 4 and layout_of(i) is not None]
    return found[0] if len(found) == 1 else None


def layout_of(tensor: TensorFacts) -> str | None:
    """Return "nchw" or "nhwc" by where the three colours stand, None where they do not."""
    if tensor.shape[1] == 3:
        return "nchw"
    return "nhwc" if tensor.shape[3] == 3 else None


def input_values(facts: GraphFacts) -> dict[str, Json]:
    """Return the manifest's keys of the inputs; {} without a picture input or a probe."""
    picture = picture_input(facts)
    if picture is None or facts.probe is None:
        return {}
    values: dict[str, Json] = {
        "input_wh": list(facts.probe.input_wh),
        "layout": layout_of(picture),
    }
    extra = {i.name: _extra_word(i) for i in facts.inputs if i is not picture}
    return values | ({"extra_inputs": extra} if extra else {})


def _extra_word(tensor: TensorFacts) -> Json:
    known = _EXTRA_WORDS.get(tensor.name.lower().rpartition("/")[2].partition(":")[0])
    if known is not None:
        return known
    is_size = tensor.shape[-1:] == (2,) and tensor.dtype.startswith("int")
    return "input_wh" if is_size else "ones"


def outputs_of(facts: GraphFacts) -> list[NDArray[Any]]:
    """Return the probe's outputs in the graph's order, [] without a probe."""
    return [] if facts.probe is None else list(facts.probe.outputs.values())


def make_claim(
    facts: GraphFacts,
    family: str,
    certainty: float,
    why: str,
    *,
    habit: Habit,
    labels: int | None,
    values: Mapping[str, Json],
    alternatives: Mapping[str, tuple[Json, ...]] | None = None,
    spare: int = 0,
) -> Claim | None:
    """Return a claim with the keys of the inputs and the family's habits added.

    Args: `values` and `alternatives` are the family's own. None where no input takes pictures.
    """
    inputs = input_values(facts)
    picture = picture_input(facts)
    if not inputs or picture is None:
        return None
    if picture.dtype in _OF_WHOLE:
        habit = replace(habit, preparation=(_OF_WHOLE[picture.dtype],))
    usual: dict[str, Json] = dict(zip(("scale", "mean", "std"), habit.preparation[0], strict=True))
    usual |= {"channels": habit.channels[0], "letterbox": habit.letterbox[0]}
    others = {
        "channels": habit.channels,
        "scale+mean+std": habit.preparation,
        "letterbox": habit.letterbox,
    }
    return Claim(
        family,
        certainty,
        why,
        {**inputs, **usual, **values},
        {**others, **(alternatives or {})},
        labels,
        spare,
    )


def told_labels(facts: GraphFacts) -> int | None:
    """Return how many labels the file's own `names` tell, as Ultralytics' exports have them."""
    try:
        names = ast.literal_eval(facts.metadata.get("names", ""))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return len(names) if isinstance(names, dict | list | tuple) else None


def likely_labels(facts: GraphFacts, labels: int) -> bool:
    """Return whether `labels` is the number that the file tells, or else one of a known set."""
    told = told_labels(facts)
    return labels in _KNOWN_SETS if told is None else labels == told


def strides_of(anchors: int, input_wh: Wh, per_cell: int = 1) -> tuple[int, ...] | None:
    """Return the usual strides whose grids hold so many anchors in all, None if none do."""
    for strides in ((8, 16, 32), (8, 16, 32, 64), (16, 32), (4, 8, 16, 32), (8, 16), (16,)):
        if anchors == per_cell * sum(w * h for w, h in grid_sizes(input_wh, strides)):
            return strides
    return None


def lie_within(values: NDArray[Any], low: float, high: float, part: float = 1.0) -> bool:
    """Return whether at least `part` of the numbers lie from `low` to `high`; none do not."""
    if values.size == 0:
        return False
    good = (values >= low) & (values <= high)
    return bool(np.count_nonzero(good) >= part * values.size)


def are_scores(values: NDArray[Any]) -> bool:
    """Return whether numbers lie in 0..1 but for what 8 bits round; none do not."""
    return lie_within(values, -0.05, 1.05, 0.999)


def are_sides(values: NDArray[Any]) -> bool:
    """Return whether numbers are widths and heights but for what 8 bits round; none are not."""
    return lie_within(values, -1, np.inf, 0.999)


def look_whole(values: NDArray[Any]) -> bool:
    """Return whether all are whole numbers, as labels are; none are not."""
    return values.size > 0 and bool((values == np.rint(values)).all())
