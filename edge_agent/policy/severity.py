"""What an event is worth before any rule says otherwise."""

from edge_agent.types import Event, EventKind, Severity

_SEVERITY = {
    EventKind.CAMERA_LOST: Severity.WARNING,
    EventKind.CAMERA_LIVE: Severity.NOTICE,
    EventKind.CAMERA_ENDED: Severity.NOTICE,
    EventKind.CAMERA_FAULT: Severity.WARNING,
    EventKind.CLOCK_CHANGE: Severity.NOTICE,
    EventKind.PICTURE_CHANGE: Severity.NOTICE,
    EventKind.ENTER: Severity.NOTICE,
    EventKind.PRESENCE: Severity.WARNING,
    EventKind.ABSENCE: Severity.WARNING,
    EventKind.DWELL: Severity.NOTICE,
    EventKind.LOITERING: Severity.WARNING,
    EventKind.CROSSING: Severity.NOTICE,
    EventKind.WRONG_WAY: Severity.WARNING,
    EventKind.SPEED: Severity.NOTICE,
    EventKind.RUNNING: Severity.NOTICE,
    EventKind.STOPPED: Severity.NOTICE,
    EventKind.COUNT_OVER: Severity.WARNING,
    EventKind.COUNT_UNDER: Severity.WARNING,
    EventKind.CROWD: Severity.WARNING,
    EventKind.QUEUE: Severity.NOTICE,
    EventKind.FALL_IN_COUNT: Severity.WARNING,
    EventKind.TAMPER: Severity.CRITICAL,
    EventKind.BIRTH: Severity.NOTICE,
    EventKind.STOP: Severity.NOTICE,
    EventKind.LOAD_CHANGE: Severity.WARNING,
    EventKind.RING_CHANGE: Severity.NOTICE,
    EventKind.STREAM_START: Severity.WARNING,
    EventKind.LOST_BEFORE_COMMIT: Severity.WARNING,
    EventKind.GAP: Severity.WARNING,
}


def severity_of(kind: EventKind, *, is_over: bool = False) -> Severity:
    """Return the severity of a kind of event; tracks are `info`, a trouble's end is `notice`."""
    return Severity.NOTICE if is_over else _SEVERITY.get(kind, Severity.INFO)


def severity_for(event: Event, asked: Severity | None = None) -> Severity:
    """Return what a rule's event is worth: what the rule asks for, else by its kind.

    The end of what lasted is worth `notice` at most.
    """
    worth = asked or severity_of(event.kind)
    is_over = event.data.get("standing") is False
    return Severity.NOTICE if is_over and worth is not Severity.INFO else worth
