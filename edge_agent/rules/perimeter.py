"""Nested perimeters: how far inward each track has come, one event a step. Pure.

    step(state, tracks, view, active) -> (state, events)

A track has the rank 0 outside of everything, and 1, 2, … inside the levels from the outermost
on. It steps into a level once it has been inside of it, or further in, for the settling time,
and out of it once it has been outside as long. A jump over two levels gives two events, and a
track that ends steps out of all: what went in always comes out. Steps inward are worth what
their level is worth, steps outward a `notice` at most.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge_agent.geometry import Polygons, anchor_points
from edge_agent.rules.frame_event import event_of_frame
from edge_agent.rules.path import Path
from edge_agent.types import (
    BoolArray,
    ClockSource,
    Event,
    EventKind,
    FloatArray,
    FrameRef,
    IdArray,
    Layer,
    ObjectClass,
    Ring,
    Severity,
    TrackReport,
    Tracks,
)

#: Frames on a grid come a few nanoseconds early; what is due with them is due.
_SLACK_NS = 5_000_000
_RISING = tuple(Severity)


@dataclass(frozen=True, slots=True, eq=False)
class PerimeterView:
    """One perimeter as one camera sees it."""

    perimeter_id: str
    camera_id: str
    ring: Ring
    layer: Layer
    model_id: str
    classes: tuple[ObjectClass, ...]  # what each class_id means
    levels: tuple[str, ...]  # outermost first
    severities: tuple[Severity, ...]  # of a step into each level
    polygons: Polygons  # K parts of levels, in 0..1 of the picture
    ranks: IdArray  # (K,) the rank inside each part, from 1
    counts_class: BoolArray  # (C,) whom it is about
    settle_ns: int


@dataclass(slots=True)
class Intruder:
    """One track as the perimeter knows it."""

    since_ns: list[int]  # by level: since when it has been inside of it, or outside
    rank: int = 0  # that was told
    now: int = 0  # in the last frame in which it was matched
    path: Path = field(default_factory=Path)
    first_wall_ns: int = 0
    #: Box in pixels, class, score, stationary: of the last frame in which it was matched.
    seen: tuple[Sequence[float], int, float, bool] = ((0.0, 0.0, 0.0, 0.0), 0, 0.0, False)


@dataclass(slots=True)
class PerimeterState:
    """The tracks of one camera. Owned: a step changes it in place."""

    intruders: dict[int, Intruder] = field(default_factory=dict)
    ref: FrameRef | None = None  # of the last frame


def step(
    state: PerimeterState, tracks: Tracks, view: PerimeterView, active: bool
) -> tuple[PerimeterState, list[Event]]:
    """Return the state after a frame and the steps that were taken, by rising track.

    Args: `active` False: nobody may be inside for the perimeter's part, so all step out.
    """
    state.ref = tracks.ref
    counted = tracks.confirmed & (tracks.det_row >= 0) & view.counts_class[tracks.class_id]
    events = _leave(state, tracks, view)
    if not active:
        return state, events + end_all(state, view, "schedule")
    rows = np.flatnonzero(counted)
    if not len(rows):
        return state, events
    wh = np.array(tracks.ref.wh, np.float32)
    places: FloatArray = np.clip(anchor_points(tracks.xyxy[rows]) / wh, 0, 1)
    ranks = np.where(view.polygons.contain(places), view.ranks, 0).max(axis=1, initial=0)
    columns = (tracks.xyxy, tracks.class_id, tracks.score, tracks.stationary)
    looks = zip(
        tracks.track_id[rows].tolist(),
        ranks.tolist(),
        places.tolist(),
        zip(*(column[rows].tolist() for column in columns), strict=True),
        strict=True,
    )
    for track_id, rank, place, seen in looks:
        intruder = state.intruders.get(track_id)
        if intruder is None:
            intruder = state.intruders[track_id] = _new(tracks.ref, view)
        intruder.path.add((place[0], place[1]))
        intruder.seen = seen
        if rank != intruder.now:
            _turn(intruder, rank, tracks.ref.pts_ns)
        if rank != intruder.rank:
            events += _go(track_id, intruder, tracks.ref, view)
    return state, events


def end_all(
    state: PerimeterState,
    view: PerimeterView,
    reason: str,
    *,
    track_ids: Iterable[int] | None = None,
) -> list[Event]:
    """Return the steps out of all tracks, or of `track_ids`, which are then forgotten."""
    ids = sorted(state.intruders if track_ids is None else set(track_ids) & state.intruders.keys())
    events: list[Event] = []
    for track_id in ids:
        intruder = state.intruders.pop(track_id)
        while intruder.rank and state.ref is not None:
            step_out = _take_step(track_id, intruder, False, reason, state.ref, view)
            events.append(step_out)
    return events


def untimed(events: Iterable[Event], *, wall_ns: int, time_trusted: bool) -> list[Event]:
    """Return events that no frame gave, at the agent's own time."""
    return [
        replace(
            event,
            wall_ns=wall_ns,
            time_trusted=time_trusted,
            clock_source=ClockSource.ARRIVAL,
            mono_ns=None,
        )
        for event in events
    ]


def _leave(state: PerimeterState, tracks: Tracks, view: PerimeterView) -> list[Event]:
    """Let those step out that are no longer among the tracks."""
    if not state.intruders:
        return []
    gone = state.intruders.keys() - set(tracks.track_id.tolist())
    return end_all(state, view, "lost", track_ids=gone) if gone else []


def _new(ref: FrameRef, view: PerimeterView) -> Intruder:
    return Intruder([ref.pts_ns] * len(view.levels), first_wall_ns=ref.wall_ns)


def _turn(intruder: Intruder, rank: int, now_ns: int) -> None:
    """Note since when it has been inside or outside of the levels between two ranks."""
    for level in range(min(rank, intruder.now), max(rank, intruder.now)):
        intruder.since_ns[level] = now_ns
    intruder.now = rank


def _go(track_id: int, intruder: Intruder, ref: FrameRef, view: PerimeterView) -> Iterator[Event]:
    """Take the steps to where it is now, as far as each has lasted."""
    while intruder.rank != intruder.now:
        inward = intruder.now > intruder.rank
        level = intruder.rank if inward else intruder.rank - 1
        if ref.pts_ns - intruder.since_ns[level] < view.settle_ns - _SLACK_NS:
            return
        yield _take_step(track_id, intruder, inward, "moved", ref, view)


def _take_step(
    track_id: int,
    intruder: Intruder,
    inward: bool,
    reason: str,
    ref: FrameRef,
    view: PerimeterView,
) -> Event:
    before = intruder.rank
    intruder.rank += 1 if inward else -1
    return _event(track_id, intruder, before, reason, ref, view)


def _event(
    track_id: int,
    intruder: Intruder,
    before: int,
    reason: str,
    ref: FrameRef,
    view: PerimeterView,
) -> Event:
    inward = intruder.rank > before
    worth = view.severities[max(intruder.rank, before) - 1]
    severity = worth if inward else min(worth, Severity.NOTICE, key=_RISING.index)
    return event_of_frame(
        EventKind.PERIMETER,
        severity,
        ref,
        view,
        (_report(track_id, intruder, view),),
        {
            "perimeter": view.perimeter_id,
            "way": "inward" if inward else "outward",
            "from": view.levels[before - 1] if before else None,
            "to": view.levels[intruder.rank - 1] if intruder.rank else None,
            "rank": intruder.rank,
            "ranks": len(view.levels),
            "reason": reason,
            "path_norm": [[round(x, 5), round(y, 5)] for x, y in intruder.path.summary()],
        },
    )


def _report(track_id: int, intruder: Intruder, view: PerimeterView) -> TrackReport:
    (left, top, right, bottom), class_id, score, stationary = intruder.seen
    return TrackReport(
        track_id=track_id,
        object_class=view.classes[class_id],
        score=score,
        xyxy_px=(left, top, right, bottom),
        stationary=stationary,
        zones=(),
        first_wall_ns=intruder.first_wall_ns,
    )
