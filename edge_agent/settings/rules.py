"""The tables of what a camera's rules look at and fire on: lines, the ground, rules.

A rule's kind decides which of its keys mean something: `KIND_KEYS` is that table, and a key
outside of it is refused (`config/rule_checks.py`). Where a default differs by kind the key
is None here and the value stands in the kind's row of a table below.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from edge_agent.geometry import Homography
from edge_agent.settings.hours import Times
from edge_agent.settings.words import Frozen, Name, Norm, Score
from edge_agent.types import Severity


class RuleKind(StrEnum):
    """What a rule looks for; also the kind of its events."""

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
    CAMERA_LOST = "camera_lost"


class Anchor(StrEnum):
    """The point of a box that a rule goes by."""

    BOTTOM = "bottom"  # the middle of the lower edge: where the object stands
    CENTRE = "centre"
    TOP = "top"  # the middle of the upper edge: a head over a counter or a wall


class Way(StrEnum):
    """Which crossings of a line count; A is left of the line's direction, B right."""

    A_TO_B = "a_to_b"
    B_TO_A = "b_to_a"
    BOTH = "both"


#: What a rule counts: a class, or one subclass of vehicles.
RuleClass = Annotated[
    str,
    StringConstraints(pattern=r"^(person|vehicle(/[a-z][a-z0-9_-]{0,30})?)$"),
    Field(description="person, vehicle, or vehicle/ and a subclass, such as vehicle/car"),
]


class TamperWord(StrEnum):
    """What may have been done to a camera, as its faults are named."""

    DARK = "dark"
    COVERED = "covered"
    BLURRED = "blurred"
    MOVED = "moved"


Metres = Annotated[float, Field(ge=-10_000, le=10_000)]
NormPoint = tuple[Norm, Norm]
GroundPoint = tuple[Metres, Metres]
GroundPolygon = Annotated[tuple[GroundPoint, ...], Field(min_length=3, max_length=64)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class LineSettings(Frozen):
    """A named line: a segment or polyline in 0..1 of the picture, or in metres on the ground."""

    id: Name
    points: Annotated[tuple[NormPoint, ...], Field(min_length=2, max_length=16)] | None = None
    ground: Annotated[tuple[GroundPoint, ...], Field(min_length=2, max_length=16)] | None = None


class GroundSettings(Frozen):
    """Four points of the picture and where they lie on the ground, in metres."""

    image: Annotated[tuple[NormPoint, ...], Field(min_length=4, max_length=4)]
    metres: Annotated[tuple[GroundPoint, ...], Field(min_length=4, max_length=4)]

    def homography(self) -> Homography:
        """Return the way from the picture to the ground. Raises: ValueError, saying why not."""
        return Homography(self.image, self.metres)


class RuleSettings(Frozen):
    """One rule: what it looks at, whom it counts, when it fires."""

    id: Name
    kind: RuleKind
    zone: Name | None = None  # None: the whole picture
    line: Name | None = None
    classes: Annotated[tuple[RuleClass, ...], Field(min_length=1, max_length=16)] | None = None
    anchor: Anchor = Anchor.BOTTOM
    min_score: Score | None = None  # None: whatever is tracked
    min_height_norm: Norm = 0.0
    schedule: Times | None = None  # None: always
    cooldown_s: Seconds = 0.0
    severity: Severity | None = None  # None: by kind; see policy/severity.py
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.2
    for_s: Seconds | None = None  # None: by kind, FOR_S
    clear_s: Seconds | None = None  # None: by kind, CLEAR_S
    appear: bool = True
    over: Annotated[int, Field(ge=0, le=10_000)] | None = None
    under: Annotated[int, Field(ge=1, le=10_000)] | None = None
    density_over: Annotated[float, Field(gt=0, le=20)] | None = None  # a square metre
    fall_by: Annotated[int, Field(ge=1, le=10_000)] | None = None
    within_s: Annotated[float, Field(ge=0.5, le=3600)] = 5.0
    over_kmh: Annotated[float, Field(gt=0, le=400)] | None = None
    way: Way = Way.BOTH
    arrow: Annotated[tuple[NormPoint, ...], Field(min_length=2, max_length=2)] | None = None
    tolerance_deg: Annotated[float, Field(ge=5, le=90)] = 60.0
    head: NormPoint | None = None
    faults: Annotated[tuple[TamperWord, ...], Field(min_length=1, max_length=4)] = tuple(TamperWord)

    @property
    def held_s(self) -> float:
        """How long what it looks for must last before it fires."""
        return FOR_S.get(self.kind, 0.0) if self.for_s is None else self.for_s

    @property
    def cleared_s(self) -> float:
        """How long it must be gone before it counts as over."""
        return CLEAR_S.get(self.kind, 0.0) if self.clear_s is None else self.clear_s

    @property
    def counted(self) -> tuple[str, ...]:
        """Whom it counts."""
        return CLASSES.get(self.kind, BOTH) if self.classes is None else self.classes


#: Seconds by kind, where the file says nothing.
FOR_S: Mapping[RuleKind, float] = {
    RuleKind.PRESENCE: 0.0,
    RuleKind.ABSENCE: 60.0,
    RuleKind.DWELL: 30.0,
    RuleKind.LOITERING: 60.0,
    RuleKind.DIRECTION: 0.6,
    RuleKind.WRONG_WAY: 0.6,
    RuleKind.SPEED: 0.4,
    RuleKind.RUNNING: 0.8,
    RuleKind.STOPPED: 10.0,
    RuleKind.COUNT_OVER: 1.0,
    RuleKind.COUNT_UNDER: 5.0,
    RuleKind.CROWD: 3.0,
    RuleKind.QUEUE: 10.0,
    RuleKind.FALL_IN_COUNT: 0.6,
    RuleKind.CAMERA_LOST: 60.0,
}
CLEAR_S: Mapping[RuleKind, float] = {
    RuleKind.PRESENCE: 5.0,
    RuleKind.ABSENCE: 1.0,
    RuleKind.LOITERING: 10.0,
    RuleKind.COUNT_OVER: 3.0,
    RuleKind.COUNT_UNDER: 3.0,
    RuleKind.CROWD: 5.0,
    RuleKind.QUEUE: 10.0,
}
PERSONS, VEHICLES, BOTH = ("person",), ("vehicle",), ("person", "vehicle")
CLASSES: Mapping[RuleKind, tuple[str, ...]] = {
    RuleKind.LOITERING: PERSONS,
    RuleKind.RUNNING: PERSONS,
    RuleKind.CROWD: PERSONS,
    RuleKind.QUEUE: PERSONS,
    RuleKind.FALL_IN_COUNT: PERSONS,
    RuleKind.SPEED: VEHICLES,
    RuleKind.STOPPED: VEHICLES,
    RuleKind.WRONG_WAY: VEHICLES,
}
#: Over this many km/h a person runs, where a rule does not say.
RUNNING_KMH = 9.0

_ALWAYS = ("id", "kind", "schedule", "cooldown_s", "severity")
_TRACKS = (*_ALWAYS, "classes", "anchor", "min_score", "min_height_norm", "settle_s")
_ZONE = (*_TRACKS, "zone")
_LASTS = (*_ZONE, "for_s")
_STANDS = (*_LASTS, "clear_s")
#: Which keys each kind uses.
KIND_KEYS: Mapping[RuleKind, tuple[str, ...]] = {
    RuleKind.ENTER: (*_ZONE, "appear"),
    RuleKind.EXIT: _ZONE,
    RuleKind.PRESENCE: _STANDS,
    RuleKind.ABSENCE: _STANDS,
    RuleKind.DWELL: _LASTS,
    RuleKind.LOITERING: _STANDS,
    RuleKind.CROSSING: (*_TRACKS, "line", "way"),
    RuleKind.DIRECTION: (*_LASTS, "arrow", "tolerance_deg"),
    RuleKind.WRONG_WAY: (*_LASTS, "arrow", "tolerance_deg"),
    RuleKind.SPEED: (*_LASTS, "over_kmh"),
    RuleKind.RUNNING: (*_LASTS, "over_kmh"),
    RuleKind.STOPPED: _LASTS,
    RuleKind.COUNT_OVER: (*_STANDS, "over"),
    RuleKind.COUNT_UNDER: (*_STANDS, "under"),
    RuleKind.CROWD: (*_STANDS, "over", "density_over"),
    RuleKind.QUEUE: (*_STANDS, "over", "head"),
    RuleKind.FALL_IN_COUNT: (*_LASTS, "fall_by", "within_s"),
    RuleKind.TAMPER: (*_ALWAYS, "faults"),
    RuleKind.CAMERA_LOST: (*_ALWAYS, "for_s"),
}
#: What a kind cannot do without; crowd needs one of its two limits (`config/rule_checks.py`).
KIND_NEEDS: Mapping[RuleKind, tuple[str, ...]] = {
    RuleKind.ENTER: ("zone",),
    RuleKind.EXIT: ("zone",),
    RuleKind.CROSSING: ("line",),
    RuleKind.DIRECTION: ("arrow",),
    RuleKind.WRONG_WAY: ("arrow",),
    RuleKind.SPEED: ("over_kmh",),
    RuleKind.COUNT_OVER: ("over",),
    RuleKind.COUNT_UNDER: ("under",),
    RuleKind.QUEUE: ("zone", "over"),
    RuleKind.FALL_IN_COUNT: ("fall_by",),
}
