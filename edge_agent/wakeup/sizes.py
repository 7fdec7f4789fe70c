"""The size signal: packets that are larger than quiet ones, for longer than chance allows.

Each packet's size is compared, as a logarithm, with what the same place in the GOP usually has
while nothing happens, because sizes depend on the place: the first pictures after a keyframe,
B-frames, a picture that is refreshed. A CUSUM adds up by how much the packets exceed that and so
finds one person far away over a second as well as a car that passes in 0.3 s. One large packet
alone, such as a burnt-in clock's, is clipped and never reaches the limit.

Source: Page, Continuous inspection schemes, Biometrika 41 (1954).
"""

from math import log2

from edge_agent.wakeup.beat import Beat
from edge_agent.wakeup.margin import Margin

_PLACES = 128  # in a GOP; later packets share the last place
#: Added to each size: below so many bytes a packet holds only "nothing changed".
_EMPTY_BYTES = 64
_FIRST_SIGMA, _LEAST_SIGMA = 0.2, 0.03  # log2: 15 % and 2 %
_SLACK = 0.7  # sigmas that a packet may exceed its place for nothing
_CLIP_UP, _CLIP_DOWN = 5.0, -2.0  # sigmas
_LEARN_PLACE, _LEARN_LEVEL, _LEARN_SIGMA = 1 / 6, 1 / 32, 1 / 64
_SETTLE_LEARN, _SETTLE_PACKETS = 1 / 6, 24
_LIMIT = 12.0  # sigmas: a chance once in half a day at 25 fps where packets are independent
_RISING = 4.0  # an excess from which nothing is learned until it is decided
_WARM_PACKETS = 60


class SizeSignal:
    """Compares one stream's packets with its quiet ones. About 1 µs a packet."""

    __slots__ = (
        "_base", "_beat", "_level", "_place", "_settle", "_sigma", "excess", "limit", "margin",
        "packets", "since_ns",
    )  # fmt: skip

    def __init__(self) -> None:
        self._base: list[float | None] = [None] * _PLACES
        self._beat = Beat()
        self._level, self._sigma = 0.0, _FIRST_SIGMA
        self._place = 0
        self._settle = 0
        self.margin = Margin(step=1.35, most=12.0)
        self.limit = _LIMIT
        self.packets = 0  # learned from
        self.excess = 0.0  # the CUSUM, sigmas
        self.since_ns = 0  # when it last left 0

    @property
    def warm(self) -> bool:
        """Whether enough quiet packets were learned from."""
        return self.packets >= _WARM_PACKETS

    @property
    def period_s(self) -> float | None:
        """The period of a burnt-in clock's bumps, None without any."""
        return self._beat.period_s

    @property
    def spread(self) -> float:
        """How far a quiet packet usually is from its place, as a share of its size."""
        return float(2.0**self._sigma - 1)

    def keyframe(self) -> None:
        """Begin a GOP."""
        self._place = 0

    def packet(self, size: int, stream_ns: int, *, quiet: bool) -> bool:
        """Take a packet that is no keyframe; return whether the excess is above the limit.

        It is learned from where it is `quiet`.
        """
        place = self._place + 1
        if place < _PLACES:
            self._place = place
        else:
            place = _PLACES - 1
        base = self._base[place]
        if base is None:
            self._base[place] = log2(size + _EMPTY_BYTES) - self._level
            return False
        off = log2(size + _EMPTY_BYTES) - base - self._level
        z = off / self._sigma
        if z > _CLIP_UP:
            z = 0.0 if self._beat.spike(stream_ns) else _CLIP_UP
        elif z < _CLIP_DOWN:
            z = _CLIP_DOWN
        excess = self.excess + z - _SLACK
        if excess <= 0.0:
            excess = 0.0
            self.since_ns = stream_ns
        elif excess > 2 * self.limit:
            excess = 2 * self.limit  # or it would take as long to fall again
        self.excess = excess
        if quiet and (excess < _RISING or self.packets < _WARM_PACKETS or self._settle):
            self._learn(place, base, off)
        return excess > self.limit and self.packets >= _WARM_PACKETS

    def _learn(self, place: int, base: float, off: float) -> None:
        sigma = self._sigma
        most = 3 * sigma
        if off > most:
            off = most
        elif off < -most:
            off = -most
        self._base[place] = base + off * _LEARN_PLACE
        self.packets += 1
        if self._settle:
            self._settle -= 1
            self._level += off * _SETTLE_LEARN
            self.excess = 0.0
            return
        if self.packets < _WARM_PACKETS:
            self.excess = 0.0
        self._level += off * _LEARN_LEVEL
        sigma += (1.25 * abs(off) - sigma) * _LEARN_SIGMA
        self._sigma = sigma if sigma > _LEAST_SIGMA else _LEAST_SIGMA

    def settle(self) -> None:
        """Find the level again: something happened, and the rate control may have moved."""
        self._settle = _SETTLE_PACKETS
        self.excess = 0.0

    def false_alarm(self) -> None:
        """Take that an alarm meant nothing: the limit rises."""
        self.margin.widen()
        self.limit = _LIMIT * self.margin.factor
        self.settle()

    def calm(self) -> None:
        """Take that a GOP brought no alarm: the limit sinks slowly."""
        self.margin.narrow()
        self.limit = _LIMIT * self.margin.factor
