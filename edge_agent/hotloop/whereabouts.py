"""The cameras that move: positions in, each camera's ring of the moment out."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from edge_agent.clock import Clock
from edge_agent.geometry.areas import Area
from edge_agent.policy.geofence import Crossing, RingMap, Whereabouts, age, begin, move
from edge_agent.policy.severity import severity_of
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.settings.rings import PositionSettings
from edge_agent.types import Event, EventKind, Json, Position, Ring

log = logging.getLogger(__name__)


class Mover(Protocol):
    """A camera's pipeline, as far as its place goes."""

    def moved(self, ring: Ring, position: Position | None, crossing: Event | None) -> None:
        """Take where the camera is now, and what its change of ring tells."""


class MovingCameras:
    """Knows of each camera that moves where it is. Called from listeners and the main loop."""

    def __init__(
        self,
        settings: AgentSettings,
        areas: Mapping[Ring, Area],
        movers: Sequence[Mover],
        *,
        clock: Clock,
    ) -> None:
        """Args: `areas` where the rings lie, none: no camera moves; `movers` by camera."""
        self._settings = settings
        self._rings = RingMap(areas, settings.rings.outside)
        self._movers = movers
        self._clock = clock
        self._changed: set[int] = set()
        self._lock = threading.Lock()
        sources = {source.id: source for source in settings.positions}
        self._sources: Mapping[int, PositionSettings] = {
            number: sources[camera.position]
            for number, camera in enumerate(settings.camera)
            if camera.position is not None and areas
        }
        self._where = {number: begin(settings.camera[number].ring) for number in self._sources}

    @property
    def sources(self) -> list[PositionSettings]:
        """The sources of positions that a camera names: those that must be opened."""
        used = {source.id for source in self._sources.values()}
        return [source for source in self._settings.positions if source.id in used]

    def moved(self, source_id: str, position: Position) -> None:
        """Take a position: `ports.PositionSink`."""
        with self._lock:
            for number, source in self._sources.items():
                if source.id == source_id:
                    state, crossing = move(
                        self._where[number], position, self._rings, self._settings.rings
                    )
                    self._apply(number, state, crossing, position)

    def tick(self) -> list[int]:
        """Let positions grow old; called once a second.

        Returns: the cameras of which something changed that others must know.
        """
        now_ns = self._clock.mono_ns()
        with self._lock:
            for number, source in self._sources.items():
                before = self._where[number]
                state, crossing = age(before, now_ns, source)
                if state is not before:
                    self._apply(number, state, crossing, None)
            changed, self._changed = sorted(self._changed), set()
        return changed

    def ring(self, number: int) -> Ring:
        """Return the ring of camera `number` now."""
        where = self._where.get(number)
        return self._settings.camera[number].ring if where is None else where.ring

    def told(self, number: int) -> dict[str, Json]:
        """Return what states tell of a camera's place, beside what its settings say."""
        where = self._where.get(number)
        if where is None:
            return {}
        position = {"fix": where.fix.value, **self._place(where.position)}
        return {"ring": where.ring.value, "position": position}

    def _apply(
        self,
        number: int,
        state: Whereabouts,
        crossing: Crossing | None,
        position: Position | None,
    ) -> None:
        before, self._where[number] = self._where[number], state
        camera = self._settings.camera[number]
        event = None if crossing is None else self._event(camera, crossing)
        self._movers[number].moved(state.ring, position, event)
        if crossing is not None:
            log.info(
                "camera %s: its ring is %s now, it was %s (%s)",
                camera.id,
                crossing.new.value,
                crossing.old.value,
                crossing.why.value,
            )
        if crossing is not None or state.fix is not before.fix:
            self._changed.add(number)

    def _event(self, camera: CameraSettings, crossing: Crossing) -> Event:
        place = self._place(crossing.position)
        return Event(
            kind=EventKind.RING_CHANGE,
            severity=severity_of(EventKind.RING_CHANGE),
            wall_ns=self._clock.wall_ns(),
            time_trusted=self._clock.time_trusted(),
            camera_id=camera.id,
            ring=crossing.new,
            layer=camera.layer,
            data={
                "from": crossing.old.value,
                "to": crossing.new.value,
                "reason": crossing.why.value,
                "position": place or None,
            },
        )

    def _place(self, position: Position | None) -> dict[str, Json]:
        if position is None:
            return {}
        return {
            "lat": round(position.lat, 6),
            "lon": round(position.lon, 6),
            "accuracy_m": position.accuracy_m,
            "age_s": round((self._clock.mono_ns() - position.mono_ns) / 1e9, 1),
        }
