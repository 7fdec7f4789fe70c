"""How pictures of one shape go through a model: the input they need, and its decoder."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.detect.families import FAMILIES
from edge_agent.detect.family import Decoder
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.preprocess import Workspace
from edge_agent.types import Frame, Wh

#: Trimmed sides are multiples of this, or of the model's longest stride: a net halves its input
#: five times.
_STEP = 32
#: So many picture sizes are remembered; a camera has one.
_SIZES = 256


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """An input of one size, and what decodes its outputs."""

    workspace: Workspace
    decoder: Decoder


class Views:
    """One lane's; used by one thread at a time."""

    def __init__(self, manifest: Manifest, batch: int, *, trims: bool) -> None:
        self._manifest = manifest
        self._batch = batch
        self._trims = trims
        self._by_input: dict[Wh, View] = {}
        self._by_picture: dict[Wh, View] = {}

    @property
    def whole(self) -> View:
        """The view of the whole input."""
        return self._sized(self._manifest.input_wh)

    def groups(self, frames: Sequence[Frame]) -> list[tuple[View, list[int]]]:
        """Return the views that `frames` need, each with the places of its frames.

        So what a picture shows depends on nothing that stands beside it in a batch.
        """
        if len(frames) == 1:
            return [(self._of(frames[0].picture.wh), [0])]
        places: dict[View, list[int]] = {}
        for place, frame in enumerate(frames):
            places.setdefault(self._of(frame.picture.wh), []).append(place)
        return list(places.items())

    def _of(self, picture_wh: Wh) -> View:
        view = self._by_picture.get(picture_wh)
        if view is None:
            if len(self._by_picture) >= _SIZES:
                self._by_picture.clear()
            trimmed = trimmed_wh(picture_wh, self._manifest) if self._trims else None
            view = self._sized(trimmed or self._manifest.input_wh)
            self._by_picture[picture_wh] = view
        return view

    def _sized(self, input_wh: Wh) -> View:
        view = self._by_input.get(input_wh)
        if view is None:
            sized = self._manifest.model_copy(update={"input_wh": input_wh})
            decoder = FAMILIES[sized.family].build_decoder(sized)
            view = View(Workspace(sized, self._batch), decoder)
            self._by_input[input_wh] = view
        return view


def trimmed_wh(picture_wh: Wh, manifest: Manifest) -> Wh:
    """Return the least input that holds a picture of `picture_wh` as large as the whole one does.

    Its sides are multiples of the step, or those of the whole input where these are shorter.
    """
    step = max(_STEP, *manifest.strides)
    (w, h), (whole_w, whole_h) = picture_wh, manifest.input_wh
    # Up to the next whole pixel: one that is rounded down would make the other side the tight one.
    need_w, need_h = min(whole_w, -(-w * whole_h // h)), min(whole_h, -(-h * whole_w // w))
    return min(whole_w, -(-need_w // step) * step), min(whole_h, -(-need_h // step) * step)
