"""Cameras in: RTSP and files to frames, with time-outs that hold and reconnects for ever."""

import random

from edge_agent.clock import Clock
from edge_agent.ports import CameraListener, FrameSink, Meter, Source
from edge_agent.settings import CameraSettings
from edge_agent.source.reader import Reader

__all__ = ["open_source"]


def open_source(
    camera: CameraSettings,
    *,
    sink: FrameSink,
    listener: CameraListener,
    meter: Meter,
    clock: Clock,
    rng: random.Random,
) -> Source:
    """Return the reader of `camera`; nothing is opened before its `start`."""
    return Reader(camera, sink=sink, listener=listener, meter=meter, clock=clock, rng=rng)
