"""What each event adds to the counts of its camera and zones. Pure.

    count(state, event) -> (state, event with its counts)

A track counts once at its camera, when it starts, and once in each zone, when an event first
says that it is inside: who goes out and comes back is not counted twice. The counts travel with
the event and are committed with it, so what is counted is exactly what was told.
"""

from dataclasses import dataclass, field, replace

from edge_agent.types import Count, Event, EventKind

_TRACK_KINDS = (EventKind.START, EventKind.UPDATE)


@dataclass(slots=True)
class CountState:
    """The zones in which each living track of one camera was counted. Owned by its steps."""

    zones: dict[int, set[str]] = field(default_factory=dict)


def count(state: CountState, event: Event) -> tuple[CountState, Event]:
    """Return the state after an event of the lifecycle, and the event with its counts."""
    if event.kind is EventKind.END:
        for track in event.tracks:
            state.zones.pop(track.track_id, None)
        return state, event
    if event.kind not in _TRACK_KINDS:
        return state, event
    counts: list[Count] = []
    for track in event.tracks:
        if event.kind is EventKind.START:
            counts.append(Count(None, track.object_class.name))
            state.zones[track.track_id] = set()
        known = state.zones.get(track.track_id)
        if known is None or known.issuperset(track.zones):
            continue
        counts += [
            Count(zone, track.object_class.name) for zone in track.zones if zone not in known
        ]
        known.update(track.zones)
    return state, replace(event, counts=tuple(counts)) if counts else event
