"""What a plan does on this box: the real lanes and the real detector over pictures in memory."""

import statistics
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import av
import cv2
import numpy as np

from edge_agent.clock import SystemClock
from edge_agent.detect.detector import OnnxDetector
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.plan import Candidate
from edge_agent.detect.session import Session
from edge_agent.detect.trimming import open_session
from edge_agent.errors import ModelError
from edge_agent.hotloop.lanes import Lanes
from edge_agent.settings import Plan
from edge_agent.source.picture import AvPicture
from edge_agent.types import ClockSource, DropReason, Frame, FrameRef

#: Each lane runs at least so many batches in a slice, however long they take.
_LEAST_BATCHES = 2

_PICTURE_WH = (1920, 1080)
_PICTURES = 8
_LANES_END_S = 60.0


@dataclass(frozen=True, slots=True)
class Slice:
    """One look at a plan."""

    images_s: float
    latency_ms: float  # median of one inference, from pictures to boxes


class LanesBench:
    """Runs candidates over the same pictures; sessions stay open between the rounds."""

    def __init__(self, manifest: Manifest, frames: Sequence[Frame]) -> None:
        self._manifest = manifest
        self._frames = frames
        self._sessions: dict[tuple[str, int], Session] = {}
        self._detectors: dict[Candidate, OnnxDetector] = {}
        self._batch_faults: dict[tuple[str, int], str | None] = {}
        self._trims: dict[str, bool] = {}  # by provider: the proof holds for any threads

    def prepare(self, candidate: Candidate) -> None:
        """Load what `candidate` needs and warm it up.

        Raises: ModelError where its provider does not start, or where it batches a model that
        finds something else in a batch, or takes one picture a run.
        """
        word, threads = candidate.provider, candidate.threads
        if (word, threads) not in self._sessions:
            self._sessions[word, threads] = self._open(word, threads)
        session = self._sessions[word, threads]
        plan = Plan(lanes=candidate.lanes, threads=threads, batch=candidate.batch)
        detector = OnnxDetector(self._manifest, session, plan)
        if candidate.batch > 1:
            self._check_batch(detector, candidate)
        detector.detect([self._frames[0]] * candidate.batch, 0)
        self._detectors[candidate] = detector

    def _open(self, word: str, threads: int) -> Session:
        if word in self._trims:
            trims = self._trims[word]
            return Session(self._manifest, threads=threads, provider=word, trims=trims)
        session = open_session(self._manifest, threads=threads, provider=word)
        self._trims[word] = session.trims
        return session

    def _check_batch(self, detector: OnnxDetector, candidate: Candidate) -> None:
        if detector.one_by_one:
            raise ModelError(f"{detector.model_id} takes one picture a run: no gain by batches")
        key = (candidate.provider, candidate.batch)
        if key not in self._batch_faults:
            self._batch_faults[key] = detector.batch_fault(candidate.batch)
        if (fault := self._batch_faults[key]) is not None:
            raise ModelError(f"no batches with {detector.model_id}: {fault}")

    def run(self, candidate: Candidate, seconds: float) -> Slice:
        """Let the lanes of `candidate` work for about `seconds`.

        Raises: ModelError where an inference failed.
        """
        board = _EndlessBoard(self._frames, candidate.batch, candidate.lanes)
        meter = _SliceMeter()
        clock = SystemClock()
        lanes = Lanes(
            board,
            self._detectors[candidate],
            lambda number, detections: None,
            count=candidate.lanes,
            clock=clock,
            meter=meter,
        )
        started_ns = clock.mono_ns()
        lanes.start()
        try:
            board.wait(seconds)
        finally:
            ended = lanes.stop(_LANES_END_S)
        if meter.failed or not ended:
            raise ModelError(f"{candidate}: an inference failed or did not end while measuring")
        return Slice(board.images_s(started_ns), statistics.median(meter.durations_s) * 1e3)


class _EndlessBoard:
    """Always has the next batch ready; knows when each lane finished its own."""

    def __init__(self, frames: Sequence[Frame], batch: int, lanes: int) -> None:
        self._frames = frames
        self._batch = batch
        self._lanes = lanes
        self._changed = threading.Condition()
        self._given = 0
        self._stopped = False
        self._done: dict[int, tuple[int, int]] = {}  # lane's thread: batches, end of the last

    def wait_for_batch(self) -> list[tuple[int, Frame]]:
        with self._changed:
            if self._stopped:
                return []
            first, self._given = self._given, self._given + self._batch
        count = len(self._frames)
        return [(i % count, self._frames[i % count]) for i in range(first, first + self._batch)]

    def release(self, numbers: Sequence[int]) -> None:
        now_ns = SystemClock().mono_ns()
        with self._changed:
            batches, _ = self._done.get(threading.get_ident(), (0, 0))
            self._done[threading.get_ident()] = (batches + 1, now_ns)
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True

    def oldest_waiting_ns(self) -> int | None:
        return None

    def wait(self, seconds: float) -> None:
        """Wait for the time and for the least work of every lane."""
        until_ns = SystemClock().mono_ns() + round(seconds * 1e9)
        with self._changed:
            while (left_ns := until_ns - SystemClock().mono_ns()) > 0 or not self._enough():
                self._changed.wait(max(left_ns / 1e9, 0.05))

    def _enough(self) -> bool:
        return len(self._done) == self._lanes and all(
            batches >= _LEAST_BATCHES for batches, _ in self._done.values()
        )

    def images_s(self, started_ns: int) -> float:
        """Return the sum of the lanes' own rates: a lane that waits for its last is not idle."""
        return sum(
            batches * self._batch / ((ended_ns - started_ns) / 1e9)
            for batches, ended_ns in self._done.values()
        )


class _SliceMeter:
    """Keeps the inferences' durations and whether one failed."""

    def __init__(self) -> None:
        self.durations_s: list[float] = []
        self.failed = False

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        pass

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        self.failed = True

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        self.durations_s.append(seconds)

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        pass


def paint_frames() -> list[Frame]:
    """Return a few 1080p frames as a decoder gives them (yuv420p), of soft random shapes.

    What is in a picture makes no difference to a network's run; its size does to scaling.
    """
    rng = np.random.default_rng(11)
    width, height = _PICTURE_WH
    frames = []
    for index in range(_PICTURES):
        soft = rng.integers(16, 235, (27, 48), np.uint8)
        planes = cv2.resize(soft, (width, height * 3 // 2), interpolation=cv2.INTER_CUBIC)
        video = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
        picture = AvPicture(video)
        frames.append(Frame(_ref(index), picture))
    return frames


def _ref(index: int) -> FrameRef:
    return FrameRef(
        camera_id=f"measured-{index}",
        connection=1,
        index=index,
        pts_ns=index,
        mono_ns=0,
        wall_ns=0,
        clock_source=ClockSource.ARRIVAL,
        time_trusted=False,
        wh=_PICTURE_WH,
    )
