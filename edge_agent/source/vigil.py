"""The watch over one connection: feeds it what is read, decoded and analysed."""

import av

from edge_agent.source.look import luma_of
from edge_agent.source.outlet import Outlets, StreamFacts
from edge_agent.source.ring import Arrival, Held
from edge_agent.types import ByteArray, Json
from edge_agent.wakeup import Asleep, Wake, WakeReason

#: Longer than this between two waits for the analysis, a file is read on without it.
_SETTLE_S = 10.0
_SETTLE_STEP_S = 0.002


class Vigil:
    """The reader's side of `WakeWatch`, on the reader's own thread."""

    def __init__(self, facts: StreamFacts, outlets: Outlets) -> None:
        self._facts = facts
        self._out = outlets
        self._watch = outlets.watch
        self._wh = facts.wh
        self._last_ns = -1
        self._audit = False
        self.report: dict[str, Json] = {}  # as of the last keyframe; read from any thread
        outlets.feedback.clear()
        self._begin()

    def packet(self, held: Held, *, awake: bool) -> Wake | None:
        """Take a packet as it is read; return why to wake, if so."""
        arrival = held.arrival
        if arrival.stream_ns is None:
            return None
        if arrival.stream_ns <= self._last_ns:  # jumped: its times rise anew from here
            self._begin()
        self._last_ns = arrival.stream_ns
        return self._watch.packet(
            held.packet.size, keyframe=arrival.keyframe, stream_ns=arrival.stream_ns, awake=awake
        )

    def shown(self, picture: av.VideoFrame, arrival: Arrival) -> None:
        """Take a decoded picture: keyframes are looked at, once each."""
        wh = (picture.width, picture.height)
        if wh != self._wh:
            self._wh = wh
            self._begin()
        if not arrival.keyframe or arrival.looked or arrival.stream_ns is None:
            return
        arrival.looked = True
        self._watch.look(luma_of(picture), stream_ns=arrival.stream_ns, awake=True)
        self._take_stock()

    def looked(self, luma: ByteArray, arrival: Arrival) -> Wake | None:
        """Take the look at a sleeping camera's keyframe; return why to wake, if so."""
        assert arrival.stream_ns is not None
        arrival.looked = True
        wake = self._watch.look(luma, stream_ns=arrival.stream_ns, awake=False)
        self._take_stock()
        return wake

    def hear(self) -> Wake | None:
        """Hand on what the analysis found; return a wake-up if a moving track was among it.

        A camera may fall asleep over frames that still wait for a lane.
        """
        moved_ns = None
        for analysed in self._out.feedback.news():
            self._watch.tracks(analysed.moving, stream_ns=analysed.stream_ns)
            if analysed.moving:
                moved_ns = analysed.stream_ns
        return None if moved_ns is None else Wake(WakeReason.PICTURE, moved_ns)

    def settle(self) -> None:
        """Wait until the frames under way have been analysed, so that a replay decides alike."""
        left_s = _SETTLE_S
        while left_s > 0 and not self._out.feedback.settled:
            if self._out.pause(_SETTLE_STEP_S):
                return
            left_s -= _SETTLE_STEP_S

    def may_sleep(self, stream_ns: int) -> bool:
        """Return whether it has been quiet for long enough."""
        return self._watch.may_sleep(stream_ns)

    def plan(self) -> tuple[Asleep, str]:
        """Return what to decode asleep, and why."""
        return self._watch.asleep_plan()

    def audit_due(self, stream_ns: int) -> Wake | None:
        """Return the wake-up of an audit, where one is due."""
        if not self._watch.audit_due(stream_ns):
            return None
        self._audit = True
        return Wake(WakeReason.AUDIT, stream_ns)

    def fell_asleep(self, stream_ns: int) -> None:
        """Take that the awake stretch is over."""
        if self._audit:
            self._audit = False
            self._watch.audit_ended(stream_ns)

    def begin_anew(self) -> None:
        """Take that packets went by unseen; what was learned of the scene stays."""
        self._last_ns = -1
        self._begin()

    def _begin(self) -> None:
        self._watch.begin(self._facts.codec, self._wh, self._facts.declared_fps)

    def _take_stock(self) -> None:
        self.report = self._watch.report()
        self._out.announce.faults(self._facts.number, self._watch.faults())
