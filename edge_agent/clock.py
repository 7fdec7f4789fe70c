"""Time as a parameter: monotonic for durations, wall (UTC) for people, both injected."""

import ctypes
import os
import threading
import time
from pathlib import Path
from typing import Protocol

#: No honest wall clock shows a time before this build (2026-11-24T00:00:00Z).
BUILD_WALL_NS = 1_795_478_400_000_000_000

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")


class Clock(Protocol):
    """What the agent knows about time."""

    def mono_ns(self) -> int:
        """Return nanoseconds of a clock that never jumps."""

    def wall_ns(self) -> int:
        """Return UTC nanoseconds since 1970; may jump."""

    def time_trusted(self) -> bool:
        """Return whether the wall clock is synchronised and not before the build."""

    def wait(self, condition: threading.Condition, timeout_s: float) -> bool:
        """Wait on a held `condition` for at most `timeout_s`; False when time ran out."""


class SystemClock:
    """The machine's clocks."""

    _TRUST_AGE_NS = 10_000_000_000

    def __init__(self) -> None:
        self._trust: tuple[int, bool] | None = None

    # The functions themselves: packets and frames ask for the time several times each.
    mono_ns = staticmethod(time.monotonic_ns)
    wall_ns = staticmethod(time.time_ns)

    def time_trusted(self) -> bool:
        """Return whether the kernel calls the clock synchronised; asked at most every 10 s."""
        now = time.monotonic_ns()
        if self._trust is None or now - self._trust[0] > self._TRUST_AGE_NS:
            self._trust = (now, self.wall_ns() >= BUILD_WALL_NS and kernel_synchronised())
        return self._trust[1]

    def wait(self, condition: threading.Condition, timeout_s: float) -> bool:
        return condition.wait(timeout_s)


class ManualClock:
    """A clock that moves only when told to; for tests and replay."""

    def __init__(
        self, mono_ns: int = 0, wall_ns: int = BUILD_WALL_NS, *, trusted: bool = True
    ) -> None:
        self._mono_ns = mono_ns
        self._wall_ns = wall_ns
        self.trusted = trusted

    def mono_ns(self) -> int:
        return self._mono_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def time_trusted(self) -> bool:
        return self.trusted and self._wall_ns >= BUILD_WALL_NS

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds`."""
        step_ns = round(seconds * 1e9)
        self._mono_ns += step_ns
        self._wall_ns += step_ns

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock back or forth, as NTP or a person would."""
        self._wall_ns += round(seconds * 1e9)

    def wait(self, condition: threading.Condition, timeout_s: float) -> bool:
        """Time passes at once: advance by `timeout_s` and report that it ran out."""
        self.advance(timeout_s)
        return False


def kernel_synchronised() -> bool:
    """Return whether the kernel's clock is disciplined (adjtimex), else timesyncd's mark.

    A sandbox may forbid adjtimex, and containers share their host's clock: where neither
    source answers, the clock counts as not synchronised.
    Source: adjtimex(2), systemd-timesyncd.service(8).
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = libc.adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        state = -1
    if state >= 0:
        return bool(state != _TIME_ERROR)
    return os.access(_SYNCHRONISED, os.F_OK)
