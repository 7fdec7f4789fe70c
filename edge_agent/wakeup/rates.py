"""How a camera spends its bits: by quality or by rate, with even or changing GOPs.

A camera that targets a quality sends larger packets while something moves, one that targets a
rate sends even bytes whatever happens, and so does one whose noise outweighs all movement.
Which it is shows once there was movement; before, only packets that are next to nothing beside
their keyframe show it: who aims at a rate would spend more on them.
"""

from dataclasses import dataclass
from math import log2, sqrt

_NS = 1_000_000_000
_LEARN = 1 / 12  # a GOP
_ENOUGH_QUIET, _ENOUGH_BUSY = 4, 3  # GOPs
_LEAST_LIFT, _LIFT_OVER_SPREAD = 0.1, 1.0  # log2 of a packet's bytes
_NEXT_TO_NOTHING = 0.01  # of the keyframe, a quiet packet
_EVEN_SPREAD = 0.12  # log2 of a GOP's bytes a second, quiet and busy
_UNEVEN = 0.3  # a GOP that differs so much from the last is of another length
_SMART_SHARE = 0.25  # of GOPs with another length


@dataclass(slots=True)
class Running:
    """A running mean and its spread; the first values count fully."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def take(self, value: float, learn: float = _LEARN) -> None:
        """Take one value."""
        self.count += 1
        share = max(learn, 1 / self.count)
        off = value - self.mean
        self.mean += share * off
        self.variance += share * (off * off * (1 - share) - self.variance)

    @property
    def spread(self) -> float:
        return sqrt(max(0.0, self.variance))


class Rates:
    """Bytes and GOPs of one stream; told each packet, judged a GOP at a time."""

    __slots__ = (
        "_after_busy", "_all", "_busy", "_bytes", "_held", "_keyframe_bytes", "_keyframe_ns",
        "_packets", "_part", "_quiet", "_uneven",
        "gop_s", "gops", "kbit_s",
    )  # fmt: skip

    def __init__(self) -> None:
        self._all, self._quiet, self._busy = Running(), Running(), Running()
        self._uneven = Running()
        self._part = Running()  # a quiet packet's bytes over its keyframe's
        self.gops = 0
        self.gop_s: float | None = None  # the last GOP's length
        self.kbit_s: float | None = None  # of the last GOP
        self.restart()

    def restart(self) -> None:
        """Begin a new count of times: what was learned stays."""
        self._held: float | None = None  # a quiet GOP that the next one must confirm
        self._after_busy = False
        self._keyframe_ns: int | None = None
        self._keyframe_bytes = self._bytes = self._packets = 0

    def packet(self, size: int) -> None:
        """Count a packet that is no keyframe."""
        self._bytes += size
        self._packets += 1

    def keyframe(self, size: int, stream_ns: int, *, busy: bool) -> bool:
        """End a GOP, `busy` where something moved in it; return whether one was measured."""
        began_ns, packets = self._keyframe_ns, self._packets
        measured = began_ns is not None and packets > 0 and stream_ns > began_ns
        if measured and began_ns is not None:
            gop_s = (stream_ns - began_ns) / _NS
            if self.gop_s is not None:
                self._uneven.take(abs(gop_s - self.gop_s) > _UNEVEN * self.gop_s)
            self.gop_s = gop_s
            self.kbit_s = (self._bytes + self._keyframe_bytes) * 8 / 1000 / gop_s
            self._all.take(log2(self.kbit_s + 1))
            self.gops += 1
            self._compare(log2(self._bytes / packets + 1), busy=busy)
            if not busy:
                self._part.take(self._bytes / packets / max(1, self._keyframe_bytes))
        self._keyframe_ns, self._keyframe_bytes = stream_ns, size
        self._bytes = self._packets = 0
        return measured

    def _compare(self, value: float, *, busy: bool) -> None:
        """Take a GOP's usual packet; it is quiet only between two others that are."""
        if busy:
            self._busy.take(value)
            self._held, self._after_busy = None, True
            return
        if self._held is not None:
            self._quiet.take(self._held)
        self._held = None if self._after_busy else value
        self._after_busy = False

    def longest_s(self, stream_ns: int) -> float | None:
        """Return the GOP's length, the one that still runs included; None before a keyframe."""
        if self._keyframe_ns is None:
            return self.gop_s
        running_s = (stream_ns - self._keyframe_ns) / _NS
        return max(running_s, self.gop_s or 0.0)

    @property
    def smart(self) -> bool:
        """Whether the camera changes its GOP's length all the time."""
        return self._uneven.count >= 4 and self._uneven.mean > _SMART_SHARE

    @property
    def lift(self) -> float | None:
        """By how much larger packets are while something moves, as a factor; None if unseen."""
        if self._quiet.count < _ENOUGH_QUIET or self._busy.count < _ENOUGH_BUSY:
            return None
        return float(2.0 ** (self._busy.mean - self._quiet.mean))

    @property
    def word(self) -> str:
        """Return `quality`, `even` (rate-controlled, or drowned in noise) or `unknown`."""
        if self.lift is None:
            frugal = self._part.count >= _ENOUGH_QUIET and self._part.mean < _NEXT_TO_NOTHING
            return "quality" if frugal else "unknown"
        least = _LEAST_LIFT + _LIFT_OVER_SPREAD * self._quiet.spread
        if self._busy.mean - self._quiet.mean > least:
            return "quality"
        return "even" if self._all.spread < _EVEN_SPREAD else "unknown"
