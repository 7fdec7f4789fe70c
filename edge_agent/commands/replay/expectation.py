"""What a replay should give: the file, and how it is compared. Pure, but for reading and writing.

An event is told by camera, kind, rule, place (zone, line or perimeter), class and time. Track ids
shift with every change upstream, so a file numbers tracks by their first event instead: equal
numbers say that it was the same object. What a line of the file leaves out is not compared.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from edge_agent.commands.replay.player import Told
from edge_agent.errors import UsageError
from edge_agent.settings import Frozen
from edge_agent.types import Event, EventKind, Json

Format = Literal["edge-agent expectation 1"]
FORMAT: Format = "edge-agent expectation 1"
TOLERANCE_S = 0.2
#: Many and of no consequence: they are not told, recorded or compared unless a file asks.
LEFT_OUT = (EventKind.UPDATE.value,)
#: What of an event's data is a place, …
PLACES = ("zone", "line", "perimeter")
#: … and what else of it is compared.
DETAILS = ("way", "from", "to", "overall_rank")


class Row(Frozen):
    """One event, as the file has it; None where it has no such thing or a line leaves it out."""

    time_s: Annotated[float, Field(ge=0)]
    camera: str | None = None
    kind: str
    rule: str | None = None
    zone: str | None = None
    line: str | None = None
    perimeter: str | None = None
    standing: bool | None = None  # true: it began; false: it is over
    class_: Annotated[str | None, Field(alias="class")] = None
    track: Annotated[int | None, Field(ge=1)] = None
    severity: str | None = None
    way: str | None = None
    from_: Annotated[str | int | None, Field(alias="from")] = None
    to: str | int | None = None
    overall_rank: int | None = None
    ring: str | None = None  # where the camera has been in more than one
    grid: str | None = None

    @property
    def key(self) -> tuple[str | bool | None, ...]:
        """What tells this event from others of the same time."""
        return (self.camera, self.kind, self.standing, self.rule, self.zone, self.line,
                self.perimeter, self.class_)  # fmt: skip

    def compared(self) -> dict[str, Json]:
        """Return what else must agree, of what the line holds."""
        return {
            name: value
            for name, value in self.model_dump(exclude_none=True, by_alias=True).items()
            if name in ("severity", "ring", "grid", *DETAILS)
        }

    def words(self) -> str:
        """Return the event in words, without its time."""
        where = [f"{name} {value}" for name in PLACES if (value := getattr(self, name))]
        rule = None if self.rule is None else f"rule {self.rule}"
        over = "over" if self.standing is False else None
        parts = [self.kind, over, rule, *where, self.class_]
        if self.track is not None:
            parts.append(f"track {self.track}")
        said = ", ".join(part for part in parts if part)
        return said if self.camera is None else f"{self.camera}: {said}"


class Expectation(Frozen):
    """The whole file."""

    format: Format = FORMAT
    start: str | None = None  # the footage's wall time, where schedules matter
    tolerance_s: Annotated[float, Field(ge=0, le=60)] = TOLERANCE_S
    leave_out: tuple[str, ...] = LEFT_OUT
    events: tuple[Row, ...] = ()


def rows_of(
    events: Iterable[Told], leave_out: Sequence[str] = LEFT_OUT, *, numbered: bool = True
) -> list[Row]:
    """Return what there is to compare, by time.

    Args: tracks are `numbered` by their first event, or told by their own ids.
    """
    numbers: dict[tuple[str | None, int], int] = {}
    rows = []
    for told in events:
        event = told.event
        if event.kind in leave_out:
            continue
        track = None
        if len(event.tracks) == 1:
            who = (event.camera_id, event.tracks[0].track_id)
            track = numbers.setdefault(who, len(numbers) + 1) if numbered else who[1]
        rows.append(_row(told, track))
    rings: dict[str | None, set[str | None]] = {}
    for row in rows:
        rings.setdefault(row.camera, set()).add(row.ring)
    moving = {camera for camera, seen in rings.items() if len(seen) > 1}
    still = [row if row.camera in moving else row.model_copy(update={"ring": None}) for row in rows]
    return sorted(still, key=lambda row: row.time_s)


def _row(told: Told, track: int | None) -> Row:
    event = told.event
    values: dict[str, Json] = {
        "time_s": max(0.0, round(told.time_s, 3)),
        "camera": event.camera_id,
        "kind": str(event.kind),
        "class": class_of(event),
        "track": track,
        "severity": str(event.severity),
        "ring": event.ring,
        "grid": event.grid,
    }
    for name in ("rule", "standing", *PLACES, *DETAILS):
        value = event.data.get(name)
        if isinstance(value, str | int):
            values[name] = value
    return Row.model_validate(values)


def class_of(event: Event) -> str | None:
    """Return the class of an event's tracks, None where there are none or several."""
    names = {track.object_class.name for track in event.tracks}
    return names.pop() if len(names) == 1 else None


def read_expectation(path: Path) -> Expectation:
    """Read the file. Raises: UsageError saying what is wrong with it, and where."""
    try:
        return Expectation.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"expectation {path}: {error.strerror}; --record {path} writes one"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(
            f"expectation {path}: {where}: {first['msg']} ({error.error_count()} such); nothing is "
            "compared"
        ) from error


def write_expectation(path: Path, expectation: Expectation) -> None:
    """Write the file, an event a line. Raises: UsageError where it cannot be written."""
    head = expectation.model_dump(exclude={"events"}, exclude_none=True)
    lines = [f'  "{key}": {json.dumps(value)},' for key, value in head.items()]
    rows = [
        json.dumps(row.model_dump(exclude_none=True, by_alias=True), ensure_ascii=False)
        for row in expectation.events
    ]
    events = "[\n" + ",\n".join(f"    {row}" for row in rows) + "\n  ]" if rows else "[]"
    text = "\n".join(["{", *lines, f'  "events": {events}', "}"]) + "\n"
    try:
        path.write_text(text)
    except OSError as error:
        raise UsageError(f"--record {path}: {error.strerror}; nothing is written") from error
