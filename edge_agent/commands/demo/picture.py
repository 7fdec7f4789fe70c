"""`edge-agent demo --picture`: a still with boxes of each camera, and all of them on one sheet."""

import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from edge_agent.clock import SystemClock
from edge_agent.commands.camera_reading import CameraWatch
from edge_agent.commands.demo.lineup import Lineup
from edge_agent.commands.drawing.canvas import (
    CLASS_COLOURS,
    band,
    scale_to,
    stack,
    write_plate,
    write_still,
)
from edge_agent.detect import OnnxDetector, open_detector
from edge_agent.errors import AgentError
from edge_agent.settings import CameraSettings, Plan
from edge_agent.source import open_source
from edge_agent.source.address import say_endpoint
from edge_agent.types import ByteArray, Detections, Frame

_FPS = 2.0  # pictures looked at in a second of the stream
_LOOK_S = 8.0  # how long a camera is looked at; a clip is looked at whole, faster than it plays
_PATIENCE_S = 60.0
_STILL_WIDTH, _TILE_WIDTH, _COLUMNS = 960, 480, 2
_HINT = "--out may name another folder"


@dataclass(frozen=True, slots=True)
class Still:
    """A frame and what the detector is sure of in it."""

    frame: Frame
    found: Detections
    names: tuple[str, ...]  # class of each detection
    threshold: float  # the detector's

    @property
    def rank(self) -> tuple[int, float]:
        """The more classes the better, then the more certainty beyond the threshold."""
        return len(set(self.names)), float((self.found.score - self.threshold).sum())


def take_pictures(console: Console, lineup: Lineup, manifest: Path, out: Path) -> None:
    """Write `demo-CAMERA.png` for each camera into `out`, and `demo.png` with all of them.

    Raises: ModelError, AgentError where a camera gives no picture, UsageError where `out`
    cannot be written.
    """
    detector = open_detector(manifest, plan=Plan())
    tiles = []
    for camera in lineup.cameras:
        settings = lineup.settings(camera, target_fps=_FPS)
        still = take_still(settings, detector)
        caption = f"{camera.id}   {camera.ring}, {camera.layer}"
        tiles.append(draw(still, caption, _TILE_WIDTH))
        path = out / f"demo-{camera.id}.png"
        write_still(path, draw(still, caption, _STILL_WIDTH), _HINT)
        persons, vehicles = still.names.count("person"), still.names.count("vehicle")
        console.print(f"{path}: {camera.ring}, {camera.layer}, {persons} persons, {vehicles} "
                      "vehicles")  # fmt: skip
    if len(tiles) > 1:
        write_still(out / "demo.png", sheet_of(tiles), _HINT)
        console.print(f"{out / 'demo.png'}: all of them")


def take_still(settings: CameraSettings, detector: OnnxDetector) -> Still:
    """Return the frame that shows most, of a whole clip or of some seconds of a camera.

    Raises: AgentError where no picture comes.
    """
    best: list[Still] = []

    def look(frame: Frame) -> None:
        found = detector.detect([frame], 0).rows(0)
        sure = found.keep(found.score >= detector.score_threshold)
        names = tuple(detector.classes[i].name for i in sure.class_id)
        best.append(Still(frame, sure, names, detector.score_threshold))
        best[:] = [max(best, key=lambda still: still.rank)]

    watch = CameraWatch(look)
    source = open_source(
        settings, sink=watch, listener=watch, meter=watch, clock=SystemClock(), rng=random.Random()
    )
    source.start()
    try:
        watch.wait(lambda: watch.frame is not None or watch.over is not None, _PATIENCE_S)
        is_file = "://" not in settings.url
        watch.wait(lambda: watch.over is not None, _PATIENCE_S if is_file else _LOOK_S)
    finally:
        source.request_stop()
        source.join(_PATIENCE_S)
    if not best:
        where = say_endpoint(settings.read_url, settings.transport.value)
        raise AgentError(f"camera {settings.id}: {where} gave no picture; no still is written")
    return best[0]


def draw(still: Still, caption: str, width: int) -> ByteArray:
    """Return the picture (h, width, 3) BGR with boxes, classes, scores and a caption."""
    picture = still.frame.picture.to_bgr()
    scale = width / picture.shape[1]
    canvas = scale_to(picture, width)
    for i in np.argsort(still.found.score):  # the surest on top
        name, score = still.names[i], float(still.found.score[i])
        x0, y0, x1, y1 = (round(float(v) * scale) for v in still.found.xyxy[i])
        cv2.rectangle(canvas, (x0, y0), (x1, y1), CLASS_COLOURS[name], 1, cv2.LINE_AA)
        words = f"{name} {score:.2f}".replace(" 0.", " .")
        write_plate(canvas, words, (x0, y0), CLASS_COLOURS[name])
    return stack((band(caption, width), canvas))


def sheet_of(tiles: list[ByteArray]) -> ByteArray:
    """Return tiles of one width in rows of two, dark where one is missing or lower.

    Colours are rounded to steps of 8, which halves the file.
    """
    height = max(tile.shape[0] for tile in tiles)
    rows = -(-len(tiles) // _COLUMNS)
    sheet = np.full((rows * height, _COLUMNS * _TILE_WIDTH, 3), 24, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // _COLUMNS * height, i % _COLUMNS * _TILE_WIDTH
        sheet[y : y + tile.shape[0], x : x + _TILE_WIDTH] = tile
    return sheet // 8 * 8 + 4
