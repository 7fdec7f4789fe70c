"""The cameras' slots before the lanes: one place each, the newest frame wins.

A reader never waits here and a lane never reads a camera. At most one frame of a camera is
in flight, so the order of a camera's frames needs no sorting.

A slot that catches up after a wake-up has a short queue before that place: its frames are old
already, so none replaces another and none goes stale; the reader asks for room first.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.clock import Clock
from edge_agent.hotloop.schedule import SlotView, choose
from edge_agent.ports import Meter
from edge_agent.settings import CameraSettings, Plan
from edge_agent.types import DropReason, Frame, Ring

#: Late frames of a camera before the lanes: enough to keep two of them busy between two of the
#: reader's packets. Each is a whole decoded picture, 3 MB at 1080p.
LATE_ROOM = 4


@dataclass(frozen=True, slots=True)
class CameraSlot:
    """A camera's `FrameSink`: the way into its slot."""

    board: "SlotBoard"
    number: int

    def offer(self, frame: Frame) -> None:
        """Put `frame` into the slot; an unread one is replaced and counted."""
        self.board.offer(self.number, frame)

    def room(self) -> int:
        """Return how many more frames `catch_up` takes before it is full."""
        return self.board.room(self.number)

    def catch_up(self, frame: Frame) -> None:
        """Queue a late frame; more than there is room for are taken all the same."""
        self.board.catch_up(self.number, frame)

    def waiting(self) -> int:
        """Return how many late frames are queued or in flight."""
        return self.board.waiting(self.number)


@dataclass(slots=True, eq=False)
class _Places:
    """What waits in one slot: late frames first, then the newest live one."""

    late: deque[Frame] = field(default_factory=deque)
    late_in_flight: bool = False
    live: Frame | None = None
    live_ns: int = 0  # when it was offered


class SlotBoard:
    """All slots, and the one condition that lanes wait on."""

    def __init__(
        self, cameras: Sequence[CameraSettings], *, plan: Plan, clock: Clock, meter: Meter
    ) -> None:
        self._camera_ids = [camera.id for camera in cameras]
        self._views = [
            SlotView(
                period_ns=round(1e9 / camera.target_fps),
                ring=camera.ring,
                slo_ns=round(camera.slo_s * 1e9),
            )
            for camera in cameras
        ]
        self._places = [_Places() for _ in cameras]
        self._plan = plan
        self._staleness_ns = round(plan.staleness_ms * 1e6)
        self._clock = clock
        self._meter = meter
        self._changed = threading.Condition()
        self._stopped = False

    def slot(self, number: int) -> CameraSlot:
        """Return the way into camera `number`'s slot (its place in the settings)."""
        return CameraSlot(self, number)

    def set_ring(self, number: int, ring: Ring) -> None:
        """Take that a camera that moves is in another ring."""
        with self._changed:
            self._views[number].ring = ring

    def offer(self, number: int, frame: Frame) -> None:
        """Put a frame into a slot; never blocks for longer than a lane's look."""
        with self._changed:
            if self._stopped:
                self._drop(number, DropReason.STOPPED)
                return
            places = self._places[number]
            if places.live is not None:
                self._drop(number, DropReason.REPLACED)
            places.live, places.live_ns = frame, self._clock.mono_ns()
            self._came(number)

    def room(self, number: int) -> int:
        """Return how many more late frames a slot takes; once stopped it takes (and drops) all."""
        with self._changed:
            return LATE_ROOM if self._stopped else LATE_ROOM - len(self._places[number].late)

    def catch_up(self, number: int, frame: Frame) -> None:
        """Queue a late frame: it goes before the slot's live one, after those queued before."""
        with self._changed:
            if self._stopped:
                self._drop(number, DropReason.STOPPED)
                return
            self._places[number].late.append(frame)
            self._came(number)

    def waiting(self, number: int) -> int:
        """Return how many late frames of a slot are queued or in flight."""
        with self._changed:
            places = self._places[number]
            return len(places.late) + places.late_in_flight

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
                self._places[number].late_in_flight = False
            if any(self._views[number].ready for number in numbers):
                self._changed.notify()

    def stop(self) -> None:
        """Send the lanes home; what still waits is counted as dropped."""
        with self._changed:
            self._stopped = True
            for number, places in enumerate(self._places):
                left = len(places.late) + (places.live is not None)
                if left:
                    self._meter.drop(DropReason.STOPPED, left, camera_id=self._camera_ids[number])
                places.late.clear()
                places.live = None
                self._views[number].offered_ns = None
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
            batch.append((number, self._pop(number, now_ns)))
            self._views[number].in_flight = True
            self._views[number].last_taken_ns = now_ns
        return batch, choice.wait_ns

    def _came(self, number: int) -> None:
        """Let the schedule see what was put into a slot now."""
        view = self._views[number]
        places = self._places[number]
        view.last_offer_ns = self._clock.mono_ns()
        if view.offered_ns is None or not places.late:
            view.offered_ns = view.last_offer_ns
        view.late = bool(places.late)
        if not view.in_flight:
            self._changed.notify()

    def _pop(self, number: int, now_ns: int) -> Frame:
        """Take the next frame out of a slot that has one."""
        places, view = self._places[number], self._views[number]
        places.late_in_flight = bool(places.late)
        if places.late:
            frame = places.late.popleft()
        else:
            assert places.live is not None, "the schedule chose an empty slot"
            frame, places.live = places.live, None
        view.late = bool(places.late)
        if places.late:
            view.offered_ns = now_ns  # the next one's turn begins: it waits from here on
        else:
            view.offered_ns = None if places.live is None else places.live_ns
        return frame

    def _drop_stale(self, now_ns: int) -> None:
        for number, (places, view) in enumerate(zip(self._places, self._views, strict=True)):
            if places.live is not None and now_ns - places.live_ns > self._staleness_ns:
                places.live = None
                if not places.late:
                    view.offered_ns = None
                self._drop(number, DropReason.STALE)

    def _drop(self, number: int, reason: DropReason) -> None:
        self._meter.drop(reason, camera_id=self._camera_ids[number])
