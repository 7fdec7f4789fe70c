"""What a signal has proved: the onsets of movement that it announced, and its false alarms."""

from math import sqrt

_NS = 1_000_000_000
#: An alarm is true where movement is tracked from 8 s before it (what leaves leaves a trace) to
#: 8 s after it (what comes is seen before it is large enough for the detector).
_BEFORE_NS, _AFTER_NS = 8 * _NS, 8 * _NS
#: It announces an onset at most this long after it.
_AHEAD_NS = 5 * _NS
_FORGET = 0.97  # an onset: some 30 count
_NEVER = 1 << 62
Z95 = 1.96


def wilson(hits: float, of: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of `hits` in `of` trials; (0, 1) without any.

    Source: Wilson, Probable inference, JASA 22 (1927).
    """
    if of <= 0:
        return 0.0, 1.0
    share, z2 = hits / of, Z95 * Z95
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 / (1 + z2 / of) * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


class Proof:
    """The record of one signal while the camera is awake and the truth can be seen."""

    __slots__ = (
        "_alarm_ns", "_moved_ns", "_open_ns", "_until_ns", "announced", "due_ns",
        "false_alarms", "onsets",
    )  # fmt: skip

    def __init__(self) -> None:
        self.announced = 0.0
        self.onsets = 0.0
        self.false_alarms = 0
        self.forget_times()

    def forget_times(self) -> None:
        """Begin a new count of times; the record stays."""
        self._alarm_ns = -_NEVER  # the last alarm
        self._moved_ns = -_NEVER  # the last tracked movement
        self._open_ns: int | None = None  # an onset to be judged
        self._until_ns: int | None = None  # an alarm to be judged
        self.due_ns = _NEVER  # when `judge` has something to do

    @property
    def share(self) -> float | None:
        """The share of onsets that were announced; None before the first."""
        return self.announced / self.onsets if self.onsets else None

    @property
    def proved(self) -> bool:
        """Whether the signal may be relied upon alone."""
        return self.onsets >= 2.5 and self.announced >= 0.9 * self.onsets

    @property
    def failed(self) -> bool:
        """Whether the signal misses what it should see."""
        if self.onsets < 3.5:
            return self.onsets >= 2.5 and self.announced < 0.5 * self.onsets
        return self.announced < 0.7 * self.onsets

    def alarmed_since(self, ns: int) -> bool:
        """Return whether there was an alarm at or after `ns`."""
        return self._alarm_ns >= ns

    def alarm(self, stream_ns: int) -> None:
        """Take an alarm."""
        self._alarm_ns = stream_ns
        if self._until_ns is None:
            self._until_ns = stream_ns + _AFTER_NS
            self.due_ns = min(self.due_ns, self._until_ns)

    def moving(self, stream_ns: int) -> None:
        """Take that something moved in the frame at `stream_ns`."""
        if stream_ns > self._moved_ns:
            self._moved_ns = stream_ns

    def onset(self, stream_ns: int, wait_ns: int) -> None:
        """Take that movement begins; the signal has `wait_ns` to announce it."""
        if self._open_ns is None:
            self._open_ns = stream_ns
            self.due_ns = min(self.due_ns, stream_ns + wait_ns)

    def judge(self, stream_ns: int) -> bool:
        """Judge what is due; return whether an alarm has proved false."""
        false = False
        if self._open_ns is not None:
            hit = self._alarm_ns >= self._open_ns - _AHEAD_NS
            self.announced = self.announced * _FORGET + hit
            self.onsets = self.onsets * _FORGET + 1
            self._open_ns = None
        if self._until_ns is not None and stream_ns >= self._until_ns:
            false = self._moved_ns < self._until_ns - _AFTER_NS - _BEFORE_NS
            self.false_alarms += false
            self._until_ns = None
        self.due_ns = _NEVER if self._until_ns is None else self._until_ns
        return false

    def close(self) -> bool:
        """The camera falls asleep: judge the alarm that is open; return whether it was false."""
        until_ns, self._until_ns = self._until_ns, None
        self.due_ns = _NEVER
        self._open_ns = None
        if until_ns is None or self._moved_ns >= until_ns - _AFTER_NS - _BEFORE_NS:
            return False
        self.false_alarms += 1
        return True
