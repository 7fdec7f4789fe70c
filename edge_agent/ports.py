"""The protocols through which the edges meet; `app.py` hands the parts to one another."""

from collections.abc import Callable, Sequence
from typing import Protocol

from edge_agent.types import (
    CameraChange,
    DetectionBatch,
    DropReason,
    Event,
    Frame,
    FrameRef,
    Json,
    ObjectClass,
)


class FrameSink(Protocol):
    """Where a camera's reader puts the frames to analyse."""

    def offer(self, frame: Frame) -> None:
        """Take `frame`, replacing an unread one; never blocks."""

    def room(self) -> int:
        """Return how many more frames `catch_up` takes before it is full."""

    def catch_up(self, frame: Frame) -> None:
        """Take a frame of a wake-up: in order, never replaced, never stale; never blocks."""

    def waiting(self) -> int:
        """Return how many frames given to `catch_up` are not analysed yet."""


class CameraListener(Protocol):
    """Who hears of a camera's changes. Called from the reader's thread; must not block."""

    def camera_changed(self, change: CameraChange) -> None: ...


class AnalysisListener(Protocol):
    """Who hears what an analysed frame held, so that a quiet camera may sleep."""

    def frame_analysed(self, ref: FrameRef, moving: int) -> None:
        """Take that `ref` was analysed, with `moving` confirmed tracks that do not stand still.

        Called from a lane; never blocks.
        """


class Source(AnalysisListener, Protocol):
    """A camera's reader: a thread of its own that outlives every failure of its camera."""

    def start(self) -> None: ...

    def request_stop(self) -> None:
        """Ask the reader to end; returns at once, aborting a blocked read."""

    def join(self, timeout_s: float) -> bool:
        """Wait for the reader; False where it is still running after `timeout_s`."""

    def effective_state(self) -> dict[str, Json]:
        """Return what the camera really does: codec, size, fps, transport, decoder, …"""


class Detector(Protocol):
    """A loaded model. Called by several lanes at once, each with its own number."""

    @property
    def model_id(self) -> str: ...

    @property
    def classes(self) -> tuple[ObjectClass, ...]:
        """The table that every `class_id` refers to."""

    def detect(self, frames: Sequence[Frame], lane: int) -> DetectionBatch:
        """Find what is in `frames` (1 to the plan's batch size). Raises: ModelError."""


class EventSink(Protocol):
    """Where events go on their way to the outbox."""

    def put(self, event: Event) -> None:
        """Take `event`; never blocks, never raises."""


class StateSink(Protocol):
    """Where the retained states go: the newest of each counts, none has a `seq`."""

    def put_state(self, camera_id: str | None, state: dict[str, Json]) -> None:
        """Set the state of a camera, or of the agent (None); never blocks, never raises."""


class Meter(Protocol):
    """Counts and measures; every call is cheap and may come from any thread."""

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        """Add to a counter, such as `frames_decoded`."""

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        """Count something that was dropped."""

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        """Add a duration to the distribution `name`, such as `latency`."""

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        """Add CPU time of the calling thread to a stage, such as `decode`."""


#: Gives the answer to a question asked over the status socket.
Snapshot = Callable[[], dict[str, Json]]
