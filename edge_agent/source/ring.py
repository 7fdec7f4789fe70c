"""The packets of a camera's last GOPs, as they came, for a wake-up now and for clips later."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import av
from av.video.stream import VideoStream

_NS = 1_000_000_000
_SPARE_GOPS = 2


@dataclass(slots=True, eq=False)
class Arrival:
    """When a packet's last byte came, and what else the reader knows of it.

    One object a packet: PyAV finds it again by its identity.
    """

    mono_ns: int
    reported_wall_ns: int | None  # when it was taken, by the sender reports
    stream_ns: int | None = None  # the stream's own decoding time
    keyframe: bool = False
    looked: bool = False  # a keyframe that was looked at already, asleep


@dataclass(slots=True, eq=False)
class Held:
    """A packet that is kept; `packet` has pts, dts (ticks) and is_keyframe."""

    packet: "av.Packet[VideoStream]"
    arrival: Arrival


@dataclass(slots=True, eq=False)
class Gop:
    """A keyframe and what came before the next, in decoding order."""

    began_ns: int  # stream time of the keyframe
    framed: bool = False  # its pictures went to the timeline and the grid already
    packets: list[Held] = field(default_factory=list)
    bytes: int = 0

    @property
    def keyframe(self) -> Held:
        return self.packets[0]

    def in_display_order(self) -> list[tuple[int, Held]]:
        """Return (pts, packet) of what has a pts, by rising pts."""
        shown = [(h.packet.pts, i) for i, h in enumerate(self.packets)]
        return [
            (pts, self.packets[i]) for pts, i in sorted((p, i) for p, i in shown if p is not None)
        ]

    def leading(self) -> list[tuple[int, Held]]:
        """Return (pts, packet) of what is shown before the keyframe: open GOPs refer back."""
        first = self.keyframe.packet.pts
        return [] if first is None else [s for s in self.in_display_order() if s[0] < first]


class PacketRing:
    """The newest GOPs, oldest first; always beginning with a keyframe. One thread's own.

    It keeps the running GOP and whole ones before it: what is needed and up to two more, since
    what wakes a camera in rain began before the GOP that told; fewer where they exceed `max_bytes`
    or `max_s` of stream time. Packets before the first keyframe are not kept.
    """

    def __init__(self, *, max_bytes: int, max_s: float) -> None:
        self.gops: deque[Gop] = deque()
        self._needed = 1
        self.max_s = max_s
        self._max_bytes = max_bytes
        self._bytes = 0
        self._last_ns: int | None = None
        self._uncut = 0  # keyframes since anything was missing
        self._cut: str | None = None

    @property
    def bytes(self) -> int:
        """The size of what is held."""
        return self._bytes

    @property
    def is_whole(self) -> bool:
        """Whether the running GOP and a whole one before it are there, and one more would fit."""
        return self._uncut > 2

    @property
    def cut(self) -> str | None:
        """Which bound is too small, for people; None where the bounds do."""
        return None if self.is_whole else self._cut

    def goes_back(self, stream_ns: int) -> bool:
        """Return whether a packet at `stream_ns` comes before what is held: its times jumped."""
        return self._last_ns is not None and stream_ns <= self._last_ns

    def add(self, held: Held, stream_ns: int) -> list[Gop]:
        """Take the next packet, at `stream_ns`; return the GOPs that had to go, oldest first.

        After a jump of the times what was held is forgotten: it has no place before the packet.
        """
        if self.goes_back(stream_ns):
            self.clear()
        self._last_ns = stream_ns
        if held.arrival.keyframe:
            self.gops.append(Gop(stream_ns))
            self._uncut += 1
        elif not self.gops:
            return []
        newest = self.gops[-1]
        newest.packets.append(held)
        newest.bytes += held.packet.size
        self._bytes += held.packet.size
        gone = []
        while len(self.gops) > self._needed + min(self._needed, _SPARE_GOPS) + 1:
            gone.append(self._remove_oldest())
        while self.gops and (reason := self._excess(stream_ns)):
            if len(self.gops) <= self._needed + 1:
                self._uncut, self._cut = 0, reason
            gone.append(self._remove_oldest())
        return gone

    def need(self, gops: int) -> int:
        """Keep so many whole GOPs before the running one; return how many the bounds have room for.

        That is half of it, or a quarter, where GOPs such as those that are held would not fit.
        """
        while gops > 1 and not self._have_room_for(gops + min(gops, _SPARE_GOPS) + 1):
            gops //= 2
        self._needed = gops
        return gops

    def _have_room_for(self, gops: int) -> bool:
        if len(self.gops) < 2:
            return False
        whole_ns = self.gops[-1].began_ns - self.gops[0].began_ns
        most_bytes = max(gop.bytes for gop in self.gops)
        return (
            gops * whole_ns <= (len(self.gops) - 1) * self.max_s * _NS
            and gops * most_bytes <= self._max_bytes
        )

    def clear(self) -> None:
        """Forget everything: what comes next has nothing to do with it."""
        self.gops.clear()
        self._bytes = self._uncut = 0
        self._last_ns = None

    def since(self, stream_ns: int) -> Iterator[Held]:
        """Yield packets from the last keyframe at or before `stream_ns`, else from the oldest."""
        for gop in list(self.gops)[self.index_at(stream_ns) :]:
            yield from gop.packets

    def index_at(self, stream_ns: int) -> int:
        """Return the place of the last GOP that began at or before `stream_ns`; else 0."""
        return max((i for i, gop in enumerate(self.gops) if gop.began_ns <= stream_ns), default=0)

    def _remove_oldest(self) -> Gop:
        gop = self.gops.popleft()
        self._bytes -= gop.bytes
        return gop

    def _excess(self, stream_ns: int) -> str | None:
        span_ns = stream_ns - self.gops[0].began_ns
        if self._bytes > self._max_bytes:
            return (
                f"two GOPs are larger than buffer_mb: {self._bytes / 1e6:.1f} of "
                f"{self._max_bytes / 1e6:g} MB in {span_ns / _NS:.1f} s"
            )
        if span_ns > self.max_s * _NS:
            return f"two GOPs are longer than buffer_s: more than {self.max_s:g} s"
        return None
