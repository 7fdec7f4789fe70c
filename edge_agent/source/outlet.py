"""Where a connection's pictures go: to the framer, what it chose to the slot, changes told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

import av

from edge_agent.clock import Clock
from edge_agent.ports import FrameSink
from edge_agent.settings import CameraSettings
from edge_agent.source.announce import Announcer
from edge_agent.source.feedback import Feedback
from edge_agent.source.framer import Framer, Taken
from edge_agent.source.ring import Arrival, Gop
from edge_agent.source.tally import Tally
from edge_agent.types import Json, Wh
from edge_agent.wakeup import WakeWatch

_ROOM_STEP_S = 0.002


@dataclass(frozen=True, slots=True)
class Outlets:
    """What a camera's connections share, one after another."""

    camera: CameraSettings
    sink: FrameSink
    clock: Clock
    announce: Announcer
    tally: Tally
    framer: Framer
    watch: WakeWatch
    feedback: Feedback
    wanted: Callable[[], bool]  # whether it is within the camera's hours
    pause: Callable[[float], bool]  # waits some seconds; True where the reader shall end


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What one connection's stream says of itself; read once, by the thread that opened it."""

    number: int  # of the connection
    codec: str
    profile: str | None
    wh: Wh  # as announced; pictures may differ
    declared_fps: float | None
    transport: str  # tcp, udp or file
    #: A file without any timestamps: its pictures are counted, this many ticks each.
    counted_ticks: Fraction | None

    def live_data(self, picture: av.VideoFrame, arrival: Arrival) -> dict[str, Json]:
        """Return what the event of the first picture tells."""
        return {
            "codec": self.codec,
            "wh": [picture.width, picture.height],
            "transport": self.transport,
            "declared_fps": self.declared_fps,
            "clock_source": "arrival" if arrival.reported_wall_ns is None else "rtcp",
        }


class Outlet:
    """One connection's pictures, in display order, decoded or passed over."""

    def __init__(self, facts: StreamFacts, outlets: Outlets) -> None:
        self._facts = facts
        self._out = outlets
        self.pictures = 0
        self.live_ns: int | None = None  # mono of the first picture, or of the first rest
        self._told_live = False
        camera = outlets.camera
        self._lossless = facts.transport == "file" and not camera.realtime

    def show(self, picture: av.VideoFrame, arrival: Arrival, *, late: bool = False) -> None:
        """Take a decoded picture; what the grid chooses goes to the slot."""
        if not self._told_live:
            self._told_live = True
            self._came(arrival)
            self._tell_live(picture, arrival)
        pts = picture.pts
        if pts is None and self._facts.counted_ticks is not None:
            pts = int(self.pictures * self._facts.counted_ticks)
        self.pictures += 1
        taken = self._out.framer.take(picture, pts, arrival, late=late)
        if taken is None:
            return
        self._tell_changes(taken)
        if taken.frame is None:
            return
        self._out.tally.offered += 1
        self._out.feedback.offered(taken.frame.ref, arrival.stream_ns)
        if late or self._lossless:
            self._wait_for_room()
            self._out.sink.catch_up(taken.frame)
        else:
            self._out.sink.offer(taken.frame)

    def rest(self, arrival: Arrival) -> None:
        """Take that no picture is shown from here on: the camera's hours are over."""
        self._came(arrival)
        self._out.framer.sleep()
        self._out.announce.resting(self._facts.number)

    def resume(self) -> None:
        """Take that pictures are shown again; the first of a connection tells it itself."""
        if self._told_live:
            self._out.announce.decoding(self._facts.number, "its hours have begun")

    def _came(self, arrival: Arrival) -> None:
        if self.live_ns is None:
            self.live_ns = arrival.mono_ns

    def has_room(self) -> bool:
        """Return whether a late picture may be shown now without waiting."""
        return self._lossless or self._out.sink.room() > 0

    def _wait_for_room(self) -> None:
        """Wait where the reader may: a file that is read as fast as it goes loses nothing."""
        while self._lossless and self._out.sink.room() <= 0:
            if self._out.pause(_ROOM_STEP_S):
                return

    def let_go(self, gops: Iterable[Gop]) -> None:
        """Let the pictures of whole GOPs go by undecoded, those that were not framed yet."""
        for gop in gops:
            if not gop.framed:
                gop.framed = True
                for pts, held in gop.in_display_order():
                    self.pass_over(pts, held.arrival)

    def pass_over(self, pts: int, arrival: Arrival) -> None:
        """Let a picture go by that is not decoded."""
        self.pictures += 1
        taken = self._out.framer.pass_over(pts, arrival)
        if taken is not None:
            self._tell_changes(taken)

    def _tell_live(self, picture: av.VideoFrame, arrival: Arrival) -> None:
        number = self._facts.number
        if self._facts.transport == "file" and number > 1 and self._out.camera.loop:
            return  # the next round of a looped file is no news
        self._out.announce.live(number, self._facts.live_data(picture, arrival))

    def _tell_changes(self, taken: Taken) -> None:
        announce, number = self._out.announce, self._facts.number
        if taken.resized is not None:
            announce.resized(number, *taken.resized)
        if taken.jump_ns is not None:
            announce.jumped(number, taken.jump_ns)
        if taken.clock_change is not None:
            announce.clock_changed(number, taken.clock_change)
