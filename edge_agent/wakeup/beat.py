"""The bump of a burnt-in clock: single large packets at even times."""

_NS = 1_000_000_000
_LEAST_S, _MOST_S = 0.4, 2.5  # a period worth knowing
_EVEN_NS = 90_000_000  # two pictures at 25 fps: how far a bump may be from its time
_PROOF = 6  # intervals that must agree


class Beat:
    """Finds the period of large packets, and says which one was due."""

    __slots__ = ("_agreeing", "_last_ns", "_period_ns")

    def __init__(self) -> None:
        self._last_ns = 0
        self._period_ns = 0
        self._agreeing = 0

    @property
    def period_s(self) -> float | None:
        """The period, once it is sure."""
        return round(self._period_ns / _NS, 2) if self._agreeing >= _PROOF else None

    def spike(self, stream_ns: int) -> bool:
        """Take a large packet; return whether it is the clock's."""
        interval = stream_ns - self._last_ns
        if interval < _EVEN_NS:
            return False  # one bump in two packets, or something else
        self._last_ns = stream_ns
        period = self._period_ns
        if period:
            beats = max(1, round(interval / period))
            if beats <= 4 and abs(interval - beats * period) <= _EVEN_NS:
                self._agreeing = min(self._agreeing + 1, 4 * _PROOF)
                self._period_ns = period + (interval // beats - period) // 4
                return self._agreeing > _PROOF
        if self._agreeing > 0:
            self._agreeing -= 1
        elif _LEAST_S * _NS <= interval <= _MOST_S * _NS:
            self._period_ns = interval
        return False
