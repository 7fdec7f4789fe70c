"""Giving up the least important while the box is full: a gate before each slot, and who sets it.

The order is the site's ladder (`policy/ladder.py`), the moment is `policy/load.py`'s. Frames are
left out on the pts grid, so that the same stream under the same orders gives the same frames.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from edge_agent.clock import Clock
from edge_agent.policy.ladder import build_ladder
from edge_agent.policy.load import Heat, LoadReading, LoadState, advance
from edge_agent.policy.severity import severity_of
from edge_agent.ports import EventSink, FrameSink, Meter
from edge_agent.settings import CameraSettings
from edge_agent.types import DropReason, Event, EventKind, Frame, Json, Ring

log = logging.getLogger(__name__)

#: Frames on a grid come a few nanoseconds early; what is due with them is due.
_SLACK_NS = 5_000_000
#: Between two events about a level that goes on changing.
_TELL_AGAIN_S = 60.0


class Watched(Protocol):
    """What shedding knows of a camera's pipeline."""

    @property
    def quiet(self) -> bool:
        """Whether nothing moves in the camera's picture."""

    def stretch_updates(self, factor: float) -> None:
        """Make the pauses between updates of tracks `factor` times as long."""


class Gate:
    """A camera's `FrameSink` before its slot: lets every n-th frame of the pts grid through.

    A frame passes when it is the n-th since the last that passed, or lies n grid periods after
    it: a camera that offers little keeps all that its stride allows. New strides begin staggered
    by the camera's number, so that thinned cameras do not come all at once.
    """

    def __init__(
        self,
        camera: CameraSettings,
        sink: FrameSink,
        watched: Watched,
        meter: Meter,
        *,
        number: int = 0,
    ) -> None:
        self._camera_id = camera.id
        self._period_ns = round(1e9 / camera.target_fps)
        self._sink = sink
        self._watched = watched
        self._meter = meter
        self._number = number
        self.strides = (1, 1)  # while something moves, while nothing does; replaced as a whole
        self._obeyed = self.strides
        self.came = 0  # frames offered; written by the camera's reader only
        self._passed_pts_ns: int | None = None
        self._left_out = 0

    def offer(self, frame: Frame) -> None:
        """Pass `frame` on, or leave it out and count it."""
        if self._passes(frame, quiet=self._watched.quiet):
            self._sink.offer(frame)

    def room(self) -> int:
        """Return how many more frames `catch_up` takes before it is full."""
        return self._sink.room()

    def catch_up(self, frame: Frame) -> None:
        """Pass a frame of a wake-up on, or leave it out and count it: something woke the camera."""
        if self._passes(frame, quiet=False):
            self._sink.catch_up(frame)

    def waiting(self) -> int:
        """Return how many frames given to `catch_up` are not analysed yet."""
        return self._sink.waiting()

    def _passes(self, frame: Frame, *, quiet: bool) -> bool:
        self.came += 1
        strides = self.strides
        stride = strides[1] if quiet else strides[0]
        if strides is not self._obeyed:
            self._obeyed = strides
            self._left_out = max(self._left_out, self._number % stride)
        if self._is_due(frame.ref.pts_ns, stride):
            self._passed_pts_ns, self._left_out = frame.ref.pts_ns, 0
            return True
        self._left_out += 1
        self._meter.drop(DropReason.SHED, camera_id=self._camera_id)
        return False

    def _is_due(self, pts_ns: int, stride: int) -> bool:
        if self._passed_pts_ns is None or self._left_out + 1 >= stride:
            return True
        return pts_ns - self._passed_pts_ns >= stride * self._period_ns - _SLACK_NS


@dataclass(frozen=True, slots=True)
class _Told:
    """What receivers were told last."""

    level: int = 0
    heat: Heat = Heat.NONE
    at_ns: int | None = None


class Shedding:
    """Sets the gates and the updates of all cameras by how full the box is."""

    def __init__(
        self,
        cameras: Sequence[CameraSettings],
        watched: Sequence[Watched],
        *,
        coast_s: float,
        enabled: bool,
        events: EventSink,
        clock: Clock,
        meter: Meter,
    ) -> None:
        """Args: `enabled` False: look and tell of heat, but give nothing up."""
        self._cameras = list(cameras)
        self._watched = watched
        self._coast_s = coast_s
        paced = all(camera.realtime for camera in cameras)  # else a file takes all that there is
        self._may_climb = enabled and paced
        self._build()
        self._events = events
        self._clock = clock
        self._meter = meter
        self._gates: list[Gate | None] = [None] * len(cameras)
        self._state = LoadState(since_ns=clock.mono_ns())
        self._reading = LoadReading()
        self._told = _Told()

    def _build(self) -> None:
        self._ladder = build_ladder(self._cameras, coast_s=self._coast_s)
        self._climbs = self._ladder if self._may_climb else self._ladder[:1]

    def set_ring(self, number: int, ring: Ring) -> None:
        """Take that a camera that moves is in another ring; called by who calls `look`."""
        self._cameras[number] = self._cameras[number].model_copy(update={"ring": ring})
        self._build()
        before = self._state.rung
        self._state = replace(self._state, rung=min(before, len(self._climbs) - 1))
        if before:
            self._apply(before)

    def gate(self, number: int, sink: FrameSink) -> Gate:
        """Return the gate before camera `number`'s slot."""
        camera, watched = self._cameras[number], self._watched[number]
        gate = Gate(camera, sink, watched, self._meter, number=number)
        self._gates[number] = gate
        return gate

    def came(self) -> tuple[int, ...]:
        """Return how many frames each camera has offered."""
        return tuple(0 if gate is None else gate.came for gate in self._gates)

    def behind(self) -> int:
        """Return how many frames of wake-ups are not analysed yet, over all cameras."""
        return sum(gate.waiting() for gate in self._gates if gate is not None)

    def look(self, measure: Callable[[], LoadReading]) -> bool:
        """Decide by what was measured, set the gates, tell what changed; about once a second.

        Returns: True where something changed that was told.
        """
        reading = replace(measure(), quiet=tuple(each.quiet for each in self._watched))
        now_ns = self._clock.mono_ns()
        before, self._reading = self._state, reading
        self._state = advance(before, reading, self._climbs, now_ns)
        if self._state.rung != before.rung:
            self._apply(before.rung)
        return self._tell(now_ns)

    def snapshot(self) -> dict[str, Json]:
        """Return the level, why and since when, and what was measured last, as JSON values."""
        state, reading = self._state, self._reading
        return {
            **self._data(),
            "since_s": round((self._clock.mono_ns() - state.since_ns) / 1e9, 1),
            "lanes_busy": round(reading.busy, 3),
            "late": round(reading.late, 3),
            "backlog_s": round(reading.backlog_s, 2),
            "cpu_share": round(reading.cpu, 3),
        }

    def camera(self, number: int) -> dict[str, Json]:
        """Return what camera `number` still gets: every n-th frame of its grid, and why."""
        rung, quiet = self._ladder[self._state.rung], self._watched[number].quiet
        stride = (rung.quiet if quiet else rung.moving)[number]
        return {"every": stride, "quiet": quiet, "update_stretch": rung.update_stretch}

    def _apply(self, before: int) -> None:
        rung = self._ladder[self._state.rung]
        for number, (gate, watched) in enumerate(zip(self._gates, self._watched, strict=True)):
            if gate is not None:
                gate.strides = (rung.moving[number], rung.quiet[number])
            watched.stretch_updates(rung.update_stretch)
        where = f"load level {self._state.rung} of {len(self._ladder) - 1} ({rung.name})"
        if self._state.rung > before:
            log.warning("hot loop: %s: %s; the least important is given up", where, self._reason())
        else:
            log.info("hot loop: %s: there is room again", where)

    def _tell(self, now_ns: int) -> bool:
        """Send an event where it begins, ends, or has changed and was not told for a while."""
        level, heat, told = self._state.rung, self._reading.heat, self._told
        if (level, heat) == (told.level, told.heat):
            return False
        turned = (level > 0) != (told.level > 0) or heat is not told.heat
        recent = told.at_ns is not None and now_ns - told.at_ns < _TELL_AGAIN_S * 1e9
        if recent and not turned:
            return False
        self._told = _Told(level, heat, now_ns)
        well = level == 0 and heat is Heat.NONE
        self._events.put(
            Event(
                kind=EventKind.LOAD_CHANGE,
                severity=severity_of(EventKind.LOAD_CHANGE, is_over=well),
                wall_ns=self._clock.wall_ns(),
                time_trusted=self._clock.time_trusted(),
                data=self._data(),
            )
        )
        return True

    def _data(self) -> dict[str, Json]:
        rung = self._ladder[self._state.rung]
        return {
            "level": self._state.rung,
            "levels": len(self._ladder) - 1,
            "step": rung.name,
            "reason": self._reason(),
            "heat": self._reading.heat.value,
            "thinned_cameras": [
                camera.id
                for camera, stride, quiet in zip(
                    self._cameras, rung.moving, rung.quiet, strict=True
                )
                if max(stride, quiet) > 1
            ],
        }

    def _reason(self) -> str:
        if self._state.rung == 0 and self._reading.heat is Heat.THROTTLED:
            return self._reading.slowed_by
        return self._state.reason
