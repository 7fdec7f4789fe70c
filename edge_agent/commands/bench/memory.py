"""The hot loop and bare ONNX Runtime over decoded pictures in memory, without cameras."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import av

from edge_agent.clock import SystemClock
from edge_agent.detect import load_manifest, open_detector
from edge_agent.detect.preprocess import Workspace
from edge_agent.detect.session import Session
from edge_agent.health.meters import Meters
from edge_agent.hotloop.lanes import Lanes
from edge_agent.hotloop.slots import SlotBoard
from edge_agent.hotloop.step import CameraPipeline
from edge_agent.settings import CameraSettings, Plan, TrackingSettings
from edge_agent.source.picture import AvPicture
from edge_agent.types import (
    ClockSource,
    Detections,
    Event,
    Frame,
    FrameRef,
    Layer,
    Picture,
    Ring,
)

_CAMERAS = 8
_PERIOD_NS = 200_000_000
_LANES_END_S = 60.0


#: Decoded pictures of one scene, in their order and `_PERIOD_NS` apart.
Reel = list[Picture]


def read_reels(clips: Iterable[Path], count: int) -> list[Reel]:
    """Return the first `count` decoded pictures of each clip that an agent would analyse."""
    return [_read_reel(clip, count) for clip in clips]


def _read_reel(file: Path, count: int) -> Reel:
    with av.open(str(file)) as clip:
        video = clip.streams.video[0]
        video.codec_context.thread_count = 1
        step = max(1, round(float(video.average_rate or 25) * _PERIOD_NS / 1e9))
        return [AvPicture(p) for p in islice(clip.decode(video), 0, count * step, step)]


@dataclass(frozen=True, slots=True)
class Rate:
    """What a side did: images a second, and images a second of CPU time it used."""

    images_s: float
    images_cpu_s: float


class FullLanes:
    """The agent's hot loop: slots, lanes, detector, tracker, rules; events go nowhere."""

    def __init__(self, manifest: Path, plan: Plan, reels: Sequence[Reel]) -> None:
        self._plan = plan
        self._reels = reels
        self._meters = Meters()
        self._detector = open_detector(manifest, plan=plan, provider="cpu", meter=self._meters)

    def measure(self, seconds: float) -> Rate:
        """Return what the lanes get through when every slot is always full."""
        clock = SystemClock()
        cameras = [
            CameraSettings(
                id=f"memory-{n}", url="memory", ring=Ring.URBAN, layer=Layer.PORTRAIT, target_fps=60
            )
            for n in range(_CAMERAS)
        ]
        pipelines = [self._pipeline(camera, clock) for camera in cameras]
        board = SlotBoard(cameras, plan=self._plan, clock=clock, meter=self._meters)
        sources = [self._frames(camera.id, start, clock) for start, camera in enumerate(cameras)]

        def step(number: int, detections: Detections) -> None:
            pipelines[number].step_frame(detections)
            board.offer(number, next(sources[number]))

        lanes = Lanes(
            board, self._detector, step, count=self._plan.lanes, clock=clock, meter=self._meters
        )
        before, watch = self._images(), _Watch()
        for number, frames in enumerate(sources):
            board.offer(number, next(frames))
        lanes.start()
        time.sleep(seconds)
        rate = watch.rate(self._images() - before)
        lanes.stop(_LANES_END_S)
        return rate

    def _images(self) -> int:
        return self._meters.counts(None).get("images", 0)

    def _pipeline(self, camera: CameraSettings, clock: SystemClock) -> CameraPipeline:
        return CameraPipeline(
            camera,
            tracking=TrackingSettings(),
            classes=self._detector.classes,
            score_threshold=self._detector.score_threshold,
            model_id=self._detector.model_id,
            events=_Nowhere(),
            clock=clock,
            meter=self._meters,
        )

    def _frames(self, camera_id: str, start: int, clock: SystemClock) -> Iterator[Frame]:
        """Yield frames for ever, of rising times: a reel to its end and back, so nothing leaps."""
        reel = self._reels[start % len(self._reels)]
        for index, picture in enumerate(cycle(reel + reel[-2:0:-1])):
            now_ns = clock.mono_ns()
            at_ns = index * _PERIOD_NS
            yield Frame(
                FrameRef(
                    camera_id, 1, index, at_ns, now_ns, at_ns, ClockSource.ARRIVAL, True, picture.wh
                ),
                picture,
            )


class BareLanes:
    """Threads that scale a picture into the input and call one session; nothing else."""

    def __init__(self, manifest: Path, plan: Plan, reels: Sequence[Reel]) -> None:
        self._manifest = load_manifest(manifest)
        self._plan = plan
        by_turns = [picture for together in zip(*reels, strict=False) for picture in together]
        self._frames = [Frame(_no_ref(picture), picture) for picture in by_turns]
        self._session = Session(self._manifest, threads=plan.threads, provider="cpu")

    def measure(self, seconds: float) -> Rate:
        """Return what all threads together get through."""
        done = [0] * self._plan.lanes
        stop = threading.Event()

        def work(lane: int) -> None:
            workspace = Workspace(self._manifest, 1)
            for frame in islice(cycle(self._frames), lane, None):
                workspace.fill([frame])
                list(self._session.run(workspace.images))
                done[lane] += 1
                if stop.is_set():
                    return

        threads = [threading.Thread(target=work, args=(lane,)) for lane in range(len(done))]
        watch = _Watch()
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        rate = watch.rate(sum(done))
        stop.set()
        for thread in threads:
            thread.join()
        return rate


class _Watch:
    """The wall and the process's CPU time since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def rate(self, images: int) -> Rate:
        wall_s, cpu_s = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        return Rate(images / wall_s, images / cpu_s)


class _Nowhere:
    def put(self, event: Event) -> None:
        """Forget the event."""


def _no_ref(picture: Picture) -> FrameRef:
    return FrameRef("memory", 1, 0, 0, 0, 0, ClockSource.ARRIVAL, True, picture.wh)
