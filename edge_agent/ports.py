"""The protocols through which the edges meet; `app/` hands the parts to one another."""

from collections.abc import Callable, Sequence
from typing import Protocol

from edge_agent.types import (
    CameraChange,
    DetectionBatch,
    Detections,
    DropReason,
    Event,
    Frame,
    FrameRef,
    IdArray,
    Json,
    ObjectClass,
    Position,
    Tracks,
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

        It is 1 also where nothing moves but a rule waits: the camera must not fall asleep.
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


class Follower(Protocol):
    """What makes one camera's tracks: the tracker, or a player of recorded ones."""

    def step(self, detections: Detections) -> Tracks:
        """Take one frame's detections and return all tracks after it."""

    def lose_moving(self) -> IdArray:
        """The camera is lost: drop all tracks but the stationary ones; return the dropped ids."""

    def clear(self) -> IdArray:
        """Drop all tracks and return their ids."""


class TrackSink(Protocol):
    """Where every analysed frame's tracks are kept. Never blocks, never raises."""

    def frame_tracked(self, tracks: Tracks) -> None:
        """Take a frame's tracks, which nobody changes any more."""

    def camera_changed(self, change: CameraChange) -> None:
        """Take a camera's change, in order with its frames."""

    def camera_moved(self, camera_id: str, position: Position) -> None:
        """Take where a camera that moves is now, in order with its frames."""


class EventSink(Protocol):
    """Where events go on their way to the outbox."""

    def put(self, event: Event) -> None:
        """Take `event`; never blocks, never raises."""


class StateSink(Protocol):
    """Where the retained states go: the newest of each counts, none has a `seq`."""

    def put_state(self, camera_id: str | None, state: dict[str, Json]) -> None:
        """Set the state of a camera, or of the agent (None); never blocks, never raises."""


class PositionSink(Protocol):
    """Who hears where something is. Called from a listener's thread; must not block."""

    def moved(self, source_id: str, position: Position) -> None:
        """Take a position that a source (`settings.PositionSettings`) told."""


class PositionListener(Protocol):
    """A thread that hears positions, over UDP or from a broker."""

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> bool:
        """End the thread; False where it does not end in time."""


class Meter(Protocol):
    """Counts and measures; every call is cheap and may come from any thread."""

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        """Add to a counter, such as `frames_decoded`."""

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        """Count something that was dropped."""

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        """Add a duration to the distribution `name`, such as `latency`."""

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        """Add CPU time of the calling thread to a stage, such as `decode`.

        Of the agent as a whole, and of the camera where one is named.
        """


#: Gives the answer to a question asked over the status socket.
Snapshot = Callable[[], dict[str, Json]]
