"""Rules under test: a camera, bodies that go their way, and what the rules tell of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edge_agent.rules.book import RuleBook, write_book
from edge_agent.rules.engine import RulesState, begin, end, step
from edge_agent.settings import CameraSettings
from edge_agent.types import EndReason, Event, EventKind, FrameRef, Tracks, Wh
from tests.mot_support import CAR, CLASSES, PERSON, ScriptedTrack, frame_ref, tracks

WH: Wh = (1600, 900)
#: The right half of the picture.
YARD = [[0.51, 0.05], [0.95, 0.05], [0.95, 0.95], [0.51, 0.95]]
#: From the bottom to the top: A is to the left, B to the right.
GATE = [[0.5, 0.95], [0.5, 0.05]]
#: 1 m of the ground is 0.05 of the picture's width and 0.1 of its height: seen from above.
GROUND = {
    "image": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
    "metres": [[0.0, 0.0], [20.0, 0.0], [20.0, 10.0], [0.0, 10.0]],
}


def camera(*rules: dict[str, Any], **changes: Any) -> CameraSettings:
    """Return a camera with the zone `yard`, the line `gate` and `rules` (ids as their kinds)."""
    table = {
        "id": "gate", "url": "rtsp://10.0.0.7/101", "ring": "suburban", "layer": "checkpoint",
        "zones": [{"id": "yard", "polygon": YARD}], "lines": [{"id": "gate", "points": GATE}],
        "rules": [{"id": rule["kind"], **rule} for rule in rules],
    }  # fmt: skip
    return CameraSettings.model_validate(table | changes)


def book_of(*rules: dict[str, Any], **changes: Any) -> RuleBook:
    return write_book(camera(*rules, **changes), classes=CLASSES, model_id="yolox_nano")


def at(track_id: int, x: float, y: float = 0.5, **changes: Any) -> ScriptedTrack:
    """Return a track whose lower middle stands at (x, y) of the picture; a person of 0.1."""
    width, height = changes.pop("size", (0.025, 0.1))
    person = {"class_id": PERSON, "score": 0.9} | changes
    return ScriptedTrack(
        track_id,
        centre=(x * WH[0], (y - height / 2) * WH[1]),
        size=(width * WH[0], height * WH[1]),
        **person,
    )


def car(track_id: int, x: float, y: float = 0.5, **changes: Any) -> ScriptedTrack:
    return at(track_id, x, y, **({"class_id": CAR, "size": (0.1, 0.1)} | changes))


@dataclass
class Site:
    """One camera's rules and all they have told."""

    book: RuleBook
    fps: float = 5.0
    state: RulesState = field(init=False)
    events: list[Event] = field(default_factory=list)
    now_s: float = 0.0
    connection: int = 1
    awake_s: float = 0.0
    active: Callable[[float], bool] = lambda s: True
    before: dict[int, ScriptedTrack] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = begin(self.book)

    def ref(self) -> FrameRef:
        ref = frame_ref(self.now_s, connection=self.connection, wh=WH)
        return replace(ref, awake_pts_ns=round(self.awake_s * 1e9))

    def look(self, *rows: ScriptedTrack) -> list[Event]:
        """Show one frame and go on by its time."""
        removed = sorted(self.before.keys() - {row.track_id for row in rows})
        told = self.take(tracks(self.ref(), sorted(rows, key=lambda r: r.track_id), removed))
        self.before = {row.track_id: row for row in rows}
        self.now_s = round(self.now_s + 1 / self.fps, 6)
        return told

    def take(self, frame: Tracks) -> list[Event]:
        active = np.full(len(self.book.rules), self.active(frame.ref.pts_ns / 1e9))
        self.state, events = step(self.state, frame, self.book, active)
        self.events += events
        return events

    def looks(self, frames: Iterable[Sequence[ScriptedTrack]]) -> list[Event]:
        return [event for rows in frames for event in self.look(*rows)]

    def stay(self, seconds: float, *rows: ScriptedTrack) -> list[Event]:
        return self.looks([rows] * round(seconds * self.fps))

    def walk(
        self, seconds: float, track_id: int, begin_x: float, end_x: float, **changes: Any
    ) -> list[Event]:
        """Let one body go along the middle of the picture."""
        frames = round(seconds * self.fps)
        xs = np.linspace(begin_x, end_x, frames + 1)[1:]
        return self.looks([[at(track_id, float(x), **changes)] for x in xs])

    def end(self, reason: EndReason) -> list[Event]:
        self.state, events = end(self.state, self.book, reason, wall_ns=1, time_trusted=True)
        self.events += events
        return events

    def told(self) -> list[tuple[float, str, tuple[int, ...]]]:
        """Return (seconds, rule, track ids) of all events."""
        return [moment(event) for event in self.events]


def moment(event: Event) -> tuple[float, str, tuple[int, ...]]:
    assert event.pts_ns is not None
    ids = tuple(report.track_id for report in event.tracks)
    return round(event.pts_ns / 1e9, 3), event.data["rule"], ids


#: Data as each kind of rule tells it.
RULE_DATA: dict[EventKind, dict[str, Any]] = {
    EventKind.ENTER: {"first_track_id": 1, "appeared": False},
    EventKind.EXIT: {"first_track_id": 1, "dwell_s": 12.4, "reason": "left"},
    **{
        kind: {"first_track_id": 1, "dwell_s": 60.2}
        for kind in (EventKind.DWELL, EventKind.LOITERING, EventKind.STOPPED)
    },
    EventKind.CROSSING: {"line": "gate", "way": "a_to_b"},
    **{
        kind: {"speed_kmh": 61.5, "measured_by": "ground"}
        for kind in (EventKind.SPEED, EventKind.RUNNING, EventKind.WRONG_WAY)
    },
    EventKind.DIRECTION: {"speed_kmh": None, "measured_by": None},
    **{
        kind: {
            "standing": True, "count": 1, "density": None, "length_m": None, "lasted_s": None,
            "reason": None,
        }
        for kind in (
            EventKind.PRESENCE, EventKind.ABSENCE, EventKind.COUNT_OVER, EventKind.COUNT_UNDER,
            EventKind.CROWD, EventKind.QUEUE,
        )
    },
    EventKind.FALL_IN_COUNT: {"from_count": 12, "to_count": 3, "within_s": 5.0},
    EventKind.TAMPER: {"standing": True, "fault": "covered", "text": "no detail"},
}  # fmt: skip
