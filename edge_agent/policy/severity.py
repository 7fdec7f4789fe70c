"""What an event is worth before any rule says otherwise."""

from edge_agent.types import EventKind, Severity

_SEVERITY = {
    EventKind.CAMERA_LOST: Severity.WARNING,
    EventKind.CAMERA_LIVE: Severity.NOTICE,
    EventKind.CAMERA_ENDED: Severity.NOTICE,
    EventKind.CAMERA_FAULT: Severity.WARNING,
    EventKind.CLOCK_CHANGE: Severity.NOTICE,
    EventKind.PICTURE_CHANGE: Severity.NOTICE,
    EventKind.BIRTH: Severity.NOTICE,
    EventKind.STOP: Severity.NOTICE,
    EventKind.LOAD_CHANGE: Severity.WARNING,
    EventKind.STREAM_START: Severity.WARNING,
    EventKind.LOST_BEFORE_COMMIT: Severity.WARNING,
    EventKind.GAP: Severity.WARNING,
}


def severity_of(kind: EventKind, *, is_over: bool = False) -> Severity:
    """Return the severity of a kind of event; tracks are `info`, a trouble's end is `notice`."""
    return Severity.NOTICE if is_over else _SEVERITY.get(kind, Severity.INFO)
