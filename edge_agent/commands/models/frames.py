"""Pictures of the user's own cameras and clips, as a model wants them."""

import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_agent.clock import SystemClock
from edge_agent.commands.camera_reading import CameraWatch, refuse_credentials
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.preprocess import Workspace
from edge_agent.errors import SourceError
from edge_agent.settings import CameraSettings, DecodeMode
from edge_agent.source import open_source
from edge_agent.types import FloatArray, Frame, Layer, Ring

#: A file is read as fast as the box can; none takes longer.
_FILE_S = 86_400.0


class Album:
    """Keeps at most twice `count` pictures, spread evenly over all that came."""

    def __init__(self, manifest: Manifest, count: int) -> None:
        self._workspace = Workspace(manifest, 1)
        self._count = count
        self._every = 1
        self._seen = 0
        self.images: list[FloatArray] = []

    def look(self, frame: Frame) -> None:
        """Take a frame, or pass over it."""
        if self._seen % self._every == 0:
            self._workspace.fill([frame])
            self.images.append(self._workspace.images[0].copy())
        self._seen += 1
        if len(self.images) >= 2 * self._count:
            self.images = self.images[::2]
            self._every *= 2

    def spread(self) -> list[FloatArray]:
        """Return `count` of the kept pictures or all, evenly spread, in order."""
        count = min(self._count, len(self.images))
        places = np.linspace(0, len(self.images) - 1, count).round().astype(int)
        return [self.images[i] for i in places]


def camera_of(source: str, number: int) -> CameraSettings:
    """Return settings that read a file whole, or a stream. Raises: UsageError on credentials."""
    refuse_credentials(source, "; or name the site file with --config")
    is_stream = "://" in source
    return CameraSettings(
        id=f"source-{number}",
        url=source if is_stream else str(Path(source).absolute()),
        ring=Ring.URBAN,
        layer=Layer.PORTRAIT,
        realtime=is_stream,
    )


def collect_images(
    cameras: Sequence[CameraSettings], manifest: Manifest, *, count: int, seconds: float
) -> list[FloatArray]:
    """Return about `count` pictures of `cameras`, (3, h, w) each, about one a second of video.

    A file is read whole, a stream for `seconds`. Raises: SourceError naming what gave nothing.
    """
    # What the reader logs is said below; without a handler it would go to stderr.
    logging.getLogger("edge_agent").addHandler(logging.NullHandler())
    each = -(-count // len(cameras))
    images: list[FloatArray] = []
    for camera in cameras:
        images += _collect(camera, Album(manifest, each), seconds)
    return images


def _collect(camera: CameraSettings, album: Album, seconds: float) -> list[FloatArray]:
    asked = {"target_fps": 1.0, "loop": False, "decode": DecodeMode.ALWAYS}
    settings = camera.model_copy(update=asked)
    watch = CameraWatch(album.look)
    source = open_source(
        settings, sink=watch, listener=watch, meter=watch, clock=SystemClock(), rng=random.Random()
    )
    is_stream = "://" in settings.read_url
    source.start()
    try:
        watch.wait(lambda: watch.over is not None, seconds if is_stream else _FILE_S)
    finally:
        source.request_stop()
        source.join(5.0)
    if not album.images:
        why = "no picture came" if watch.over is None else watch.over.reason
        raise SourceError(f"{camera.id}, {settings.read_url}: {why}; nothing is made")
    return album.spread()
