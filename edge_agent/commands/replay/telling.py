"""The events of a replay for people: lines, a table, and what is written on a picture."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.table import Table

from edge_agent.commands.drawing.marks import Note
from edge_agent.commands.event_table import STYLES
from edge_agent.commands.replay.expectation import PLACES
from edge_agent.commands.replay.player import Told
from edge_agent.types import Event

_NONE = "-"
_CLOCK = 1
_COLUMNS = ("time", "clock", "camera", "kind", "rule", "where", "class", "track", "severity")


def event_table(events: Sequence[Told], zone: ZoneInfo) -> Table:
    """Return the events as a table for a terminal.

    Columns that say nothing are left out: a date that is the same for all, the only camera.
    """
    rows = [list(event_cells(told, zone)) for told in events]
    if len({row[_CLOCK].partition(" ")[0] for row in rows}) == 1:
        for row in rows:
            row[_CLOCK] = row[_CLOCK].partition(" ")[2].partition(".")[0]
    shown = [i for i in range(len(_COLUMNS)) if i == 0 or len({row[i] for row in rows} | {""}) > 2]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for i in shown:
        right = _COLUMNS[i] in ("time", "track")
        table.add_column(_COLUMNS[i], justify="right" if right else "left", overflow="fold")
    for told, row in zip(events, rows, strict=True):
        table.add_row(*(row[i] for i in shown), style=STYLES.get(told.event.severity, ""))
    return table


def event_cells(told: Told, zone: ZoneInfo) -> tuple[str, ...]:
    """Return the texts of an event's columns."""
    event = told.event
    return (
        f"{told.time_s:.2f} s",
        clock_text(event.wall_ns, zone),
        event.camera_id or _NONE,
        kind_words(event),
        str(event.data.get("rule", _NONE)),
        where_of(event) or _NONE,
        class_words(event) or _NONE,
        ", ".join(str(track.track_id) for track in event.tracks) or _NONE,
        str(event.severity),
    )


def event_line(told: Told, zone: ZoneInfo) -> str:
    """Return an event as one line of text, for pipes."""
    return "  ".join(event_cells(told, zone))


def kind_words(event: Event) -> str:
    """Return an event's kind, and whether what it told is over."""
    return f"{event.kind} over" if event.data.get("standing") is False else str(event.kind)


def where_of(event: Event) -> str:
    """Return the zone, line or perimeter of an event."""
    places = [str(value) for name in PLACES if (value := event.data.get(name))]
    way = [str(event.data[name]) for name in ("from", "to") if event.data.get(name)]
    return " ".join([*places, " to ".join(way)]).strip()


def class_words(event: Event) -> str:
    """Return the classes of an event's tracks with their number."""
    counts: dict[str, int] = {}
    for track in event.tracks:
        name = track.object_class.subclass or track.object_class.name
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(name if n == 1 else f"{name} ×{n}" for name, n in counts.items())


def clock_text(wall_ns: int, zone: ZoneInfo) -> str:
    """Return a wall time to the millisecond, in a time zone."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_ns // 1000)
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def note_of(told: Told, *, now: bool) -> Note:
    """Return an event as it is drawn; `now` where it is the picture's own."""
    event = told.event
    rule = event.data.get("rule")
    words = [
        f"{told.time_s:.2f} s",
        kind_words(event),
        *([f"by rule {rule}"] if rule else []),
        where_of(event),
        class_words(event),
        " ".join(f"#{track.track_id}" for track in event.tracks[:6]),
        str(event.severity),
    ]
    zone = event.data.get("zone")
    return Note(
        "   ".join(word for word in words if word),
        str(event.severity),
        tuple((track.track_id, track.xyxy_px) for track in event.tracks),
        (zone,) if isinstance(zone, str) else (),
        now,
    )
