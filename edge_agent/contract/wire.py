"""What messages on the wire are made of: tracks, and the fields that all of them carry."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.types import ClockSource, EndReason, Layer, Ring, Severity

SCHEMA_VERSION = 1

Norm = Annotated[float, Field(ge=0, le=1)]
Seq = Annotated[int, Field(ge=1)]
Box: TypeAlias = tuple[float, float, float, float]
NormBox: TypeAlias = tuple[Norm, Norm, Norm, Norm]


class WireModel(BaseModel):
    """Base of everything on the wire."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Track(WireModel):
    """One track as `start` and `update` tell it."""

    track_id: int
    class_: Annotated[str, Field(alias="class", description="person or vehicle")]
    subclass: str | None
    score: Norm
    xyxy_px: Box
    xyxy_norm: NormBox
    stationary: bool
    zones: list[str]
    first_wall_ns: int


class EndedTrack(Track):
    """One track as `end` tells it: with its whole life."""

    duration_s: float
    best_score: Norm
    path_norm: list[tuple[Norm, Norm]]
    end_reason: EndReason


class Message(WireModel):
    """What every message carries."""

    schema_version: Literal[1]
    agent_id: str
    site: str
    boot_id: str


class Sequenced(Message):
    """What every message of the sequence carries; complete per (agent_id, stream_id, seq)."""

    event_id: str
    stream_id: str
    seq: Seq
    camera_id: str | None
    ring: Ring | None
    layer: Layer | None
    severity: Annotated[
        Severity, Field(description="info (green), notice (blue), warning (red), critical (black)")
    ]
    grid: Annotated[str | None, Field(description="the cell for dispatch")] = None
    wall_ns: int
    wall_time: str
    clock_source: ClockSource
    time_trusted: bool
    pts_ns: int | None
    connection: int | None
    frame_wh: tuple[int, int] | None
    model_id: str | None


class OnCamera(Sequenced):
    """A sequenced message about one camera."""

    camera_id: str
    ring: Ring
    layer: Layer
