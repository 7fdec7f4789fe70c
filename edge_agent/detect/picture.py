"""`ArrayPicture`: a picture that is already pixels, for stills and tests."""

import cv2

from edge_agent.types import ByteArray, FloatArray, Wh


class ArrayPicture:
    """A `Picture` over an (h, w, 3) uint8 BGR array, which must not change afterwards."""

    def __init__(self, bgr: ByteArray) -> None:
        if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != "uint8":
            raise ValueError(f"a picture of shape {bgr.shape} {bgr.dtype}, not (h, w, 3) uint8")
        self._bgr = bgr

    @property
    def wh(self) -> Wh:
        return self._bgr.shape[1], self._bgr.shape[0]

    def scale_into(self, out: FloatArray, *, channels: str) -> None:
        scaled = cv2.resize(self._bgr, out.shape[:0:-1], interpolation=cv2.INTER_AREA)
        out[:] = (scaled if channels == "bgr" else scaled[..., ::-1]).transpose(2, 0, 1)

    def to_bgr(self) -> ByteArray:
        return self._bgr.copy()
