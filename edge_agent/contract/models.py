"""The messages on the wire, as models: what a receiver may rely on.

A receiver ignores fields that it does not know; a field that vanishes or changes its meaning
raises `SCHEMA_VERSION`. All integers of nanoseconds need 64 bits.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from edge_agent.contract.place_models import AnyPlaceMessage
from edge_agent.contract.rule_models import AnyRuleEvent
from edge_agent.contract.wire import (
    SCHEMA_VERSION,
    EndedTrack,
    Message,
    OnCamera,
    Seq,
    Sequenced,
    Track,
    WireModel,
)
from edge_agent.types import CameraState, EventKind, Json, Layer, Ring

__all__ = ["SCHEMA_VERSION", "EndedTrack", "Track"]


class TrackEvent(OnCamera):
    """Tracks began, changed or are told again; one message a camera with all changed tracks."""

    kind: Literal[EventKind.START, EventKind.UPDATE]
    frame_wh: tuple[int, int]
    tracks: Annotated[list[Track], Field(min_length=1)]
    data: dict[str, Json]


class EndEvent(OnCamera):
    """Tracks ended."""

    kind: Literal[EventKind.END]
    frame_wh: tuple[int, int]
    tracks: Annotated[list[EndedTrack], Field(min_length=1)]
    data: dict[str, Json]


class CameraEvent(OnCamera):
    """A camera's stream came, went or changed."""

    kind: Literal[
        EventKind.CAMERA_LIVE,
        EventKind.CAMERA_LOST,
        EventKind.CAMERA_ENDED,
        EventKind.CLOCK_CHANGE,
        EventKind.PICTURE_CHANGE,
    ]
    tracks: Annotated[list[Track], Field(max_length=0)]
    data: dict[str, Json]


class CameraFaultData(WireModel):
    """What is wrong with a camera that still sends, or is no more (`standing` false)."""

    word: Literal[
        "frozen", "dark", "covered", "blurred", "moved", "bitrate_changed", "gop_changed"
    ]  # fmt: skip
    text: str  # for people: what is seen, with the value
    standing: bool
    state: CameraState
    reason: str


class CameraFaultEvent(OnCamera):
    """Something is wrong with a camera's picture or stream, seen without decoding it all."""

    kind: Literal[EventKind.CAMERA_FAULT]
    tracks: Annotated[list[Track], Field(max_length=0)]
    data: CameraFaultData


class AgentWide(Sequenced):
    """A sequenced message about the whole agent."""

    camera_id: None
    ring: None
    layer: None
    tracks: Annotated[list[Track], Field(max_length=0)]


class AgentEvent(AgentWide):
    """The agent began or stopped cleanly."""

    kind: Literal[EventKind.BIRTH, EventKind.STOP]
    data: dict[str, Json]


class LoadData(WireModel):
    """How much is given up because the box is full, or slowed down; level 0 is nothing."""

    level: Annotated[int, Field(ge=0)]
    levels: int  # the highest level of this site
    step: str  # what was given up last, "all" at level 0: everything is analysed
    reason: str  # for people; empty once everything is analysed and nothing is slowed down
    heat: Literal["none", "throttled"]
    thinned_cameras: list[str]


class LoadChangeEvent(AgentWide):
    """The box is full or slowed down, or no longer so."""

    kind: Literal[EventKind.LOAD_CHANGE]
    data: LoadData


class StreamStartData(WireModel):
    """Why a new outbox file was begun."""

    reason: Literal["new", "corrupt"]
    set_aside: str | None  # the name that the corrupt file was given


class StreamStartEvent(AgentWide):
    """The first message of an outbox file; its `seq` is 1."""

    kind: Literal[EventKind.STREAM_START]
    data: StreamStartData


class LostData(WireModel):
    """How many events found no room before the outbox, by kind."""

    count: int
    by_kind: dict[str, int]


class LostBeforeCommitEvent(AgentWide):
    """Events were dropped before they had a `seq`."""

    kind: Literal[EventKind.LOST_BEFORE_COMMIT]
    data: LostData


class GapRange(WireModel):
    """A range of `seq` that will never come: both ends are inside it."""

    first_seq: Seq
    last_seq: Seq
    reason: Literal["bounds", "refused"]  # removed to make room, or refused by the broker


class GapData(WireModel):
    """The ranges of one announcement."""

    ranges: Annotated[list[GapRange], Field(min_length=1, max_length=500)]
    count: int


class GapMessage(AgentWide):
    """Messages that will never come; on the topic `gaps`, with a `seq` of its own."""

    kind: Literal[EventKind.GAP]
    data: GapData


EventMessage: TypeAlias = Annotated[
    TrackEvent
    | EndEvent
    | CameraEvent
    | CameraFaultEvent
    | AnyRuleEvent
    | AnyPlaceMessage
    | AgentEvent
    | LoadChangeEvent
    | StreamStartEvent
    | LostBeforeCommitEvent
    | GapMessage,
    Field(discriminator="kind"),
]


class AgentStateMessage(Message):
    """An agent's retained state; the last will is one with the fields unknown then as null.

    An `online: false` counts only where its `boot_id` is the newest that is known.
    """

    online: bool
    reason: Literal["running", "stopped", "vanished"]
    stream_id: str
    first_seq: Seq | None  # the oldest `seq` still on disk
    last_seq: int | None  # the newest committed `seq` when this was said
    version: str
    wall_ns: int | None
    wall_time: str | None
    time_trusted: bool | None
    data: dict[str, Json]


class CameraStateMessage(Message):
    """A camera's retained state; counts while its agent's state says online."""

    camera_id: str
    ring: Ring | None
    layer: Layer | None
    state: CameraState
    reason: str | None
    wall_ns: int
    wall_time: str
    time_trusted: bool
    data: dict[str, Json]
