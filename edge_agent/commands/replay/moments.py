"""What a replay is fed with: the analysed frames of one camera, from a clip, a scene or tracks."""

import queue
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edge_agent.clock import SystemClock
from edge_agent.commands.camera_reading import CameraWatch
from edge_agent.detect import OnnxDetector
from edge_agent.errors import UsageError
from edge_agent.journal import KeptBoot, KeptChange, KeptMove, Recording
from edge_agent.scenes import FrameTruth, Scene, outlines
from edge_agent.scenes.lens import Lens
from edge_agent.scenes.painter import Painter
from edge_agent.scenes.stage import Stage, places_at
from edge_agent.settings import CameraSettings, DecodeMode
from edge_agent.source import open_source
from edge_agent.source.grid import PtsGrid
from edge_agent.types import (
    ByteArray,
    CameraChange,
    CameraState,
    ClockSource,
    Detections,
    EventKind,
    Frame,
    FrameRef,
    ObjectClass,
    Tracks,
    Wh,
)

#: The class table of truth taken for detections. Detectors know no vans: they are cars to them.
TRUTH_CLASSES = (
    ObjectClass("person"),
    *(ObjectClass("vehicle", word) for word in ("car", "bus", "truck", "motorcycle")),
)
_TRUTH_ROWS = {"car": 1, "van": 1, "bus": 2, "truck": 3, "motorcycle": 4}
TRUTH_SCORE = 0.9
#: Of a body of which less can be seen nobody would find it.
_LEAST_VISIBLE = 0.3

_NS = 1_000_000_000
_FRAMES_AHEAD = 4  # that the reader of a clip may be ahead of the detector
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One analysed frame: what was found in it, or the tracks that were recorded."""

    detections: Detections  # without rows where `tracks` is given
    tracks: Tracks | None = None
    picture: Callable[[], ByteArray] | None = None  # (h, w, 3) BGR; None where nobody has it

    @property
    def wall_ns(self) -> int:
        return self.detections.ref.wall_ns


#: What a camera gives a replay, by rising wall time.
Item: TypeAlias = Moment | KeptChange | KeptMove | KeptBoot


@dataclass(frozen=True, slots=True, eq=False)
class SceneFootage:
    """A stage as one camera sees it."""

    scene: Scene
    stage: Stage
    seed: int
    seconds: float
    fps: float
    wh: Wh


def scene_moments(camera: CameraSettings, footage: SceneFootage, start_ns: int) -> Iterator[Item]:
    """Yield the frames of a scene that the grid chooses, their truth as detections."""
    rate = Fraction(footage.fps).limit_denominator(1001)
    grid = PtsGrid(camera.target_fps, 1 / rate)
    painting = _Painting(footage)
    chosen = 0
    frames = outlines(
        footage.scene, footage.stage, seed=footage.seed, seconds=footage.seconds,
        fps=float(rate), wh=footage.wh,
    )  # fmt: skip
    for truth in frames:
        if not grid.choose(truth.index):
            continue
        pts_ns = truth.index * rate.denominator * _NS // rate.numerator
        ref = FrameRef(
            camera.id, 1, chosen, pts_ns, start_ns + pts_ns, start_ns + pts_ns,
            ClockSource.ARRIVAL, True, footage.wh,
        )  # fmt: skip
        chosen += 1
        yield Moment(_found(truth, ref), picture=lambda truth=truth: painting.at(truth))  # type: ignore[misc]
    yield ended(camera.id, start_ns + round(footage.seconds * _NS))


def _found(truth: FrameTruth, ref: FrameRef) -> Detections:
    seen = [o for o in truth.objects if o.visible >= _LEAST_VISIBLE]
    return Detections(
        ref,
        np.array([o.xyxy for o in seen], np.float32).reshape(-1, 4),
        np.full(len(seen), TRUTH_SCORE, np.float32),
        np.array([_TRUTH_ROWS.get(o.subclass or "", 0) for o in seen], np.int32),
    )


class _Painting:
    """Draws single frames of a scene when they are asked for."""

    def __init__(self, footage: SceneFootage) -> None:
        self._footage = footage
        self._tools: tuple[Painter, Lens] | None = None

    def at(self, truth: FrameTruth) -> ByteArray:
        """Return the picture (h, w, 3) BGR of a frame."""
        scene, stage, seed, wh = (
            self._footage.scene, self._footage.stage, self._footage.seed, self._footage.wh,
        )  # fmt: skip
        if self._tools is None:
            self._tools = Painter(scene, stage, seed, wh), Lens(scene, seed, wh)
        painter, lens = self._tools
        light, depth, _, _ = painter.paint(truth.time_s, places_at(stage, truth.time_s))
        return lens.take(light, depth, truth.index, truth.time_s)


def clip_moments(
    camera: CameraSettings, clip: Path, detector: OnnxDetector, start_ns: int
) -> Iterator[Item]:
    """Yield the frames of a video file that the grid chooses, with what the detector finds.

    Everything is decoded, as fast as it goes; a frame's wall time is its pts after the start.
    Raises: UsageError where the file cannot be read.
    """
    last_ns = 0
    for number, frame in enumerate(clip_frames(camera, clip)):
        pts_ns = frame.ref.pts_ns
        ref = replace(
            frame.ref, mono_ns=start_ns + pts_ns, wall_ns=start_ns + pts_ns, time_trusted=True,
            clock_source=ClockSource.ARRIVAL, index=number,
        )  # fmt: skip
        found = detector.detect([frame], 0).rows(0)
        last_ns = pts_ns
        yield Moment(replace_ref(found, ref), picture=frame.picture.to_bgr)
    yield ended(camera.id, start_ns + last_ns)


def replace_ref(found: Detections, ref: FrameRef) -> Detections:
    """Return the same detections of a frame that is told otherwise."""
    return Detections(ref, found.xyxy, found.score, found.class_id)


def clip_frames(camera: CameraSettings, clip: Path) -> Iterator[Frame]:
    """Yield the frames of a video file that a camera's grid chooses.

    Raises: UsageError where the file cannot be read to its end.
    """
    settings = camera.model_copy(
        update={
            "url": str(clip.absolute()), "detect_url": None, "realtime": False, "loop": False,
            "decode": DecodeMode.ALWAYS, "username": None, "password": None,
        }
    )  # fmt: skip
    waiting: queue.Queue[Frame | None] = queue.Queue(_FRAMES_AHEAD)
    watch = _Handing(waiting)
    source = open_source(
        settings, sink=watch, listener=watch, meter=watch, clock=SystemClock(), rng=random.Random(0)
    )
    source.start()
    try:
        while (frame := waiting.get(timeout=_PATIENCE_S)) is not None:
            yield frame
    except queue.Empty:
        raise UsageError(f"clip {clip}: no picture for {_PATIENCE_S:.0f} s; given up") from None
    finally:
        source.request_stop()
        watch.given_up = True
        while not source.join(0.05):
            _empty(waiting)
    if watch.over is not None and watch.over.state is not CameraState.ENDED:
        raise UsageError(f"clip {clip}: {watch.over.reason}")


class _Handing(CameraWatch):
    """Hands a reader's frames to another thread, in order; None is the end."""

    def __init__(self, waiting: "queue.Queue[Frame | None]") -> None:
        super().__init__()
        self.given_up = False
        self._waiting = waiting

    def offer(self, frame: Frame) -> None:
        if not self.given_up:
            self._waiting.put(frame)

    def camera_changed(self, change: CameraChange) -> None:
        super().camera_changed(change)
        if self.over is not None and not self.given_up:
            self._waiting.put(None)


def _empty(waiting: "queue.Queue[Frame | None]") -> None:
    while not waiting.empty():
        waiting.get_nowait()


def recorded_items(
    recording: Recording,
    cameras: Collection[str],
    *,
    since_ns: int = 0,
    until_ns: int = 2**62,
) -> Iterator[Item]:
    """Yield what was kept of some cameras between two wall times, as it was written."""
    for kept in recording.read(since_ns, until_ns, cameras):
        yield _moment(kept) if isinstance(kept, Tracks) else kept


def _moment(tracks: Tracks) -> Moment:
    nothing = Detections(
        tracks.ref, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32)
    )
    return Moment(nothing, tracks)


def ended(camera_id: str, wall_ns: int) -> KeptChange:
    """Return that a camera's footage has been read to its end."""
    change = CameraChange(
        camera_id, EventKind.CAMERA_ENDED, CameraState.ENDED, "the footage has ended", 1, wall_ns
    )
    return KeptChange(wall_ns, change)


def wall_of(item: Item) -> int:
    """Return when something was, for merging the footage of several cameras."""
    return item.wall_ns


def camera_named(
    cameras: tuple[CameraSettings, ...], wanted: str | None, of: str
) -> CameraSettings:
    """Return the camera that `--camera` names, or the only one.

    Raises: UsageError naming those that there are.
    """
    known = ", ".join(camera.id for camera in cameras)
    if wanted is None and len(cameras) == 1:
        return cameras[0]
    if wanted is None:
        raise UsageError(f"{of} has several cameras; give --camera ID, one of {known}")
    for camera in cameras:
        if camera.id == wanted:
            return camera
    raise UsageError(f"--camera {wanted}: {of} has no such camera; it has {known}")
