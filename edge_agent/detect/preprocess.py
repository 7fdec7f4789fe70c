"""From pictures to a model's input: one lane's preallocated batch."""

from collections.abc import Sequence

import numpy as np

from edge_agent.detect.manifest import Manifest
from edge_agent.geometry import Letterbox, letterbox, stretch
from edge_agent.types import FloatArray, Frame, Wh


class Workspace:
    """The input batch of one lane; used by one thread at a time.

    The padding of a place is written when another picture size comes to it, not every time.
    """

    def __init__(self, manifest: Manifest, batch: int) -> None:
        self._manifest = manifest
        gain, bias = (np.array(v, np.float32).reshape(3, 1, 1) for v in manifest.gain_bias)
        self._gain = None if (gain == 1).all() else gain
        self._bias = None if (bias == 0).all() else bias
        self._padding = manifest.pad * gain + bias
        w, h = manifest.input_wh
        # (batch, 3, h, w), in memory as the model takes it.
        self.images: FloatArray = (
            np.empty((batch, 3, h, w), np.float32)
            if manifest.layout == "nchw"
            else np.empty((batch, h, w, 3), np.float32).transpose(0, 3, 1, 2)
        )
        self.images[:] = self._padding
        self._letterboxes: list[Letterbox | None] = [None] * batch

    def fill(self, frames: Sequence[Frame]) -> list[Letterbox]:
        """Write `frames` into the first places of `images`; return how each was fitted in."""
        return [self._fill_place(place, frame) for place, frame in enumerate(frames)]

    def _fill_place(self, place: int, frame: Frame) -> Letterbox:
        plane = self.images[place]
        fit = self._letterboxes[place]
        if fit is None or fit.src_wh != frame.picture.wh:
            fit = self._fit(frame.picture.wh)
            plane[:] = self._padding
            self._letterboxes[place] = fit
        inner = fit.view(plane)
        frame.picture.scale_into(inner, channels=self._manifest.channels)
        if self._gain is not None:
            inner *= self._gain
        if self._bias is not None:
            inner += self._bias
        return fit

    def _fit(self, src_wh: Wh) -> Letterbox:
        if self._manifest.letterbox == "stretch":
            return stretch(src_wh, self._manifest.input_wh)
        centred = self._manifest.letterbox == "centre"
        return letterbox(src_wh, self._manifest.input_wh, centred=centred)
