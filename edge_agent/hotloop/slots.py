"""The cameras' slots before the lanes: one place each, the newest frame wins.

A reader never waits here and a lane never reads a camera. At most one frame of a camera is
in flight, so the order of a camera's frames needs no sorting.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.clock import Clock
from edge_agent.hotloop.schedule import SlotView, choose
from edge_agent.ports import Meter
from edge_agent.settings import CameraSettings, PlanSettings
from edge_agent.types import DropReason, Frame


@dataclass(frozen=True, slots=True)
class CameraSlot:
    """A camera's `FrameSink`: the way into its slot."""

    board: "SlotBoard"
    number: int

    def offer(self, frame: Frame) -> None:
        """Put `frame` into the slot; an unread one is replaced and counted."""
        self.board.offer(self.number, frame)


class SlotBoard:
    """All slots, and the one condition that lanes wait on."""

    def __init__(
        self, cameras: Sequence[CameraSettings], *, plan: PlanSettings, clock: Clock, meter: Meter
    ) -> None:
        self._camera_ids = [camera.id for camera in cameras]
        self._views = [
            SlotView(period_ns=round(1e9 / camera.target_fps), ring=camera.ring)
            for camera in cameras
        ]
        self._frames: list[Frame | None] = [None] * len(cameras)
        self._plan = plan
        self._staleness_ns = round(plan.staleness_ms * 1e6)
        self._clock = clock
        self._meter = meter
        self._changed = threading.Condition()
        self._stopped = False

    def slot(self, number: int) -> CameraSlot:
        """Return the way into camera `number`'s slot (its place in the settings)."""
        return CameraSlot(self, number)

    def offer(self, number: int, frame: Frame) -> None:
        """Put a frame into a slot; never blocks for longer than a lane's look."""
        with self._changed:
            if self._stopped:
                self._drop(number, DropReason.STOPPED)
                return
            if self._frames[number] is not None:
                self._drop(number, DropReason.REPLACED)
            self._frames[number] = frame
            view = self._views[number]
            view.offered_ns = view.last_offer_ns = self._clock.mono_ns()
            if not view.in_flight:
                self._changed.notify()

    def take(self) -> tuple[list[tuple[int, Frame]], int | None]:
        """Take what the schedule chooses now, without waiting.

        Returns: (slot number, frame) pairs, now in flight; where empty, the nanoseconds after
        which to look again (None: when something is offered).
        """
        with self._changed:
            return self._take()

    def wait_for_batch(self) -> list[tuple[int, Frame]]:
        """Wait for the next batch of a lane; empty only when the board has stopped."""
        with self._changed:
            while not self._stopped:
                batch, wait_ns = self._take()
                if batch:
                    # One offer wakes one lane: pass it on where more than this batch waits.
                    if any(view.ready for view in self._views):
                        self._changed.notify()
                    return batch
                self._clock.wait(self._changed, 1.0 if wait_ns is None else wait_ns / 1e9)
            return []

    def release(self, numbers: Sequence[int]) -> None:
        """Let the cameras of a finished batch be taken again; wakes a lane if one refilled."""
        with self._changed:
            for number in numbers:
                self._views[number].in_flight = False
            if any(self._frames[number] is not None for number in numbers):
                self._changed.notify()

    def stop(self) -> None:
        """Send the lanes home; what still waits is counted as dropped."""
        with self._changed:
            self._stopped = True
            for number, frame in enumerate(self._frames):
                if frame is not None:
                    self._clear(number)
                    self._drop(number, DropReason.STOPPED)
            self._changed.notify_all()

    def oldest_waiting_ns(self) -> int | None:
        """Return how long the oldest ready frame has waited, None where none does."""
        with self._changed:
            offered = [v.offered_ns for v in self._views if v.ready and v.offered_ns is not None]
            return self._clock.mono_ns() - min(offered) if offered else None

    def _take(self) -> tuple[list[tuple[int, Frame]], int | None]:
        now_ns = self._clock.mono_ns()
        self._drop_stale(now_ns)
        choice = choose(self._views, self._plan, now_ns)
        batch = []
        for number in choice.slots:
            frame = self._frames[number]
            assert frame is not None, "the schedule chose an empty slot"
            batch.append((number, frame))
            self._clear(number)
            self._views[number].in_flight = True
            self._views[number].last_taken_ns = now_ns
        return batch, choice.wait_ns

    def _drop_stale(self, now_ns: int) -> None:
        for number, view in enumerate(self._views):
            if view.offered_ns is not None and now_ns - view.offered_ns > self._staleness_ns:
                self._clear(number)
                self._drop(number, DropReason.STALE)

    def _clear(self, number: int) -> None:
        self._frames[number] = None
        self._views[number].offered_ns = None

    def _drop(self, number: int, reason: DropReason) -> None:
        self._meter.drop(reason, camera_id=self._camera_ids[number])
