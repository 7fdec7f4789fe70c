"""One camera's rules at work: schedules, what an event is worth, and the time between frames.

The rules themselves are pure (`edge_agent/rules/`); here they get what they must not know.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from edge_agent.clock import Clock
from edge_agent.policy.severity import severity_for
from edge_agent.rules.book import write_book
from edge_agent.rules.camera import CameraRulesState, change, pass_time
from edge_agent.rules.engine import begin, end, step
from edge_agent.settings import CameraSettings, RuleSettings
from edge_agent.types import (
    BoolArray,
    CameraChange,
    EndReason,
    Event,
    ObjectClass,
    Severity,
    Tracks,
)

#: Whether the schedule of a name is on at a wall time in ns.
IsActive = Callable[[str, int], bool]
#: What an event is worth, given what its rule asks for.
Worth = Callable[[Event, Severity | None], Severity]


def _always(schedule: str, wall_ns: int) -> bool:
    return True


class Judge:
    """Not thread-safe: its camera's pipeline calls it under its lock."""

    def __init__(
        self,
        camera: CameraSettings,
        *,
        classes: Sequence[ObjectClass],
        model_id: str,
        clock: Clock,
        is_active: IsActive = _always,
        worth: Worth = severity_for,
    ) -> None:
        self._book = write_book(camera, classes=classes, model_id=model_id)
        self._asked = {rule.id: rule.severity for rule in camera.rules}
        self._state = begin(self._book)
        self._of_camera = CameraRulesState()
        self._clock = clock
        self._is_active, self._worth = is_active, worth
        self._schedules = sorted({r.schedule for r in self._book.rules if r.schedule is not None})
        self._second = -1  # of the wall clock that `_active` holds for
        self._active: BoolArray = np.ones(len(self._book.rules), np.bool_)

    @property
    def waiting(self) -> bool:
        """Whether a rule's time runs, so that the camera must not fall asleep."""
        return self._state.waiting

    def frame(self, tracks: Tracks) -> list[Event]:
        """Return what the rules find in a frame's tracks."""
        if not self._book.rules:
            return []
        active = self._active_at(tracks.ref.wall_ns)
        self._state, events = step(self._state, tracks, self._book, active)
        return [self._judged(event) for event in events] if events else events

    def changed(self, what: CameraChange) -> list[Event]:
        """Return what the rules find in a camera's change."""
        self._of_camera, events = change(self._of_camera, what, self._book, self._on_now)
        return [self._now(event) for event in events]

    def tick(self) -> list[Event]:
        """Return what has lasted for long enough since the last call; once a second or so."""
        if self._of_camera.lost is None:
            return []
        mono_ns = self._clock.mono_ns()
        self._of_camera, events = pass_time(self._of_camera, mono_ns, self._book, self._on_now)
        return [self._now(event) for event in events]

    def end(self, reason: EndReason) -> list[Event]:
        """End all visits and whatever stands."""
        wall_ns, trusted = self._clock.wall_ns(), self._clock.time_trusted()
        self._state, events = end(
            self._state, self._book, reason, wall_ns=wall_ns, time_trusted=trusted
        )
        return [self._judged(event) for event in events]

    def _active_at(self, wall_ns: int) -> BoolArray:
        """Return (R,) which rules are on; asked again once the wall clock's second changes."""
        second = wall_ns // 1_000_000_000
        if self._schedules and second != self._second:
            self._second = second
            on = {name: self._is_active(name, wall_ns) for name in self._schedules}
            self._active = np.array(
                [r.schedule is None or on[r.schedule] for r in self._book.rules], np.bool_
            )
        return self._active

    def _on_now(self, rule: RuleSettings) -> bool:
        return rule.schedule is None or self._is_active(rule.schedule, self._clock.wall_ns())

    def _now(self, event: Event) -> Event:
        wall_ns, trusted = self._clock.wall_ns(), self._clock.time_trusted()
        return self._judged(replace(event, wall_ns=wall_ns, time_trusted=trusted))

    def _judged(self, event: Event) -> Event:
        asked = self._asked.get(event.data["rule"])
        return replace(event, severity=self._worth(event, asked))
