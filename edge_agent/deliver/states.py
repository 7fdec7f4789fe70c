"""The retained states: the newest of the agent and of each camera, sent whenever it changed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.clock import Clock
from edge_agent.types import Json


@dataclass(frozen=True, slots=True)
class HeldState:
    """A state and when it was set."""

    state: dict[str, Json]
    wall_ns: int
    time_trusted: bool


class StateBoard:
    """The newest states, by camera (None: what the agent adds to its own)."""

    def __init__(self, clock: Clock, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._held: dict[str | None, HeldState] = {}
        self._changed: dict[str | None, None] = {}  # in order of change

    def put(self, camera_id: str | None, state: dict[str, Json]) -> None:
        """Set a state; one that says nothing new is not sent again."""
        with self._lock:
            held = self._held.get(camera_id)
            if held is not None and held.state == state:
                return
            self._held[camera_id] = HeldState(
                dict(state), self._clock.wall_ns(), self._clock.time_trusted()
            )
            self._changed[camera_id] = None
        self._on_change()

    def mark_all(self) -> None:
        """Have everything sent again: a new connection knows nothing."""
        with self._lock:
            self._changed = dict.fromkeys((None, *(key for key in self._held if key is not None)))

    def take(self) -> tuple[str | None, HeldState | None] | None:
        """Take the next state to send; None where nothing changed."""
        with self._lock:
            if not self._changed:
                return None
            key = next(iter(self._changed))
            del self._changed[key]
            return key, self._held.get(key)

    def agent_data(self) -> dict[str, Json]:
        """Return what the agent adds to its own state."""
        with self._lock:
            held = self._held.get(None)
            return dict(held.state) if held else {}
