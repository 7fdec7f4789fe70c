"""The lanes: threads that take a batch, run the detector, and step each frame.

The session releases the GIL, so two lanes on one session use two cores.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from edge_agent.clock import Clock
from edge_agent.ports import Detector, Meter
from edge_agent.types import Detections, DropReason, Frame

log = logging.getLogger(__name__)

#: Carries one frame's detections on: camera's place, detections.
FrameStep = Callable[[int, Detections], None]


class Board(Protocol):
    """Where the lanes get their work: the cameras' slots, or a measurement's pictures."""

    def wait_for_batch(self) -> list[tuple[int, Frame]]:
        """Return the next batch for the calling lane; empty: the lane ends."""

    def release(self, numbers: Sequence[int]) -> None:
        """Hear that a batch of these cameras is done."""

    def stop(self) -> None:
        """Send the lanes home."""

    def oldest_waiting_ns(self) -> int | None:
        """Return how long the oldest ready frame has waited, None where none does."""


class Lanes:
    """`count` worker threads over one board and one detector."""

    def __init__(
        self,
        board: Board,
        detector: Detector,
        step: FrameStep,
        *,
        count: int,
        clock: Clock,
        meter: Meter,
    ) -> None:
        self._board = board
        self._detector = detector
        self._step = step
        self._clock = clock
        self._meter = meter
        self._busy_since_ns: list[int | None] = [None] * count
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"lane-{lane}")
            for lane in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Stop the board and wait for the lanes; False where one is still busy."""
        self._board.stop()
        until_ns = self._clock.mono_ns() + round(timeout_s * 1e9)
        for thread in self._threads:
            thread.join(max(0.0, (until_ns - self._clock.mono_ns()) / 1e9))
        return not any(thread.is_alive() for thread in self._threads)

    def stuck_ns(self) -> int:
        """Return how long the slowest lane has been at its batch, or a ready frame has waited.

        0 while nothing waits and no lane works: dead cameras are not a stuck loop.
        """
        now_ns = self._clock.mono_ns()
        busy_ns = [now_ns - since for since in self._busy_since_ns if since is not None]
        return max([0, self._board.oldest_waiting_ns() or 0, *busy_ns])

    def at_work_ns(self) -> int:
        """Return how long the lanes have been at their present batches, in sum."""
        now_ns = self._clock.mono_ns()
        return sum(now_ns - since for since in self._busy_since_ns if since is not None)

    def run_batch(self, batch: Sequence[tuple[int, Frame]], lane: int) -> None:
        """Detect in a batch and step its frames; a failure costs this batch only."""
        self._busy_since_ns[lane] = self._clock.mono_ns()
        try:
            self._detect_and_step(batch, lane)
        except Exception as error:
            for _, frame in batch:
                self._meter.drop(DropReason.INFERENCE_FAILED, camera_id=frame.ref.camera_id)
            cameras = ", ".join(frame.ref.camera_id for _, frame in batch)
            log.error(
                "lane %d: %s: %s on frames of %s; dropped, going on",
                lane,
                type(error).__name__,
                error,
                cameras,
                exc_info=log.isEnabledFor(logging.DEBUG),
            )
        finally:
            self._busy_since_ns[lane] = None
            self._board.release([number for number, _ in batch])

    def _detect_and_step(self, batch: Sequence[tuple[int, Frame]], lane: int) -> None:
        started_ns = self._clock.mono_ns()
        found = self._detector.detect([frame for _, frame in batch], lane)
        self._meter.observe("inference", (self._clock.mono_ns() - started_ns) / 1e9)
        self._meter.count("batches")
        self._meter.count("images", len(batch))
        for place, (number, _) in enumerate(batch):
            self._step(number, found.rows(place))

    def _run(self, lane: int) -> None:
        while batch := self._board.wait_for_batch():
            self.run_batch(batch, lane)
