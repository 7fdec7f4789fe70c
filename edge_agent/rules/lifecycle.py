"""The life of tracks as events: one `start`, `update`s that say something new, one `end`.

- `start`: once a track is confirmed; one event a track.
- `update`: one event a camera. Every `update_s` of the camera's timeline it names the moving
  tracks that were matched since they were last told, and the stationary ones untold for
  `stationary_update_s`. Between these, at once, it names the tracks of which something
  changed: stationary or not, zones, class. Nothing new, no event.
- `end`: the tracker gave a started track up, or the caller did (`end_tracks`).

No id starts or ends twice and none ends that did not start.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from edge_agent.geometry import Polygons
from edge_agent.rules.frame_event import event_of_frame
from edge_agent.rules.lives import Life, observe
from edge_agent.types import (
    ClockSource,
    EndReason,
    Event,
    EventKind,
    FrameRef,
    Layer,
    ObjectClass,
    Point,
    Ring,
    Severity,
    TrackReport,
    Tracks,
)

#: Frames on a grid come a few nanoseconds early; what is due with them is due.
_SLACK_NS = 5_000_000


@dataclass(frozen=True, slots=True)
class CameraView:
    """What the rules know of a camera beside its tracks."""

    camera_id: str
    ring: Ring
    layer: Layer
    model_id: str
    classes: tuple[ObjectClass, ...]  # what each class_id means
    zones: tuple[tuple[str, tuple[Point, ...]], ...]  # (id, polygon in 0..1)
    update_s: float
    stationary_update_s: float
    severity: Severity  # of start, update and end
    areas: Polygons = field(init=False)  # `zones`, made ready

    def __post_init__(self) -> None:
        object.__setattr__(self, "areas", Polygons([polygon for _, polygon in self.zones]))


@dataclass(slots=True)
class LifecycleState:
    """The lives of one camera's tracks. Owned: `step` changes it and hands it back."""

    lives: dict[int, Life] = field(default_factory=dict)  # by rising id
    newest_id: int = 0
    update_pts_ns: int | None = None  # of the last periodic update
    ref: FrameRef | None = None  # of the last frame
    connected_pts_ns: int = 0  # of the first frame of its connection


def step(
    state: LifecycleState, tracks: Tracks, view: CameraView
) -> tuple[LifecycleState, list[Event]]:
    """Return the state after a frame and what there is to tell: ends, starts, then the update."""
    ref = tracks.ref
    if state.ref is None or ref.connection != state.ref.connection:
        state.connected_pts_ns = ref.pts_ns
    state.ref = ref
    if not len(tracks.track_id) and not state.lives:
        return state, []
    state.newest_id = observe(state.lives, state.newest_id, tracks, view.zones, view.areas)
    events = _end_missing(state, tracks, view)
    events += _start(state, ref, view)
    events += _update(state, ref, view)
    return state, events


def end_tracks(
    state: LifecycleState,
    track_ids: Iterable[int] | None,
    reason: EndReason,
    view: CameraView,
    *,
    wall_ns: int,
    time_trusted: bool,
) -> tuple[LifecycleState, list[Event]]:
    """End tracks outside of a frame, because the camera is lost or the agent stops.

    Args: `track_ids` None for all; one that did not start ends in silence. `wall_ns` is the
    agent's own time of the end, hence the events' clock source is `arrival`; connection, pts
    and size of the picture are those of the last frame.
    """
    known = state.lives if track_ids is None else state.lives.keys() & set(track_ids)
    events = []
    for track_id in sorted(known):
        for event in _end(state, track_id, reason, view):
            events.append(
                replace(
                    event,
                    wall_ns=wall_ns,
                    time_trusted=time_trusted,
                    clock_source=ClockSource.ARRIVAL,
                    mono_ns=None,
                )
            )
    return state, events


def _end_missing(state: LifecycleState, tracks: Tracks, view: CameraView) -> list[Event]:
    """End what is no longer among the tracks."""
    events = []
    for track_id in sorted(state.lives.keys() - set(tracks.track_id.tolist())):
        lost = state.lives[track_id].last_pts_ns < state.connected_pts_ns
        reason = EndReason.CAMERA_LOST if lost else EndReason.LEFT
        events += _end(state, track_id, reason, view)
    return events


def _end(state: LifecycleState, track_id: int, reason: EndReason, view: CameraView) -> list[Event]:
    """Forget a track; return its `end` if it had started."""
    life = state.lives.pop(track_id)
    if not life.started or state.ref is None:
        return []
    report = replace(
        _report(track_id, life, state.ref, view),
        duration_s=(life.last_pts_ns - life.first_pts_ns) / 1e9,
        best_score=life.best_score,
        path_norm=life.path.summary(),
        end_reason=reason,
    )
    return [_event(EventKind.END, state.ref, view, [report])]


def _start(state: LifecycleState, ref: FrameRef, view: CameraView) -> list[Event]:
    """Tell the tracks that have just been confirmed, each in an event of its own."""
    events = []
    for track_id, life in state.lives.items():
        if life.confirmed and not life.started:
            life.started = True
            events.append(_event(EventKind.START, ref, view, [_tell(track_id, life, ref, view)]))
    if events and _update_due(state, ref, view):
        state.update_pts_ns = ref.pts_ns  # the camera was quiet: its rhythm begins here
    return events


def _update(state: LifecycleState, ref: FrameRef, view: CameraView) -> list[Event]:
    """Tell what changed, and where it is time what moved, in one event or none."""
    due = _update_due(state, ref, view)
    stationary_before_ns = ref.pts_ns - round(view.stationary_update_s * 1e9)
    reports = []
    for track_id, life in state.lives.items():
        if not life.started:
            continue
        again = (
            due
            and life.last_pts_ns > life.told_pts_ns
            and (not life.stationary or life.told_pts_ns <= stationary_before_ns)
        )
        if again or life.changed:
            reports.append(_tell(track_id, life, ref, view))
        if again:
            state.update_pts_ns = ref.pts_ns
    return [_event(EventKind.UPDATE, ref, view, reports)] if reports else []


def _update_due(state: LifecycleState, ref: FrameRef, view: CameraView) -> bool:
    if state.update_pts_ns is None:
        return True
    return ref.pts_ns - state.update_pts_ns >= round(view.update_s * 1e9) - _SLACK_NS


def _tell(track_id: int, life: Life, ref: FrameRef, view: CameraView) -> TrackReport:
    """Report a track and remember that it was told."""
    life.told_pts_ns, life.changed = ref.pts_ns, False
    return _report(track_id, life, ref, view)


def _report(track_id: int, life: Life, ref: FrameRef, view: CameraView) -> TrackReport:
    width, height = ref.wh
    left, top, right, bottom = life.xyxy
    return TrackReport(
        track_id=track_id,
        object_class=view.classes[life.class_id],
        score=life.score,
        xyxy_px=(left * width, top * height, right * width, bottom * height),
        stationary=life.stationary,
        zones=life.zones,
        first_wall_ns=life.first_wall_ns,
    )


def _event(
    kind: EventKind, ref: FrameRef, view: CameraView, reports: Sequence[TrackReport]
) -> Event:
    return event_of_frame(
        kind,
        view.severity,
        ref,
        view,
        tuple(reports),
        {},
    )
