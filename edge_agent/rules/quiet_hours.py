"""Quiet hours: whoever is seen while nobody is expected, once a track. Pure.

    step(state, tracks, view, active) -> (state, events)

A track is told when it is confirmed in quiet hours, or when they begin while it is there and
does not stand still: a car parked in the evening is no news at night. It is told once as long
as it lives, also if quiet hours end and begin again meanwhile.
"""

from dataclasses import dataclass, field

import numpy as np

from edge_agent.rules.frame_event import event_of_frame
from edge_agent.types import (
    BoolArray,
    Event,
    EventKind,
    Layer,
    ObjectClass,
    Ring,
    Severity,
    TrackReport,
    Tracks,
)


@dataclass(frozen=True, slots=True, eq=False)
class QuietView:
    """Whom one camera tells of in quiet hours."""

    camera_id: str
    ring: Ring
    layer: Layer
    model_id: str
    classes: tuple[ObjectClass, ...]  # what each class_id means
    counts_class: BoolArray  # (C,)
    severity: Severity
    hours: str  # as the site file has them


@dataclass(slots=True)
class QuietState:
    """Who was told. Owned: a step changes it in place."""

    told: set[int] = field(default_factory=set)


def step(
    state: QuietState, tracks: Tracks, view: QuietView, active: bool
) -> tuple[QuietState, list[Event]]:
    """Return the state after a frame and whom there is to tell, by rising track."""
    if not active:
        return state, []
    alive = set(tracks.track_id.tolist())
    state.told &= alive
    seen = tracks.confirmed & (tracks.det_row >= 0) & view.counts_class[tracks.class_id]
    events = []
    for row in np.flatnonzero(seen & ~tracks.stationary).tolist():
        track_id = int(tracks.track_id[row])
        if track_id not in state.told:
            state.told.add(track_id)
            events.append(_event(tracks, row, view))
    return state, events


def _event(tracks: Tracks, row: int, view: QuietView) -> Event:
    ref = tracks.ref
    left, top, right, bottom = tracks.xyxy[row].tolist()
    seen_s = (ref.pts_ns - int(tracks.first_pts_ns[row])) / 1e9
    report = TrackReport(
        track_id=int(tracks.track_id[row]),
        object_class=view.classes[int(tracks.class_id[row])],
        score=float(tracks.score[row]),
        xyxy_px=(left, top, right, bottom),
        stationary=False,
        zones=(),
        first_wall_ns=ref.wall_ns - round(seen_s * 1e9),
    )
    return event_of_frame(
        EventKind.QUIET_HOURS,
        view.severity,
        ref,
        view,
        (report,),
        {"hours": view.hours, "seen_s": round(seen_s, 3)},
    )
