"""The nouns of the house: what travels from camera to broker.

Array holders are frozen, slotted and compared by identity; shapes stand in the comments.
There is no Python object for a single detection: arrays from the model's output to the rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: A value that JSON can hold (mypy has no finite spelling of the recursion on 3.11).
Json: TypeAlias = Any

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int32]
IdArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
ByteArray: TypeAlias = NDArray[np.uint8]
Wh: TypeAlias = tuple[int, int]
Point: TypeAlias = tuple[float, float]


class Ring(StrEnum):
    """Where a camera stands: 城内, 城郊, 乡村."""

    URBAN = "urban"
    SUBURBAN = "suburban"
    RURAL = "rural"


class Layer(StrEnum):
    """The sensing layer: 人像, 车辆卡口, 高空全景, 无人机."""

    PORTRAIT = "portrait"
    CHECKPOINT = "checkpoint"
    PANORAMIC = "panoramic"
    UAV = "uav"


class Severity(StrEnum):
    """What an event is worth; rising."""

    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def colour(self) -> str:
        """The colour that dispatchers there know it by."""
        return _COLOURS[self.value]


_COLOURS = {"info": "green", "notice": "blue", "warning": "red", "critical": "black"}


class ClockSource(StrEnum):
    """Where a frame's wall time comes from."""

    RTCP = "rtcp"  # the camera's own clock, from RTCP sender reports
    ARRIVAL = "arrival"  # the agent's clock when the frame's last packet came


class CameraState(StrEnum):
    """What a camera is doing, as `status` and the retained camera state say it."""

    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"
    RESTING = "resting"  # connected, and outside of its hours: nothing is decoded
    ENDED = "ended"  # a file source has been read to its end
    STOPPED = "stopped"


class EndReason(StrEnum):
    """Why a track's `end` was sent."""

    LEFT = "left"
    CAMERA_LOST = "camera_lost"
    CAMERA_RESTS = "camera_rests"  # its hours are over
    AGENT_STOPPED = "agent_stopped"


class DropReason(StrEnum):
    """Why a frame or an event was dropped; every drop is counted under one of these."""

    REPLACED = "replaced"  # a newer frame of the camera came before this one was analysed
    STALE = "stale"  # the frame waited longer than the staleness budget
    SHED = "shed"  # left out on purpose while the box is full
    INFERENCE_FAILED = "inference_failed"  # the session raised on the frame's batch
    DECODE_FAILED = "decode_failed"  # a packet that the decoder refused
    STOPPED = "stopped"  # still waiting when the agent stopped
    QUEUE_FULL = "queue_full"  # an event that found no room before the outbox


class EventKind(StrEnum):
    """The kinds of events; the last level of an event's topic."""

    START = "start"
    UPDATE = "update"
    END = "end"
    CAMERA_LIVE = "camera_live"
    CAMERA_LOST = "camera_lost"
    CAMERA_ENDED = "camera_ended"
    CLOCK_CHANGE = "clock_change"
    PICTURE_CHANGE = "picture_change"
    CAMERA_FAULT = "camera_fault"
    # What rules find; see `settings/rules.py` and docs/rules.md.
    ENTER = "enter"
    EXIT = "exit"
    PRESENCE = "presence"
    ABSENCE = "absence"
    DWELL = "dwell"
    LOITERING = "loitering"
    CROSSING = "crossing"
    DIRECTION = "direction"
    WRONG_WAY = "wrong_way"
    SPEED = "speed"
    RUNNING = "running"
    STOPPED = "stopped"
    COUNT_OVER = "count_over"
    COUNT_UNDER = "count_under"
    CROWD = "crowd"
    QUEUE = "queue"
    FALL_IN_COUNT = "fall_in_count"
    TAMPER = "tamper"
    BIRTH = "birth"
    STOP = "stop"
    LOAD_CHANGE = "load_change"
    RING_CHANGE = "ring_change"
    QUIET_HOURS = "quiet_hours"
    PERIMETER = "perimeter"
    STATS = "stats"
    STREAM_START = "stream_start"
    LOST_BEFORE_COMMIT = "lost_before_commit"
    GAP = "gap"


class Picture(Protocol):
    """A decoded picture, kept in its decoder's own planes until someone asks for pixels."""

    @property
    def wh(self) -> Wh:
        """Width and height in pixels."""

    def scale_into(self, out: FloatArray, *, channels: str) -> None:
        """Write the whole picture, area-averaged to `out`'s size, as values in 0..255.

        Args: `out` (3, h, w) float32, any strides; `channels` "rgb" or "bgr".
        """

    def to_bgr(self) -> ByteArray:
        """Return a full-size (h, w, 3) uint8 copy, for stills; slow."""


@dataclass(frozen=True, slots=True)
class FrameRef:
    """Which frame, and when: everything about a frame but its pixels.

    `pts_ns` is the camera's own timeline: it rises strictly over the life of the process,
    also across reconnects and jumps of the stream's timestamps. `mono_ns` is the arrival of
    the frame's last packet. `wall_ns` is UTC by `clock_source`.
    """

    camera_id: str
    connection: int  # 1, 2, … : which RTSP connection (or loop of a file) of this camera
    index: int  # 0, 1, … : frames that the grid chose within the connection
    pts_ns: int
    mono_ns: int
    wall_ns: int
    clock_source: ClockSource
    time_trusted: bool
    wh: Wh
    #: From here on every picture was decoded; between a frame before it and this one the
    #: camera slept, and nothing was seen of what moved.
    awake_pts_ns: int = 0
    #: Held back until a wake-up asked for it: outside of what is promised about latency.
    late: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame to analyse."""

    ref: FrameRef
    picture: Picture


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """One class of a detector, folded: `name` is person or vehicle, `subclass` the finer word."""

    name: str
    subclass: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The detections of one frame, in pixels of that frame, sorted by falling score."""

    ref: FrameRef
    xyxy: FloatArray  # (N, 4)
    score: FloatArray  # (N,)
    class_id: IntArray  # (N,) row of the detector's table of ObjectClass

    def keep(self, mask: BoolArray) -> "Detections":
        """Return the rows where `mask` (N,) is true."""
        return Detections(self.ref, self.xyxy[mask], self.score[mask], self.class_id[mask])


@dataclass(frozen=True, slots=True, eq=False)
class DetectionBatch:
    """What one inference found in B frames: a struct of arrays."""

    frames: tuple[FrameRef, ...]  # B
    row_splits: IntArray  # (B + 1,)
    xyxy: FloatArray  # (N, 4) px of the source frame
    score: FloatArray  # (N,)
    class_id: IntArray  # (N,)

    def __post_init__(self) -> None:
        n = len(self.score)
        splits = self.row_splits
        if (
            self.xyxy.shape != (n, 4)
            or self.class_id.shape != (n,)
            or splits.shape != (len(self.frames) + 1,)
            or splits[0] != 0
            or splits[-1] != n
        ):
            raise ValueError(
                f"detection batch: {len(self.frames)} frames, row_splits {splits.tolist()}, "
                f"xyxy {self.xyxy.shape}, score {self.score.shape}, class_id {self.class_id.shape}"
                " do not fit together"
            )

    def rows(self, i: int) -> Detections:
        """Return frame `i`'s detections as views."""
        a, b = int(self.row_splits[i]), int(self.row_splits[i + 1])
        return Detections(self.frames[i], self.xyxy[a:b], self.score[a:b], self.class_id[a:b])


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """All live tracks of one camera after a frame; M rows sorted by rising track_id.

    A tracker names the tracks that it gave up in this step in `removed_id`; they are no
    longer among the rows.
    """

    ref: FrameRef
    track_id: IdArray  # (M,)
    xyxy: FloatArray  # (M, 4) px; predicted where coasting
    class_id: IntArray  # (M,) the track's vote, a row of the detector's table
    score: FloatArray  # (M,) of the last matched detection
    det_row: IntArray  # (M,) row of this frame's detections, -1 = coasting
    confirmed: BoolArray  # (M,)
    stationary: BoolArray  # (M,)
    first_pts_ns: IdArray  # (M,)
    last_pts_ns: IdArray  # (M,) of the last matched detection
    removed_id: IdArray  # (R,) tracks given up in this step


@dataclass(frozen=True, slots=True)
class TrackReport:
    """One track as an event tells it."""

    track_id: int
    object_class: ObjectClass
    score: float
    xyxy_px: tuple[float, float, float, float]
    stationary: bool
    zones: tuple[str, ...]
    first_wall_ns: int
    #: Only in `end`: how long, along which way, how sure at best.
    duration_s: float | None = None
    best_score: float | None = None
    path_norm: tuple[Point, ...] | None = None  # anchor points, 0..1, first to last
    end_reason: EndReason | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where something is, in degrees (WGS 84), and when that was heard."""

    lat: float
    lon: float
    mono_ns: int
    accuracy_m: float | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """One track more: at its camera (`zone` None), or inside a zone for the first time."""

    zone: str | None
    class_name: str


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, from pure code; knows no `seq`. Ring and layer are None agent-wide."""

    kind: EventKind
    severity: Severity
    wall_ns: int
    time_trusted: bool
    clock_source: ClockSource = ClockSource.ARRIVAL
    camera_id: str | None = None
    ring: Ring | None = None
    layer: Layer | None = None
    connection: int | None = None
    pts_ns: int | None = None
    #: Arrival of the analysed frame's last packet, for latency; not on the wire.
    mono_ns: int | None = None
    frame_wh: Wh | None = None
    model_id: str | None = None
    tracks: tuple[TrackReport, ...] = ()
    #: What only this kind carries, JSON values.
    data: Mapping[str, Json] = field(default_factory=dict)
    grid: str | None = None  # the cell for dispatch
    #: What the event adds to the counts; not told in it, but committed with it.
    counts: tuple[Count, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What delivery adds to an event, in the outbox's writer."""

    event_id: str
    agent_id: str
    site: str
    boot_id: str
    stream_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class CameraChange:
    """A camera's state changed, or something about its stream did."""

    camera_id: str
    kind: EventKind | None  # the event to send, None where only the state changes
    state: CameraState
    reason: str  # for people: what happened, the value seen, what happens next
    connection: int
    mono_ns: int
    data: Mapping[str, Json] = field(default_factory=dict)
