"""A decoded picture that keeps its decoder's planes until someone asks for pixels."""

import threading

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from edge_agent.types import ByteArray, FloatArray, Wh

#: Rows of `out` for the planes of `gbrp…` in their order: green, blue, red.
_PLANE_ROWS = {"rgb": (1, 2, 0), "bgr": (1, 0, 2)}


class _Scalers(threading.local):
    """A scaler of each thread's own: setting one up costs more than a small picture's scaling."""

    def __init__(self) -> None:
        self.area = VideoReformatter()


_scalers = _Scalers()


class AvPicture:
    """A software frame of PyAV as a `Picture`; colour matrix and range follow its tags.

    Untagged pictures count as BT.601, limited range, as FFmpeg and OpenCV take them.
    """

    __slots__ = ("_frame",)

    def __init__(self, frame: av.VideoFrame) -> None:
        self._frame = frame

    @property
    def wh(self) -> Wh:
        """Width and height in pixels."""
        return self._frame.width, self._frame.height

    def scale_into(self, out: FloatArray, *, channels: str) -> None:
        """Write the whole picture, area-averaged to `out`'s size, as values in 0..255.

        Args: `out` (3, h, w) float32, any strides; `channels` "rgb" or "bgr".
        Raises: ValueError naming the shape or the order received.
        """
        if out.ndim != 3 or out.shape[0] != 3 or channels not in _PLANE_ROWS:
            raise ValueError(f"scale_into: out {out.shape}, channels {channels!r}")
        height, width = out.shape[1:]
        small = _scalers.area.reformat(
            self._frame,
            width=width,
            height=height,
            format="gbrpf32le",
            interpolation=Interpolation.AREA,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        for plane, row in zip(small.planes, _PLANE_ROWS[channels], strict=True):
            # Lines are padded for SIMD: line_size counts bytes with the padding.
            lines = np.frombuffer(memoryview(plane), np.float32).reshape(-1, plane.line_size // 4)
            np.multiply(lines[:height, :width], np.float32(255), out=out[row])

    def to_bgr(self) -> ByteArray:
        """Return a full-size (h, w, 3) uint8 copy, for stills; slow."""
        full = self._frame.reformat(
            format="bgr24",
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        width, height = self.wh
        plane = full.planes[0]
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return lines[:height, : width * 3].reshape(height, width, 3).copy()
