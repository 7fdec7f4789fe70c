"""`on_demand`: a quiet camera sleeps over its packets; a wake-up loses none of its pictures.

    awake ──── a keyframe, and it was quiet for long enough ────► asleep
      ▲                                                             │ a wake-up
      └── nothing held is left to decode ── catching up ◄───────────┘

Asleep, packets are kept and nothing but looks at keyframes is decoded. A GOP that leaves the
ring goes past the timeline and the grid undecoded, so both stand where full decoding would have
them. A wake-up decodes what is held, from a keyframe, without a word to the camera; its frames
wait in the slot's queue while packets are read on.
"""

import logging
from collections import deque
from collections.abc import Iterable
from enum import StrEnum

from edge_agent.settings import DecodeMode
from edge_agent.source.decoder import Decoder, Shown
from edge_agent.source.look import Looker
from edge_agent.source.outlet import Outlet, Outlets, StreamFacts
from edge_agent.source.ring import Gop, Held, PacketRing
from edge_agent.source.vigil import Vigil
from edge_agent.types import Json
from edge_agent.wakeup import Asleep, Wake, WakeReason

log = logging.getLogger(__name__)

_NS = 1_000_000_000
#: How long the watch may keep a quiet camera awake before that is told: it has to learn first.
_LEARNING_NS = 60 * _NS
#: Keyframes that could not be looked at before the camera stays awake for good.
_BLIND_LOOKS = 2
#: Catching up is given up when more than this many rings of stream time wait.
_RINGS_BEHIND = 2
_LAST_STEP_S, _LAST_STEPS = 0.01, 300


class Stage(StrEnum):
    AWAKE = "awake"
    ASLEEP = "asleep"
    CATCHING_UP = "catching_up"


class DecodeOnDemand:
    """One connection's; begins awake."""

    def __init__(
        self,
        ring: PacketRing,
        decoder: Decoder,
        outlet: Outlet,
        vigil: Vigil,
        outlets: Outlets,
        looker: Looker,
        facts: StreamFacts,
    ) -> None:
        self._ring = ring
        self._decoder = decoder
        self._looker = looker
        self._outlet = outlet
        self._vigil = vigil
        self._out = outlets
        self._tally = outlets.tally
        self._number = facts.number
        self._replays = facts.transport == "file" and not outlets.camera.realtime
        self._stage = Stage.AWAKE
        self._pending: deque[Held] = deque()
        self._from_pts: int | None = None  # a wake-up's first; earlier ones are passed over
        self._key_ns: int | None = None
        self._unseen = 0  # keyframes asleep since the last look
        self._blind_looks = 0
        self._obstacle: str | None = None  # why a quiet camera stays awake
        self._obstacle_ns: int | None = None
        self._told = False
        self._last_wake: str | None = None

    @property
    def asleep(self) -> bool:
        return self._stage is Stage.ASLEEP

    def take(self, held: Held) -> None:
        """Take the next packet."""
        stream_ns = held.arrival.stream_ns
        if stream_ns is None or self._ring.goes_back(stream_ns):
            if self.asleep:
                self._wake(Wake(WakeReason.FALLBACK, self._ring.gops[-1].began_ns))
            self._ring.clear()
        gone = [] if stream_ns is None else self._ring.add(held, stream_ns)
        wake = self._vigil.packet(held, awake=not self.asleep)
        if self.asleep and stream_ns is not None:
            self._watch_over(held, stream_ns, gone, wake)
            return
        self._tally.spend("receive")
        if stream_ns is not None and self._falls_asleep(held, stream_ns):
            self._sleep(held, stream_ns)
            return
        if held.arrival.keyframe and self._ring.gops:
            self._ring.gops[-1].framed = True
        if self._stage is Stage.CATCHING_UP:
            self._pending.append(held)
            self._catch_up()
        else:
            self._show(self._decoder.decode(held.packet, held.arrival), late=False)
        self._tally.spend("decode")

    def end(self) -> None:
        """The stream is over: pass the sleeping GOPs over, or show what is still held back."""
        if self.asleep:
            self._outlet.let_go(self._ring.gops)
            return
        late = self._stage is Stage.CATCHING_UP
        for _ in range(_LAST_STEPS):
            self._catch_up()
            if not self._pending or self._out.pause(_LAST_STEP_S):
                break
        self._show(self._decoder.drain(), late=late)

    def state(self) -> dict[str, Json]:
        """Return what is really decoded, and why; from any thread."""
        effective = DecodeMode.ALWAYS if self._told else DecodeMode.ON_DEMAND
        return {
            "effective": effective.value,
            "state": self._stage.value,
            "reason": self._obstacle,
            "last_wake": self._last_wake,
        }

    def _falls_asleep(self, held: Held, stream_ns: int) -> bool:
        """Return whether the camera sleeps from this packet on; tells what keeps it awake."""
        if not held.arrival.keyframe:
            since_ns = stream_ns if self._key_ns is None else self._key_ns
            self._key_ns = since_ns
            if stream_ns - since_ns > self._ring.max_s * _NS:
                self._stay_awake(f"no keyframe for {self._ring.max_s:g} s", stream_ns, at_once=True)
            return False
        self._key_ns = stream_ns
        if self._replays:
            self._vigil.settle()
        self._vigil.hear()
        if self._stage is not Stage.AWAKE or not self._vigil.may_sleep(stream_ns):
            return False
        plan, why = self._vigil.plan()
        if self._blind_looks >= _BLIND_LOOKS:
            self._stay_awake("its keyframes cannot be decoded alone", stream_ns, at_once=True)
        elif self._ring.cut is not None:
            self._stay_awake(self._ring.cut, stream_ns, at_once=True)
        elif plan is Asleep.STAY_AWAKE:
            self._stay_awake(why, stream_ns, at_once=False)
        elif not self._ring.is_whole:
            self._stay_awake("two whole GOPs have not been kept yet", stream_ns, at_once=False)
        else:
            return True
        return False

    def _stay_awake(self, reason: str, stream_ns: int, *, at_once: bool) -> None:
        """Note why a quiet camera is decoded all the same; say so once it is no passing matter."""
        if self._obstacle_ns is None:
            self._obstacle_ns = stream_ns
        self._obstacle = reason
        if not self._told and (at_once or stream_ns - self._obstacle_ns >= _LEARNING_NS):
            self._told = True
            self._out.announce.decoding(self._number, f"every packet is decoded: {reason}")

    def _sleep(self, keyframe: Held, stream_ns: int) -> None:
        """Fall asleep before `keyframe`: all that came before it has been shown."""
        self._show(self._decoder.drain(), late=False)
        self._decoder.rest()
        self._tally.slept += 1
        self._out.framer.sleep()
        self._vigil.fell_asleep(stream_ns)
        self._stage = Stage.ASLEEP
        self._unseen = 0
        self._obstacle = self._obstacle_ns = None
        if self._told:
            self._told = False
            self._out.announce.decoding(self._number, "decodes on demand again")
        self._tally.spend("decode")
        self._watch_over(keyframe, stream_ns, [], None)

    def _watch_over(self, held: Held, stream_ns: int, gone: list[Gop], wake: Wake | None) -> None:
        """Take a packet of a sleeping camera; `gone` left the ring because of it."""
        if not self._ring.is_whole:
            wake = Wake(WakeReason.FALLBACK, gone[0].began_ns if gone else stream_ns)
        elif gone:
            self._outlet.let_go(gone)
            gone = []
        wake = self._vigil.hear() or wake
        if held.arrival.keyframe:
            wake = wake or self._watch_keyframe(held, stream_ns)
        if wake is not None:
            self._tally.spend("receive")
            self._wake(wake, gone)
            self._catch_up()
            self._tally.spend("decode")

    def _watch_keyframe(self, held: Held, stream_ns: int) -> Wake | None:
        plan, _ = self._vigil.plan()
        if plan is Asleep.STAY_AWAKE:
            return Wake(WakeReason.FALLBACK, stream_ns)
        self._unseen += 1
        if self._unseen < self._ring.need(plan.keyframes_a_look):
            return self._vigil.audit_due(stream_ns)
        self._unseen = 0
        self._tally.spend("receive")
        luma = self._looker.look(held.packet)
        self._tally.looked += 1
        wake = None if luma is None else self._vigil.looked(luma, held.arrival)
        self._tally.spend("keyframe_look")
        if luma is None:
            self._blind_looks += 1
            return Wake(WakeReason.FALLBACK, stream_ns)
        self._blind_looks = 0
        return wake or self._vigil.audit_due(stream_ns)

    def _wake(self, wake: Wake, gone: Iterable[Gop] = ()) -> None:
        """Decode from the last keyframe at or before the wake-up's time, of what is not shown."""
        gops = [gop for gop in (*gone, *self._ring.gops) if not gop.framed]
        start = max((i for i, gop in enumerate(gops) if gop.began_ns <= wake.from_ns), default=0)
        self._outlet.let_go(gops[:start])
        if gops:
            self._begin_at(gops[start])
        for gop in gops[start:]:
            gop.framed = True
            self._pending.extend(gop.packets)
        self._looker.rest()
        self._stage = Stage.CATCHING_UP
        self._last_wake = wake.reason.value

    def _begin_at(self, gop: Gop) -> None:
        """Pass over what an open GOP shows before its keyframe: it needs the GOP before."""
        for pts, held in gop.leading():
            self._outlet.pass_over(pts, held.arrival)
        self._from_pts = gop.keyframe.packet.pts

    def _catch_up(self) -> None:
        """Decode what is held as far as the slot takes it; then the camera is awake."""
        while self._pending and self._outlet.has_room():
            held = self._pending.popleft()
            self._show(self._decoder.decode(held.packet, held.arrival), late=True)
        if not self._pending:
            if self._out.sink.waiting() == 0:
                self._stage = Stage.AWAKE
        elif self._is_too_late():
            log.warning(
                "camera %s: the lanes cannot keep up with its wake-up; %d packets go the live way",
                self._out.camera.id,
                len(self._pending),
            )
            for held in self._pending:
                self._show(self._decoder.decode(held.packet, held.arrival), late=False)
            self._pending.clear()
            self._stage = Stage.AWAKE

    def _is_too_late(self) -> bool:
        first, last = (self._pending[i].arrival.stream_ns for i in (0, -1))
        if first is None or last is None:
            return False
        return last - first > _RINGS_BEHIND * self._ring.max_s * _NS

    def _show(self, pictures: list[Shown], *, late: bool) -> None:
        for picture, arrival in pictures:
            if self._from_pts is not None and picture.pts is not None:
                if picture.pts < self._from_pts:
                    continue  # passed over; a decoder may show its ruins all the same
                self._from_pts = None
            self._outlet.show(picture, arrival, late=late)
            self._vigil.shown(picture, arrival)
