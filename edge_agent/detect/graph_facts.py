"""What a model file tells about itself, and what a family makes of it.

Facts come from ONNX Runtime's session and one run of it; nothing here needs the package `onnx`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from edge_agent.types import Json, Wh


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """One input or output as the graph declares it."""

    name: str
    dtype: str  # NumPy's word: "float32", "float16", "uint8", "int64", …
    shape: tuple[int | str | None, ...]  # an open length is its name, or None


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """What one run on one picture gave."""

    input_wh: Wh  # the picture input's width and height in that run
    outputs: Mapping[str, NDArray[Any]]  # by name, in the graph's order


@dataclass(frozen=True, slots=True, eq=False)
class GraphFacts:
    """Everything that a family may judge a file by."""

    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)  # custom_metadata_map
    opset: int | None = None
    producer: str = ""
    probe: Probe | None = None  # None where it could not be run


@dataclass(frozen=True, slots=True)
class Claim:
    """A family's word that a file is one of its own.

    `values` are keys of the manifest that the facts settle or that every export of the family
    shares. `alternatives` holds for each doubtful key the values worth trying, the likeliest
    first; that first value also stands in `values`. What only makes sense together is one key
    of several, such as "scale+mean+std", with tuples of their values: see `spread_keys`.
    """

    family: str
    certainty: float  # 0..1; 1 only where nothing else has these outputs
    why: str  # for people: what was seen
    values: Mapping[str, Json]
    alternatives: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    #: How many labels the outputs have room for; None where they tell label numbers.
    labels: int | None = None
    #: How many of these, the last ones, may stand for "no object" and have no name.
    spare: int = 0


def spread_keys(values: Mapping[str, Json]) -> dict[str, Json]:
    """Return keys of a manifest for `values` in which one key may stand for several.

    {"channels": "rgb", "scale+mean": (1.0, (0, 0, 0))} gives channels, scale and mean.
    """
    spread: dict[str, Json] = {}
    for key, value in values.items():
        names = key.split("+")
        spread.update(zip(names, value, strict=True) if len(names) > 1 else ((key, value),))
    return spread
