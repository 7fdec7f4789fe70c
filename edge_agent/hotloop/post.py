"""A camera's post: what its place means for its events.

Everything that leaves a camera goes through its post: there an event gets the ring of that
moment, the cell for dispatch and what it adds to the counts. The families that hang on the
place (quiet hours, perimeters) are asked here each frame.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from edge_agent.clock import Clock
from edge_agent.geometry import Polygons
from edge_agent.geometry.cells import Grid
from edge_agent.hotloop.perimeter_levels import PerimeterLevels
from edge_agent.policy.grid import picture_cell
from edge_agent.policy.schedule import Hours, hours_of, site_of
from edge_agent.policy.worth import build_worth, level_severities, worth_of
from edge_agent.rules import perimeter, quiet_hours
from edge_agent.rules.counting import CountState, count
from edge_agent.rules.perimeter import PerimeterState, PerimeterView
from edge_agent.rules.quiet_hours import QuietState, QuietView
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.settings.rings import PerimeterSettings
from edge_agent.types import Event, ObjectClass, Position, Ring, Severity, Tracks

#: No frame that was held back is this old: its camera's clock is wrong.
_FAR_NS = 900_000_000_000


@dataclass(slots=True)
class _Watched:
    """One perimeter at this camera."""

    view: PerimeterView
    hours: Hours
    state: PerimeterState = field(default_factory=PerimeterState)


class CameraPost:
    """One camera's place. Its pipeline calls it under the pipeline's lock, one call at a time."""

    def __init__(
        self,
        settings: AgentSettings,
        camera: CameraSettings,
        *,
        classes: tuple[ObjectClass, ...],
        model_id: str,
        grid: Grid | None = None,
        levels: PerimeterLevels | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Args: `levels` is shared by the cameras of a site; None: this one stands alone.

        `clock` is the agent's: hours go by it where a frame's time is far off, as that of a camera
        whose clock was set to local time. None: hours go by the frames alone.
        """
        self._clock = clock
        self._camera = camera
        self._classes = classes
        self._model_id = model_id
        self._grid = grid
        self._levels = levels or PerimeterLevels()
        self._site = site_of(settings)
        self._schedules = {schedule.id: schedule for schedule in settings.schedules}
        self._worths = {
            ring: build_worth(camera, ring, settings.rings, self._schedules, self._site)
            for ring in Ring
        }
        self._hours: dict[str, Hours] = {}
        self._counts = CountState()
        self._quiet = QuietState()
        self._perimeters = [
            _Watched(self._view(one), hours_of(one.schedule, self._schedules, self._site))
            for one in settings.perimeters
            if any(part.camera == camera.id for part in one.parts)
        ]
        self._cell = camera.cell
        if grid is not None and camera.cell is None and camera.lat is not None:
            self._cell = grid.cell_at((camera.lon or 0.0, camera.lat))
        self.ring = camera.ring
        self._enter(camera.ring)

    def is_active(self, schedule: str, wall_ns: int) -> bool:
        """Return whether a rule's schedule is on: `hotloop.judge.IsActive`."""
        hours = self._hours.get(schedule)
        if hours is None:
            hours = self._hours[schedule] = hours_of(schedule, self._schedules, self._site)
        return hours(self._time(wall_ns))

    def worth(self, event: Event, asked: Severity | None) -> Severity:
        """Return what a rule's event is worth here and now: `hotloop.judge.Worth`."""
        return worth_of(event, asked, self._worth, self._time(event.wall_ns))

    def _time(self, wall_ns: int) -> int:
        """Return the time that hours go by, for a frame of `wall_ns`."""
        if self._clock is None:
            return wall_ns
        now_ns = self._clock.wall_ns()
        return wall_ns if abs(wall_ns - now_ns) <= _FAR_NS else now_ns

    def move(self, ring: Ring, position: Position | None) -> None:
        """Take where the camera is now."""
        if position is not None and self._grid is not None and self._camera.cell is None:
            self._cell = self._grid.cell_at((position.lon, position.lat))
        if ring is not self.ring:
            self.ring = ring
            self._enter(ring)

    def _enter(self, ring: Ring) -> None:
        """Take over the policy of `ring`."""
        worth = self._worth = self._worths[ring]
        counted = [one.name in worth.quiet_classes for one in self._classes]
        self._quiet_view = QuietView(
            camera_id=self._camera.id,
            ring=ring,
            layer=self._camera.layer,
            model_id=self._model_id,
            classes=self._classes,
            counts_class=np.array(counted, np.bool_),
            severity=worth.quiet_severity,
            hours=worth.quiet_hours,
        )

    def _view(self, one: PerimeterSettings) -> PerimeterView:
        parts = [part for part in one.parts if part.camera == self._camera.id]
        return PerimeterView(
            perimeter_id=one.id,
            camera_id=self._camera.id,
            ring=self._camera.ring,
            layer=self._camera.layer,
            model_id=self._model_id,
            classes=self._classes,
            levels=one.levels,
            severities=level_severities(one),
            polygons=Polygons([part.polygon for part in parts]),
            ranks=np.array([one.levels.index(part.level) + 1 for part in parts], np.int64),
            counts_class=np.array([c.name in one.classes for c in self._classes], np.bool_),
            settle_ns=round(one.settle_s * 1e9),
        )

    def step(self, tracks: Tracks) -> list[Event]:
        """Return what quiet hours and perimeters have to tell of a frame."""
        wall_ns = self._time(tracks.ref.wall_ns)
        active = self._worth.quiet(wall_ns)
        self._quiet, events = quiet_hours.step(self._quiet, tracks, self._quiet_view, active)
        for one in self._perimeters:
            one.state, steps = perimeter.step(one.state, tracks, one.view, one.hours(wall_ns))
            events += steps
        return events

    def end(
        self,
        track_ids: Iterable[int] | None,
        reason: str,
        *,
        wall_ns: int,
        time_trusted: bool,
    ) -> list[Event]:
        """Return what ends outside of a frame; `track_ids` None for all tracks."""
        ids = None if track_ids is None else list(track_ids)
        events: list[Event] = []
        for one in self._perimeters:
            events += perimeter.end_all(one.state, one.view, reason, track_ids=ids)
        return perimeter.untimed(events, wall_ns=wall_ns, time_trusted=time_trusted)

    def finish(self, event: Event) -> Event:
        """Return an event of the camera as it leaves: with ring, cell, severity and counts."""
        self._counts, event = count(self._counts, event)
        cell = picture_cell(self._camera.cells, event.tracks, event.frame_wh) or self._cell
        return replace(self._levels.add(event), ring=self.ring, grid=cell)


def open_posts(
    settings: AgentSettings,
    *,
    classes: tuple[ObjectClass, ...],
    model_id: str,
    grid: Grid | None = None,
    clock: Clock | None = None,
) -> list[CameraPost]:
    """Return the post of each camera, in the order of the settings."""
    levels = PerimeterLevels()
    return [
        CameraPost(
            settings,
            camera,
            classes=classes,
            model_id=model_id,
            grid=grid,
            levels=levels,
            clock=clock,
        )
        for camera in settings.camera
    ]
