"""Events for people: the last rows as a table, or one line each."""

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from edge_agent.contract import AgentStateMessage, AnyMessage, CameraStateMessage

STYLES = {
    "info": "green",
    "notice": "blue",
    "warning": "red",
    "critical": "black on white",
}
_NONE = "-"


@dataclass(frozen=True, slots=True)
class EventRow:
    """What one message shows; `latency_s` is this machine's clock minus the event's."""

    time: str
    camera: str
    ring: str
    layer: str
    kind: str
    what: str
    score: str
    latency_s: float
    severity: str

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the columns."""
        return (
            self.time,
            self.camera,
            self.ring,
            self.layer,
            self.kind,
            self.what,
            self.score,
            f"{self.latency_s * 1e3:.0f} ms",
        )

    def line(self) -> str:
        """Return the row as one line of text, for pipes and logs."""
        return "  ".join((*self.cells(), self.severity))


def event_row(message: AnyMessage, received_wall_ns: int) -> EventRow | None:
    """Return what `message` shows; None for states, which are no events."""
    if isinstance(message, AgentStateMessage | CameraStateMessage):
        return None
    best = max((track.score for track in message.tracks), default=None)
    local = datetime.fromtimestamp(message.wall_ns / 1e9)
    return EventRow(
        time=local.strftime("%H:%M:%S.%f")[:-3],
        camera=message.camera_id or _NONE,
        ring=message.ring or _NONE,
        layer=message.layer or _NONE,
        kind=message.kind,
        what=_what(message),
        score=_NONE if best is None else f"{best:.2f}",
        latency_s=(received_wall_ns - message.wall_ns) / 1e9,
        severity=message.severity,
    )


def _what(message: AnyMessage) -> str:
    """Return the classes of the tracks with their number, such as `person, car ×2`."""
    counts: dict[str, int] = {}
    for track in getattr(message, "tracks", ()):
        name = track.subclass or track.class_
        counts[name] = counts.get(name, 0) + 1
    words = [name if n == 1 else f"{name} ×{n}" for name, n in counts.items()]
    return ", ".join(words) or _NONE


class EventTable:
    """The last `rows` events as a table that rich can draw at any time."""

    def __init__(self, rows: int = 20) -> None:
        self._rows: deque[EventRow] = deque(maxlen=rows)
        self.total = 0

    def add(self, message: AnyMessage, *, received_wall_ns: int | None = None) -> EventRow | None:
        """Take a message that came now, or at `received_wall_ns`; states are passed over."""
        row = event_row(message, received_wall_ns or time.time_ns())
        if row is not None:
            self._rows.append(row)
            self.total += 1
        return row

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=None, pad_edge=False, caption=f"{self.total} events", expand=False)
        for name in ("time", "camera", "ring", "layer", "kind", "class"):
            table.add_column(name, no_wrap=True)
        for name in ("score", "latency"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self._rows:
            table.add_row(*row.cells(), style=STYLES.get(row.severity, ""))
        yield table
