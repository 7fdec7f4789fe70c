"""Plays frames through the pipelines of the agent itself, on a clock that the frames set."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.clock import ManualClock
from edge_agent.commands.replay.moments import Item, Moment
from edge_agent.config import dispatch_grid, ring_areas
from edge_agent.hotloop.post import CameraPost, open_posts
from edge_agent.hotloop.step import CameraPipeline
from edge_agent.hotloop.whereabouts import MovingCameras
from edge_agent.journal import KeptBoot, KeptMove
from edge_agent.ports import TrackSink
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.types import (
    Detections,
    DropReason,
    Event,
    IdArray,
    ObjectClass,
    Tracks,
)

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """Where detections come from: what the pipelines are told of the detector."""

    model_id: str
    classes: tuple[ObjectClass, ...]
    score_threshold: float


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and how long after the start of the footage it came."""

    time_s: float
    event: Event


class NoMeter:
    """Measures nothing: a replay's figures say nothing about the box."""

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None: ...
    def drop(
        self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None
    ) -> None: ...
    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None: ...
    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None: ...


class FootageClock(ManualClock):
    """Stands at the frame that is played."""

    def go_to(self, wall_ns: int) -> None:
        """Set both clocks; the monotonic one never goes back."""
        self._wall_ns = wall_ns
        self._mono_ns = max(self._mono_ns, wall_ns)

    def time_trusted(self) -> bool:
        return True


class RecordedTracks:
    """Follows by playing the tracks that were recorded, in the place of a tracker."""

    def __init__(self) -> None:
        self.next: Tracks | None = None

    def step(self, detections: Detections) -> Tracks:
        assert self.next is not None
        return self.next

    def lose_moving(self) -> IdArray:
        if self.next is None:
            return np.empty(0, np.int64)
        return self.next.track_id[~self.next.stationary]

    def clear(self) -> IdArray:
        tracks, self.next = self.next, None
        return np.empty(0, np.int64) if tracks is None else tracks.track_id


class Player:
    """The pipelines of some cameras, and every event that leaves them."""

    def __init__(
        self,
        settings: AgentSettings,
        cameras: Sequence[CameraSettings],
        model: Model,
        *,
        start_ns: int,
        recorded: bool = False,
        journal: TrackSink | None = None,
        heard: Callable[[Told, Moment | None], None] = lambda told, moment: None,
    ) -> None:
        """Begin at wall time `start_ns`.

        Args: `recorded` where tracks are played instead of detections; `heard` is told each
        event with the frame that it came with, None where it came between frames; `journal` is
        given the tracks.
        """
        self.events: list[Told] = []
        self.frames = 0
        self._settings = settings.model_copy(update={"camera": tuple(cameras)})
        self._model = model
        self._grid, self._areas = dispatch_grid(settings), ring_areas(settings)
        self._start_ns, self._journal, self._heard = start_ns, journal, heard
        self._plays_tracks = recorded
        self._clock = FootageClock(0, start_ns)
        self._moment: Moment | None = None
        self._second: int | None = None  # of the clock, when it was last looked at
        self._quiet_until_ns = 0
        self._played = False
        self._build()

    def _build(self) -> None:
        """Make the pipelines anew, as a process does when it starts."""
        model = self._model
        posts = open_posts(
            self._settings, classes=model.classes, model_id=model.model_id, grid=self._grid
        )
        self._recorded = {camera.id: RecordedTracks() for camera in self._settings.camera}
        self._pipelines = {
            camera.id: self._pipeline(camera, post)
            for camera, post in zip(self._settings.camera, posts, strict=True)
        }
        movers = tuple(self._pipelines.values())
        self._moving = MovingCameras(self._settings, self._areas, movers, clock=self._clock)

    def _pipeline(self, camera: CameraSettings, post: CameraPost) -> CameraPipeline:
        return CameraPipeline(
            camera,
            tracking=self._settings.tracking,
            classes=self._model.classes,
            score_threshold=self._model.score_threshold,
            model_id=self._model.model_id,
            events=self,
            clock=self._clock,
            meter=NoMeter(),
            journal=self._journal,
            follower=self._recorded[camera.id] if self._plays_tracks else None,
            post=post,
        )

    def put(self, event: Event) -> None:
        """Take an event of a pipeline."""
        if event.wall_ns < self._quiet_until_ns:
            return
        told = Told((event.wall_ns - self._start_ns) / 1e9, event)
        self.events.append(told)
        self._heard(told, self._moment)

    def play(self, items: Iterable[Item], *, quiet_until_ns: int = 0) -> None:
        """Play what comes, by rising wall time.

        Args: events before `quiet_until_ns` are not told, so that a replay can begin with what
        went before.
        """
        self._quiet_until_ns = quiet_until_ns
        for item in items:
            self._pass_time(item.wall_ns)
            if isinstance(item, KeptBoot):
                self._begin_boot()
            elif isinstance(item, Moment):
                self._play_frame(item)
            elif isinstance(item, KeptMove):
                self._move(item)
            else:
                self._pipelines[item.change.camera_id].camera_changed(item.change)
            self._played = True

    def _play_frame(self, moment: Moment) -> None:
        camera_id = moment.detections.ref.camera_id
        if moment.tracks is not None:
            self._recorded[camera_id].next = moment.tracks
        self._moment = moment
        self._pipelines[camera_id].step_frame(moment.detections)
        self._moment = None
        self.frames += 1

    def _move(self, move: KeptMove) -> None:
        """Take a position as if it came from the source that the camera names."""
        camera = next(c for c in self._settings.camera if c.id == move.camera_id)
        if camera.position is not None:
            self._moving.moved(camera.position, move.position)

    def _begin_boot(self) -> None:
        """Another process wrote from here on: end what the one before left, begin anew."""
        if self._played:
            self.stop()
            self._build()

    def _pass_time(self, wall_ns: int) -> None:
        """Let time pass up to `wall_ns`: once a second, what the agent does once a second."""
        second = wall_ns // _NS
        for passed in range(second if self._second is None else self._second + 1, second + 1):
            self._clock.go_to(passed * _NS)
            self._moving.tick()
            for pipeline in self._pipelines.values():
                pipeline.end_held()
        self._second = second
        self._clock.go_to(wall_ns)

    def stop(self) -> None:
        """End all tracks, as the agent does when it stops."""
        for pipeline in self._pipelines.values():
            pipeline.stop()
