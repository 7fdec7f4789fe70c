"""What a stream really does: its rate, its keyframes, its bits. Counted per packet."""

from collections import deque
from dataclasses import dataclass

_WINDOW_S = 10
_NS = 1_000_000_000
_NS_OF_WINDOW = _WINDOW_S * _NS


@dataclass(frozen=True, slots=True)
class Rates:
    """Measured over the last 10 s at most; None before there is anything to measure."""

    fps: float | None
    kbit_s: float | None
    keyframe_interval_s: float | None
    keyframe_interval_frames: int | None


class StreamMeasures:
    """Counts packets of one connection, on the stream's own timestamps where it has them."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int, int]] = deque(maxlen=_WINDOW_S + 1)
        self._packets = 0
        self._bytes = 0
        self._keyframe: tuple[int, int] | None = None  # (ns, packet number) of the last
        self._interval: tuple[int, int] | None = None
        self._last_ns, self._last = 0, 0  # the last packet's time and number

    def packet(self, stream_ns: int | None, size: int, *, keyframe: bool) -> None:
        """Count a packet of `size` bytes at `stream_ns` of the stream's decoding time.

        The first packets of a connection may have no time yet (None): they only count.
        """
        if stream_ns is not None:
            if keyframe:
                self._note_keyframe(stream_ns)
            marks = self._marks
            if not marks or not 0 <= stream_ns - self._last_ns < _NS_OF_WINDOW:
                self._begin_at(stream_ns)
            elif stream_ns - marks[-1][0] >= _NS:
                marks.append((stream_ns, self._packets, self._bytes))
            self._last_ns, self._last = stream_ns, self._packets
        self._packets += 1
        self._bytes += size

    def _note_keyframe(self, stream_ns: int) -> None:
        if self._keyframe is not None:
            before_ns, before = self._keyframe
            self._interval = (stream_ns - before_ns, self._packets - before)
        self._keyframe = (stream_ns, self._packets)

    def _begin_at(self, stream_ns: int) -> None:
        """Begin, or begin anew: the timestamps jumped."""
        if self._marks:
            self._marks.clear()
            self._keyframe = None
        self._marks.append((stream_ns, self._packets, self._bytes))

    def rates(self) -> Rates:
        """Return what was measured so far; may be asked from any thread."""
        interval_ns, frames = self._interval or (None, None)
        interval_s = None if interval_ns is None else round(interval_ns / _NS, 3)
        marks = list(self._marks)
        span_ns = self._last_ns - marks[0][0] if marks else 0
        if span_ns <= 0:
            return Rates(None, None, interval_s, frames)
        # The packet at the span's end begins the next frame's time: it is not of the span.
        count = self._last - marks[0][1]
        kbit = (self._bytes - marks[0][2]) * 8 / 1000 * count / (count + 1)
        span_s = span_ns / _NS
        return Rates(round(count / span_s, 2), round(kbit / span_s, 1), interval_s, frames)
