"""Messages about places: a moved camera, quiet hours, perimeters, and the counts."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from edge_agent.contract.wire import Norm, OnCamera, Sequenced, Track, WireModel
from edge_agent.types import EventKind, Ring


class PlaceData(WireModel):
    """Where a camera was heard to be, and how long ago."""

    lat: float
    lon: float
    accuracy_m: float | None
    age_s: float


class RingChangeData(WireModel):
    """From which ring a camera went into which; `position` null: none came yet."""

    from_: Annotated[Ring, Field(alias="from")]
    to: Ring
    reason: Literal["first_position", "crossed", "position_lost"]
    position: PlaceData | None


class RingChangeEvent(OnCamera):
    """A camera that moves is in another ring; `ring` is the new one."""

    kind: Literal[EventKind.RING_CHANGE]
    tracks: Annotated[list[Track], Field(max_length=0)]
    data: RingChangeData


class QuietHoursData(WireModel):
    """Which hours, as the site file has them, and for how long the track was there before."""

    hours: str
    seen_s: float


class QuietHoursEvent(OnCamera):
    """Somebody was seen while nobody is expected; once a track."""

    kind: Literal[EventKind.QUIET_HOURS]
    frame_wh: tuple[int, int]
    tracks: Annotated[list[Track], Field(min_length=1, max_length=1)]
    data: QuietHoursData


class PerimeterData(WireModel):
    """One step of one track: `from` and `to` are names of levels, null outside of all."""

    perimeter: str
    way: Literal["inward", "outward"]
    from_: Annotated[str | None, Field(alias="from")]
    to: str | None
    rank: int  # of the track after the step: 0 outside, 1 in the outermost level
    ranks: int  # how many levels there are
    overall_rank: int  # the highest rank of all tracks of this agent's cameras, after the step
    reason: Literal["moved", "lost", "schedule", "left", "camera_lost", "agent_stopped"]
    path_norm: list[tuple[Norm, Norm]]  # anchor points so far, first to last


class PerimeterEvent(OnCamera):
    """A track went one level further into a perimeter, or out of it."""

    kind: Literal[EventKind.PERIMETER]
    frame_wh: tuple[int, int]
    tracks: Annotated[list[Track], Field(min_length=1, max_length=1)]
    data: PerimeterData


class ByClass(WireModel):
    """How many tracks of each class."""

    person: int
    vehicle: int


class CameraCounts(WireModel):
    """What a camera counted in one ring: tracks that started, and tracks that were in a zone."""

    camera_id: str
    ring: Ring
    counts: ByClass
    zones: dict[str, ByClass]


class StatsData(WireModel):
    """The counts of one period: the whole site, each ring, each camera and its zones.

    What counted nothing is left out. Counts are new ones: whoever wants a sum adds them up.
    """

    from_wall_ns: int
    from_time: str
    until_wall_ns: int
    until_time: str
    site: ByClass
    rings: dict[Ring, ByClass]
    cameras: list[CameraCounts]


class StatsMessage(Sequenced):
    """What was counted; an event of the whole agent."""

    kind: Literal[EventKind.STATS]
    camera_id: None
    ring: None
    layer: None
    tracks: Annotated[list[Track], Field(max_length=0)]
    data: StatsData


AnyPlaceMessage: TypeAlias = RingChangeEvent | QuietHoursEvent | PerimeterEvent | StatsMessage
