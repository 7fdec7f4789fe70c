"""Cameras in: RTSP and files to frames, with time-outs that hold and reconnects for ever."""

import random
from collections.abc import Callable

from edge_agent.clock import Clock
from edge_agent.ports import CameraListener, FrameSink, Meter, Source
from edge_agent.settings import CameraSettings
from edge_agent.source.address import is_network
from edge_agent.source.reader import Reader
from edge_agent.wakeup import WakeWatch

__all__ = ["open_source"]


def open_source(
    camera: CameraSettings,
    *,
    sink: FrameSink,
    listener: CameraListener,
    meter: Meter,
    clock: Clock,
    rng: random.Random,
    watch: WakeWatch | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> Source:
    """Return the reader of `camera`; nothing is opened before its `start`.

    `watch` decides when it sleeps and wakes; None for one of its own. A file's draws its audits
    alike each time, so that a replay gives the same frames. `wanted` tells whether it is within the
    camera's hours; outside of them nothing is decoded.
    """
    if watch is None:
        draws = random.Random(rng.random() if is_network(camera.read_url) else camera.id)
        watch = WakeWatch(quiet_s=camera.quiet_s, rng=draws)
    return Reader(
        camera,
        sink=sink,
        listener=listener,
        meter=meter,
        clock=clock,
        rng=rng,
        watch=watch,
        wanted=wanted,
    )
