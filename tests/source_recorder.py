"""Everything a camera's reader talks to, recorded; and a way to wait for it."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edge_agent.clock import Clock, SystemClock
from edge_agent.ports import Source
from edge_agent.settings import CameraSettings
from edge_agent.source import open_source
from edge_agent.types import CameraChange, CameraState, DropReason, EventKind, Frame, FrameRef
from edge_agent.wakeup import WakeWatch


def wait_for(condition: Callable[[], bool], what: str, limit_s: float = 20.0) -> None:
    """Wait until `condition` holds; fails the test naming `what` after `limit_s`."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"waited {limit_s} s for {what}"
        time.sleep(0.01)


def camera(url: str, **settings: Any) -> CameraSettings:
    """Return the settings of camera `gate` at `url`."""
    fields: dict[str, Any] = {"id": "gate", "ring": "urban", "layer": "portrait"}
    return CameraSettings(url=url, **(fields | settings))


class Recorder:
    """Sink, listener and meter of one camera."""

    def __init__(self, keep_frames: int = 3) -> None:
        self.refs: list[FrameRef] = []
        self.frames: list[Frame] = []
        self.changes: list[CameraChange] = []
        self.counts: Counter[str] = Counter()
        self.drops: Counter[DropReason] = Counter()
        self.moving: Callable[[FrameRef], int] = lambda ref: 0  # what the analysis finds
        self.tell: Callable[[FrameRef, int], None] = lambda ref, moving: None
        self._keep_frames = keep_frames
        self._lock = threading.Lock()

    def offer(self, frame: Frame) -> None:
        self.refs.append(frame.ref)
        self.frames = [*self.frames, frame][-self._keep_frames :]
        self.tell(frame.ref, self.moving(frame.ref))

    def room(self) -> int:
        return 1

    def catch_up(self, frame: Frame) -> None:
        self.offer(frame)

    def waiting(self) -> int:
        return 0

    def camera_changed(self, change: CameraChange) -> None:
        self.changes.append(change)

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        assert camera_id == "gate"
        with self._lock:
            self.counts[name] += amount

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        assert camera_id == "gate"
        with self._lock:
            self.drops[reason] += amount

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        raise AssertionError("a source measures no durations")

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        pass

    def kinds(self, kind: EventKind) -> list[CameraChange]:
        """Return the changes of `kind` so far."""
        return [change for change in self.changes if change.kind is kind]

    def states(self) -> list[CameraState]:
        """Return the states so far, each turn once."""
        states = [change.state for change in self.changes]
        return [s for i, s in enumerate(states) if i == 0 or s is not states[i - 1]]


@contextmanager
def reading(
    settings: CameraSettings,
    recorder: Recorder,
    clock: Clock | None = None,
    watch: WakeWatch | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> Iterator[Source]:
    """Run the reader of `settings`; at the block's end it must stop."""
    source = open_source(
        settings,
        sink=recorder,
        listener=recorder,
        meter=recorder,
        clock=clock or SystemClock(),
        rng=random.Random(7),
        watch=watch,
        wanted=wanted,
    )
    recorder.tell = source.frame_analysed
    source.start()
    try:
        yield source
    finally:
        source.request_stop()
        assert source.join(5.0), "the reader did not stop"
