"""Frames without cameras, for tests of what comes after the decoder."""

from dataclasses import dataclass

import numpy as np

from edge_agent.types import ByteArray, ClockSource, FloatArray, Frame, FrameRef, Wh

WALL_NS = 1_795_500_000_000_000_000


@dataclass(frozen=True)
class BlankPicture:
    """A grey picture of any size."""

    wh: Wh = (640, 360)

    def scale_into(self, out: FloatArray, *, channels: str) -> None:
        out[...] = 114.0

    def to_bgr(self) -> ByteArray:
        return np.full((self.wh[1], self.wh[0], 3), 114, np.uint8)


def frame_ref(
    camera_id: str = "c0", pts_ns: int = 0, *, index: int = 0, connection: int = 1,
    wh: Wh = (640, 360), mono_ns: int = 0,
) -> FrameRef:  # fmt: skip
    return FrameRef(
        camera_id, connection, index, pts_ns, mono_ns, WALL_NS + pts_ns, ClockSource.ARRIVAL,
        True, wh,
    )  # fmt: skip


def blank_frame(camera_id: str = "c0", pts_ns: int = 0) -> Frame:
    return Frame(frame_ref(camera_id, pts_ns), BlankPicture())
