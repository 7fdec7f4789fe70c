"""The step of one frame after the detector: admission, tracker, lifecycle, events.

Everything here is serialised per camera, so the events of a camera leave in order.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from edge_agent.clock import Clock
from edge_agent.hotloop.judge import IsActive, Judge, Worth
from edge_agent.hotloop.post import CameraPost
from edge_agent.policy.admission import admit, build_admission, start_scores
from edge_agent.policy.severity import severity_for, severity_of
from edge_agent.ports import EventSink, Follower, Meter, TrackSink
from edge_agent.rules.lifecycle import CameraView, LifecycleState, end_tracks, step
from edge_agent.settings import CameraSettings, TrackingSettings
from edge_agent.tracking import Tracker
from edge_agent.types import (
    CameraChange,
    CameraState,
    Detections,
    EndReason,
    Event,
    EventKind,
    FrameRef,
    ObjectClass,
    Position,
    Ring,
    Tracks,
)


class CameraPipeline:
    """One camera's state between its detections and its events."""

    def __init__(
        self,
        camera: CameraSettings,
        *,
        tracking: TrackingSettings,
        classes: tuple[ObjectClass, ...],
        score_threshold: float,
        model_id: str,
        events: EventSink,
        clock: Clock,
        meter: Meter,
        analysed: Callable[[FrameRef, int], None] = lambda ref, moving: None,
        journal: TrackSink | None = None,
        follower: Follower | None = None,
        is_active: IsActive = lambda schedule, wall_ns: True,
        worth: Worth = severity_for,
        post: CameraPost | None = None,
    ) -> None:
        """Begin; `analysed` is the reader's `AnalysisListener.frame_analysed`.

        Args: `journal` is given every frame's tracks; `follower` makes the tracks instead of a
        tracker, such as one that plays recorded ones. `is_active` tells the schedules of rules,
        `worth` what their events are worth; `post` tells both, and what the camera's place means
        for all of its events.
        """
        self._camera = camera
        self._analysed = analysed
        self._post = post
        self._admission = build_admission(camera, classes)
        self._journal = journal
        self._tracker: Follower = follower or Tracker(
            settings=tracking,
            groups=group_of(classes),
            score_threshold=start_scores(camera, classes, score_threshold),
        )
        self._view = _view(camera, tracking, classes, model_id)
        self._state = LifecycleState()
        self._judge = Judge(
            camera, classes=classes, model_id=model_id, clock=clock,
            is_active=is_active if post is None else post.is_active,
            worth=worth if post is None else post.worth,
        )  # fmt: skip
        self._update_s = tracking.update_s
        self.quiet = True  # nothing moved in the last frame
        self._hold_ns = round(tracking.stationary_hold_s * 1e9)
        self._away: tuple[int, EndReason] | None = None  # since when, and why
        self._events = events
        self._clock = clock
        self._meter = meter
        self._lock = threading.Lock()

    def step_frame(self, detections: Detections) -> None:
        """Carry one frame's detections through; called for every analysed frame, also empty."""
        started_ns = self._clock.mono_ns()
        with self._lock:
            if self._away is not None and detections.ref.mono_ns > self._away[0]:
                self._away = None  # a frame that was under way when it went brings nobody back
            began_ns = time.thread_time_ns()
            tracks = self._tracker.step(admit(detections, self._admission))
            tracked_ns = time.thread_time_ns()
            if self._journal is not None:
                self._journal.frame_tracked(tracks)
            self.quiet = bool(tracks.stationary.all())
            self._state, events = step(self._state, tracks, self._view)
            events += self._judge.frame(tracks)
            if self._post is not None:
                events += self._post.step(tracks)
            self._put([_untimed(e) for e in events] if detections.ref.late else events)
            ruled_ns = time.thread_time_ns()
            waiting = self._judge.waiting
        self._analysed(detections.ref, max(count_moving(tracks), int(waiting)))
        self._meter.spend("track", tracked_ns - began_ns, camera_id=self._camera.id)
        self._meter.spend("rules", ruled_ns - tracked_ns, camera_id=self._camera.id)
        self._count(detections, started_ns)

    def _count(self, detections: Detections, started_ns: int) -> None:
        """Count an analysed frame; a late one of a wake-up has no latency to be measured."""
        now_ns = self._clock.mono_ns()
        camera_id = self._camera.id
        self._meter.count("frames_analysed", camera_id=camera_id)
        self._meter.count("detections", len(detections.score), camera_id=camera_id)
        self._meter.observe("step", (now_ns - started_ns) / 1e9)
        if detections.ref.late:
            self._meter.count("frames_caught_up", camera_id=camera_id)
            return
        self._meter.observe("latency", (now_ns - detections.ref.mono_ns) / 1e9, camera_id=camera_id)

    def camera_changed(self, change: CameraChange) -> None:
        """Tell of a camera's change; a loss or a rest ends its moving tracks first.

        Stationary tracks are held, so that a parked car does not start again after a reconnect.
        """
        with self._lock:
            if self._journal is not None:
                self._journal.camera_changed(change)
            if change.kind is EventKind.CAMERA_LOST:
                self._goes_away(change, EndReason.CAMERA_LOST)
            elif change.state is CameraState.RESTING:
                self._goes_away(change, EndReason.CAMERA_RESTS)
            elif change.state is CameraState.ENDED:
                self._tracker.clear()
                self._end(None, EndReason.LEFT)
            if change.kind is not None:
                self._put([self._event_of(change)])
            self._put(self._judge.changed(change))

    def _goes_away(self, change: CameraChange, reason: EndReason) -> None:
        self._away = change.mono_ns, reason
        self._end(self._tracker.lose_moving().tolist(), reason)

    def stretch_updates(self, factor: float) -> None:
        """Make the pauses between updates of moving tracks `factor` times as long as asked for."""
        with self._lock:
            self._view = replace(self._view, update_s=self._update_s * factor)

    def end_held(self) -> None:
        """End the held tracks of a camera that has been away for longer than the hold, and ask
        the rules what has lasted; called once a second."""
        with self._lock:
            self._put(self._judge.tick())
            if self._away is None:
                return
            since_ns, reason = self._away
            if self._clock.mono_ns() - since_ns > self._hold_ns:
                self._away = None
                self._tracker.clear()
                self._end(None, reason)

    def stop(self) -> None:
        """End every track because the agent stops."""
        with self._lock:
            self._tracker.clear()
            self._end(None, EndReason.AGENT_STOPPED)

    def moved(self, ring: Ring, position: Position | None, crossing: Event | None) -> None:
        """Take where a camera that moves is now, and what its change of ring tells."""
        with self._lock:
            if self._journal is not None and position is not None:
                self._journal.camera_moved(self._camera.id, position)
            if self._post is not None:
                self._post.move(ring, position)
            if crossing is not None:
                self._put([crossing])

    def _end(self, track_ids: list[int] | None, reason: EndReason) -> None:
        wall_ns, trusted = self._clock.wall_ns(), self._clock.time_trusted()
        if self._post is not None:
            self._put(
                self._post.end(track_ids, reason.value, wall_ns=wall_ns, time_trusted=trusted)
            )
        self._state, events = end_tracks(
            self._state,
            track_ids,
            reason,
            self._view,
            wall_ns=wall_ns,
            time_trusted=trusted,
        )
        self._put(events)
        if track_ids is None:
            self._put(self._judge.end(reason))

    def _put(self, events: Sequence[Event]) -> None:
        for event in events:
            self._events.put(event if self._post is None else self._post.finish(event))

    def _event_of(self, change: CameraChange) -> Event:
        assert change.kind is not None
        return Event(
            kind=change.kind,
            severity=severity_of(change.kind, is_over=change.data.get("standing") is False),
            wall_ns=self._clock.wall_ns(),
            time_trusted=self._clock.time_trusted(),
            camera_id=change.camera_id,
            ring=self._camera.ring,
            layer=self._camera.layer,
            connection=change.connection,
            mono_ns=change.mono_ns,
            data={**change.data, "state": str(change.state), "reason": change.reason},
        )


def count_moving(tracks: Tracks) -> int:
    """Return how many confirmed tracks do not stand still."""
    return int(np.count_nonzero(tracks.confirmed & ~tracks.stationary))


def _view(
    camera: CameraSettings,
    tracking: TrackingSettings,
    classes: tuple[ObjectClass, ...],
    model_id: str,
) -> CameraView:
    """Return what the lifecycle knows of a camera."""
    return CameraView(
        camera_id=camera.id,
        ring=camera.ring,
        layer=camera.layer,
        model_id=model_id,
        classes=classes,
        zones=camera.zone_polygons(),
        update_s=tracking.update_s,
        stationary_update_s=tracking.stationary_update_s,
        severity=severity_of(EventKind.START),
    )


def _untimed(event: Event) -> Event:
    """Return `event` without its frame's arrival: it was held back, so it has no latency."""
    return replace(event, mono_ns=None)


def group_of(classes: Sequence[ObjectClass]) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    """Return (C,) the tracker's group of each class: one number for each class name."""
    names = sorted({object_class.name for object_class in classes})
    return np.array([names.index(c.name) for c in classes], np.int32)
