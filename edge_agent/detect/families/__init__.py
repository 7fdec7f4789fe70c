"""The families of output layouts, one small file each."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from edge_agent.detect.candidates import Candidates
from edge_agent.detect.families import yolox
from edge_agent.detect.manifest import Manifest


class Decoder(Protocol):
    """Turns a model's outputs into boxes."""

    def decode(self, outputs: Sequence[NDArray[Any]], pictures: int) -> list[Candidates]:
        """Return the candidates of each picture. Raises: ModelError on a wrong shape."""


#: `family` in a manifest -> what builds its decoder.
FAMILIES: dict[str, Callable[[Manifest], Decoder]] = {"yolox": yolox.build_decoder}
