"""The cheap look at a keyframe: decoded alone, and only every n-th pixel of its Y plane."""

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge_agent.source.decoder import begin_context
from edge_agent.types import ByteArray
from edge_agent.wakeup import LOOK_WIDTH


class Looker:
    """Decodes keyframes for looks only, in a context of its own and without the loop filter.

    The filter smooths block edges by a few grey levels, and only within a picture: one that is
    shown to nobody and refers to nothing needs none. It would cost a fifth of the decoding.
    """

    def __init__(self, template: VideoCodecContext) -> None:
        self._template = template
        self._context: VideoCodecContext | None = None

    def look(self, keyframe: "av.Packet[VideoStream]") -> ByteArray | None:
        """Return the look at `keyframe` (see `luma_of`); None where it cannot be decoded alone."""
        if self._context is None:
            self._context = begin_context(self._template)
            self._context.options = {"skip_loop_filter": "all"}
        try:
            pictures = self._context.decode(keyframe) + self._context.decode(None)
        except av.FFmpegError:
            pictures = []
        self._context.flush_buffers()
        return luma_of(pictures[-1]) if pictures else None

    def rest(self) -> None:
        """Give the memory back."""
        self._context = None


def luma_of(picture: av.VideoFrame) -> ByteArray:
    """Return every n-th pixel of every n-th row of the first plane as (h, w) uint8, a copy.

    n = width // LOOK_WIDTH, at least 1; samples of more than 8 bits lose their lowest ones.
    """
    step = max(1, picture.width // LOOK_WIDTH)
    plane = picture.planes[0]
    bits = picture.format.components[0].bits
    if bits <= 8:
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return lines[: picture.height : step, : picture.width : step].copy()
    wide = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
    seen = wide[: picture.height : step, : picture.width : step]
    return (seen >> (bits - 8)).astype(np.uint8)
