"""What rules tell: one model a family of rules. `data.rule` names the rule of the site file.

`left_out` counts the events of the same rule that its cool-down has kept back since the last.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from edge_agent.contract.wire import OnCamera, Track, WireModel
from edge_agent.types import EventKind

_One = Annotated[list[Track], Field(min_length=1, max_length=1)]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class RuleData(WireModel):
    """What the data of every rule's event holds."""

    rule: str
    left_out: Count


class ZoneData(RuleData):
    """A rule in a zone; None is the whole picture."""

    zone: str | None


class EnterData(ZoneData):
    """`first_track_id` is the id under which the body came; it stays until its exit."""

    first_track_id: int
    appeared: bool  # it was first seen inside


class ExitData(ZoneData):
    """`lost`: the track ended inside; the rest as in a track's `end_reason`."""

    first_track_id: int
    dwell_s: Seconds
    reason: Literal["left", "lost", "camera_lost", "agent_stopped"]


class StayData(ZoneData):
    """How long, in seconds, when the rule fired."""

    first_track_id: int
    dwell_s: Seconds


class CrossingData(RuleData):
    """A is to the left of the line's direction, B to the right."""

    line: str
    way: Literal["a_to_b", "b_to_a"]


class MovementData(ZoneData):
    """None where the speed is not known; `height` is a guess by the body's height."""

    speed_kmh: Seconds | None
    measured_by: Literal["ground", "height"] | None


class StandingData(ZoneData):
    """What lasts begins with `standing` true and is over with false, once each."""

    standing: bool
    count: Count  # those who count now
    density: Seconds | None  # a square metre, of a crowd on a known ground
    length_m: Seconds | None  # of a queue on a known ground
    lasted_s: Seconds | None  # None at the beginning
    reason: Literal["over", "schedule", "left", "camera_lost", "agent_stopped"] | None


class FallData(ZoneData):
    """How many there were, and are."""

    from_count: Count
    to_count: Count
    within_s: Seconds


class TamperData(ZoneData):
    """Which fault of the picture, as `camera_fault` names it."""

    standing: bool
    fault: Literal["dark", "covered", "blurred", "moved"]
    text: str


class RuleEvent(OnCamera):
    """A rule fired on a frame."""

    frame_wh: tuple[int, int]


class EnterEvent(RuleEvent):
    """A track came into a zone."""

    kind: Literal[EventKind.ENTER]
    tracks: _One
    data: EnterData


class ExitEvent(RuleEvent):
    """A track left a zone, or ended in it."""

    kind: Literal[EventKind.EXIT]
    tracks: _One
    data: ExitData


class StayEvent(RuleEvent):
    """A track has been in a zone, or has stood there, for long."""

    kind: Literal[EventKind.DWELL, EventKind.LOITERING, EventKind.STOPPED]
    tracks: _One
    data: StayData


class CrossingEvent(RuleEvent):
    """A track crossed a line."""

    kind: Literal[EventKind.CROSSING]
    tracks: _One
    data: CrossingData


class MovementEvent(RuleEvent):
    """A track moves faster, or another way, than it should."""

    kind: Literal[
        EventKind.DIRECTION, EventKind.WRONG_WAY, EventKind.SPEED, EventKind.RUNNING
    ]  # fmt: skip
    tracks: _One
    data: MovementData


class StandingEvent(RuleEvent):
    """Something in a zone lasts, or is over; the tracks are those that count."""

    kind: Literal[
        EventKind.PRESENCE,
        EventKind.ABSENCE,
        EventKind.COUNT_OVER,
        EventKind.COUNT_UNDER,
        EventKind.CROWD,
        EventKind.QUEUE,
    ]
    tracks: list[Track]
    data: StandingData


class FallEvent(RuleEvent):
    """Suddenly there are fewer; the tracks are those who are left."""

    kind: Literal[EventKind.FALL_IN_COUNT]
    tracks: list[Track]
    data: FallData


class TamperEvent(OnCamera):
    """Somebody may have done something to the camera, or it is well again."""

    kind: Literal[EventKind.TAMPER]
    tracks: Annotated[list[Track], Field(max_length=0)]
    data: TamperData


AnyRuleEvent: TypeAlias = (
    EnterEvent
    | ExitEvent
    | StayEvent
    | CrossingEvent
    | MovementEvent
    | StandingEvent
    | FallEvent
    | TamperEvent
)
