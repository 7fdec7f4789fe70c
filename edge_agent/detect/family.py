"""What a family of output layouts is: how it is recognised, and what decodes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates
from edge_agent.detect.graph_facts import Claim, GraphFacts
from edge_agent.detect.manifest import Manifest


class Decoder(Protocol):
    """Turns a model's outputs into boxes."""

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture. Raises: ModelError on a wrong shape."""


@dataclass(frozen=True, slots=True)
class Family:
    """One family. Its name is its file's; a manifest says it under `family`."""

    name: str
    title: str  # for people: the detectors that it covers
    recognise: Callable[[GraphFacts], Claim | None]
    build_decoder: Callable[[Manifest], Decoder]
    #: Which keys of a manifest it takes beside those of every model, and which it must have.
    keys: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    #: Whether every stride must divide the input's sides.
    whole_cells: bool = False
    #: Whether a place in the outputs stands for the same anchor in every picture. Finished
    #: detections are sorted by score or picture, and cannot be compared number by number.
    fixed_order: bool = True
