"""The watch over one camera: what the reader tells it, and what it says."""

import random

from edge_agent.types import ByteArray, Json, Wh
from edge_agent.wakeup.audits import AUDIT_S, Audits
from edge_agent.wakeup.faults import Faults
from edge_agent.wakeup.looks import LookSignal, changed_since
from edge_agent.wakeup.plan import choose_plan
from edge_agent.wakeup.proof import Proof
from edge_agent.wakeup.rates import Rates
from edge_agent.wakeup.report import describe
from edge_agent.wakeup.sizes import SizeSignal
from edge_agent.wakeup.verdicts import Asleep, Fault, Wake, WakeReason

_NS = 1_000_000_000
#: How far before the first large packet decoding begins: something small may have come earlier.
_LEAD_NS = _NS
#: How long after a wake-up without a moving track the camera is left again.
_PROBE_NS = 3 * _NS
#: While a signal goes on alarming, it is not left for so long, tracks or no tracks.
_HELD_NS = 12 * _NS
#: No frame is analysed (the box is full, or nobody listens): do not wait for longer than this.
_UNANSWERED_NS = 30 * _NS
#: Frames are quiet again so long after the last moving track; onsets follow such a rest.
_REST_NS = 3 * _NS
#: Alarms of a connection's first seconds do not count: its encoder has just begun.
_START_NS = 5 * _NS
_HALF_ALARM = 0.5  # of the limit: the look did not tell, but it was not nothing
_LONG_AGO = -(1 << 62)
_FORGIVE_NS = 3600 * _NS


class WakeWatch:
    """Judges one camera. One reader thread calls it; `faults` and `report` any thread may ask."""

    def __init__(self, *, quiet_s: float, rng: random.Random) -> None:
        """Fall asleep after `quiet_s` without a moving track; `rng` draws the audits."""
        self._quiet_ns = int(quiet_s * _NS)
        self.audits = Audits(rng)
        self.wakes = dict.fromkeys(WakeReason, 0)
        self.packets = self.spared = 0  # all, and those that were not decoded
        self._stream: tuple[str, Wh] | None = None
        self._forget()
        self._restart()

    def _forget(self) -> None:
        """Learn from nothing: another stream."""
        self.sizes, self.looks = SizeSignal(), LookSignal()
        self.size_proof, self.look_proof = Proof(), Proof()
        self.rates, self._faults = Rates(), Faults()

    def _restart(self) -> None:
        """Begin a new count of times; what was learned stays."""
        self._began_ns: int | None = None
        self._now_ns = 0
        self._moved_ns = self._analysed_ns = _LONG_AGO
        self._woke_ns = _LONG_AGO
        self.woken_by: WakeReason | None = None  # what woke it last
        self._awake = True
        self._slept_ns = 0
        self._busy_gop = False
        self._audit_ns: int | None = None
        self._looks: tuple[tuple[int, bool], ...] = ()  # the last: ns, whether half an alarm
        self._doubted_ns: int | None = None
        self._keys: tuple[tuple[int, int], ...] = ()  # (ns, spared) at the last keyframes
        self._plan = (Asleep.STAY_AWAKE, "it has just connected")
        self._listen_to_sizes = False
        for part in (self.size_proof, self.look_proof):
            part.forget_times()
        self.sizes.settle()
        self.sizes.keyframe()
        self.looks.restart()
        self.rates.restart()
        self._faults.restart()

    def begin(self, codec: str, wh: Wh, fps: float | None) -> None:
        """Begin a connection, or go on after new parameter sets.

        What was learned stays only where codec and size are the same as before.
        """
        if self._stream != (codec, wh):
            self._stream = (codec, wh)
            self._forget()
        self._restart()

    def packet(self, size: int, *, keyframe: bool, stream_ns: int, awake: bool) -> Wake | None:
        """Take one packet of `size` bytes, in decoding order; return why to wake, if so."""
        self._now_ns = stream_ns
        self.packets += 1
        if awake is not self._awake:
            self._turn(stream_ns, awake=awake)
        if keyframe:
            self._keyframe(size, stream_ns)
            return None
        self.rates.packet(size)
        quiet = not awake or stream_ns - self._moved_ns > _REST_NS
        fired = self.sizes.packet(size, stream_ns, quiet=quiet)
        if not awake:
            self.spared += 1
        if not fired or self._is_new(stream_ns):
            return None
        self.size_proof.alarm(stream_ns)
        if awake or not self._listen_to_sizes:
            return None
        return self._wake(WakeReason.SIZE, stream_ns, self.sizes.since_ns - _LEAD_NS)

    def look(self, luma: ByteArray, *, stream_ns: int, awake: bool) -> Wake | None:
        """Take a look at a keyframe, asleep or awake: (h, w) uint8, about LOOK_WIDTH wide.

        `stream_ns` is the time of the keyframe's packet, as given to `packet`.
        """
        from_ns = changed_since(self._looks, stream_ns)
        self._faults.look(luma, stream_ns)
        quiet = not awake or stream_ns - self._moved_ns > _REST_NS
        limit = self.looks.limit
        fired = self.looks.look(luma, quiet=quiet, awake=awake)
        raised = self.looks.score > _HALF_ALARM * limit
        self._looks = (*self._looks[-3:], (stream_ns, raised))
        if self.spared and not awake:
            self.spared -= 1
        if not fired or self._is_new(stream_ns):
            return None
        self.look_proof.alarm(stream_ns)
        if awake or self.looks.margin.exhausted:
            return None
        return self._wake(WakeReason.PICTURE, stream_ns, from_ns)

    def tracks(self, moving: int, *, stream_ns: int) -> None:
        """Take how many confirmed, not stationary tracks an analysed frame has (while awake).

        Frames may come later than their packets, but in order. A parked car must not count
        as moving after each wake-up: keep the tracker's stationary tracks over the sleep.
        """
        step_ns = stream_ns - self._analysed_ns
        self._analysed_ns = stream_ns
        if moving:
            if 0 < step_ns < _NS:
                self.audits.moving_ns += step_ns
            if stream_ns - self._moved_ns > _REST_NS:
                self._onset(stream_ns)
            self._moved_ns = max(self._moved_ns, stream_ns)
            self._busy_gop = True
            self.size_proof.moving(stream_ns)
            self.look_proof.moving(stream_ns)
        if stream_ns >= self.size_proof.due_ns and self.size_proof.judge(stream_ns):
            self.sizes.false_alarm()
        if stream_ns >= self.look_proof.due_ns and self.look_proof.judge(stream_ns):
            self.looks.false_alarm()

    def may_sleep(self, stream_ns: int) -> bool:
        """Return whether the camera has been quiet for long enough and can be left."""
        if self._began_ns is None:
            return False
        awake_ns = stream_ns - max(self._woke_ns, self._began_ns)
        if awake_ns > max(_UNANSWERED_NS, 3 * self._quiet_ns) and (
            stream_ns - self._analysed_ns > _UNANSWERED_NS
        ):
            return True
        if self._analysed_ns - self._moved_ns < self._quiet_ns:
            return False
        if awake_ns < _HELD_NS and self._alarmed_since(stream_ns - self._look_wait_ns):
            return False
        if self.woken_by is None:
            return self._analysed_ns - self._began_ns >= self._quiet_ns
        probe_ns = int(AUDIT_S * _NS) if self.woken_by is WakeReason.AUDIT else _PROBE_NS
        return self._analysed_ns - self._woke_ns >= probe_ns

    def asleep_plan(self) -> tuple[Asleep, str]:
        """Return what to decode asleep, and the reason for people."""
        return self._plan

    def audit_due(self, stream_ns: int) -> bool:
        """Return whether a sleeping camera shall be decoded now, for AUDIT_S from here on.

        Decode from the last keyframe; `may_sleep` says when the stretch is over.
        """
        if self._awake or not self.audits.due(stream_ns):
            return False
        self._audit_ns = stream_ns
        self._wake(WakeReason.AUDIT, stream_ns, stream_ns)
        return True

    def audit_ended(self, stream_ns: int) -> None:
        """Take that the audit's stretch was analysed to its end, or broken off."""
        began_ns, self._audit_ns = self._audit_ns, None
        if began_ns is None:
            return
        moved = self._moved_ns >= began_ns - 2 * _NS
        announced = self._alarmed_since(began_ns - 5 * _NS)
        self.audits.take(missed=moved and not announced)
        self._choose(stream_ns)

    def faults(self) -> tuple[Fault, ...]:
        """Return the standing faults."""
        return self._faults.standing

    def report(self) -> dict[str, Json]:
        """Return what is learned, trusted and measured, as JSON values."""
        return describe(self)

    def _onset(self, stream_ns: int) -> None:
        """Take that movement begins after a rest; the signals are judged by it."""
        if self._is_new(stream_ns):
            return
        if self.sizes.warm:
            self.size_proof.onset(stream_ns, 2 * _NS)
        if self.looks.warm:
            self.look_proof.onset(stream_ns, self._look_wait_ns)

    def _is_new(self, stream_ns: int) -> bool:
        return self._began_ns is None or stream_ns - self._began_ns < _START_NS

    @property
    def _look_wait_ns(self) -> int:
        """How long it takes at most until the next look shows what is there."""
        return int(((self.rates.gop_s or 2.0) + 0.5) * _NS)

    def _alarmed_since(self, ns: int) -> bool:
        """Return whether a signal that is listened to has alarmed at or after `ns`."""
        if self._listen_to_sizes and self.size_proof.alarmed_since(ns):
            return True
        return not self.looks.margin.exhausted and self.look_proof.alarmed_since(ns)

    def _keyframe(self, size: int, stream_ns: int) -> None:
        if self._began_ns is None:
            self._began_ns = stream_ns
        self.sizes.keyframe()
        busy = self._busy_gop or stream_ns - self._moved_ns < _NS
        self._busy_gop = False
        if not self._awake:
            self._keys = (*self._keys[-2:], (stream_ns, self.spared))
            self.spared += 1
        rates = self.rates
        if rates.keyframe(size, stream_ns, busy=busy) and rates.kbit_s and rates.gop_s:
            self._faults.gop(
                rates.kbit_s, rates.gop_s, stream_ns, quiet=not busy, smart=rates.smart
            )
            if not busy and not self.size_proof.alarmed_since(stream_ns - 10 * _NS):
                self.sizes.calm()
            if not busy and not self.look_proof.alarmed_since(stream_ns - 10 * _NS):
                self.looks.margin.narrow()
        self._choose(stream_ns)

    def _choose(self, stream_ns: int) -> None:
        """Choose anew what is done asleep."""
        self._listen_to_sizes = not (self.sizes.margin.exhausted or self.size_proof.failed)
        if self.audits.too_many:
            if self._doubted_ns is None:
                self._doubted_ns = stream_ns
            elif stream_ns - self._doubted_ns > _FORGIVE_NS:
                self.audits.forgive()
                self._doubted_ns = None
        self._plan = choose_plan(
            gop_s=self.rates.longest_s(stream_ns), sizes=self.sizes, looks=self.looks,
            size_proof=self.size_proof, look_proof=self.look_proof, audits=self.audits,
            rate_control=self.rates.word,
        )  # fmt: skip

    def _wake(self, reason: WakeReason, stream_ns: int, from_ns: int) -> Wake:
        self.wakes[reason] += 1
        held = [spared for ns, spared in self._keys if ns <= from_ns] or [
            spared for _, spared in self._keys[:1]
        ]
        self.spared = held[-1] if held else self.spared  # the wake-up decodes what came since
        self.woken_by = reason
        self._woke_ns = stream_ns
        return Wake(reason, min(from_ns, stream_ns))

    def _turn(self, stream_ns: int, *, awake: bool) -> None:
        """The reader has woken up, or has fallen asleep with this packet."""
        self._awake = awake
        if awake:
            self.audits.asleep_ns += max(0, stream_ns - self._slept_ns)
            if self._woke_ns < self._slept_ns:  # woken by somebody else: a viewer, a command
                self._wake(WakeReason.FALLBACK, stream_ns, stream_ns)
            return
        self._slept_ns = stream_ns
        if self.size_proof.close():
            self.sizes.false_alarm()
        if self.look_proof.close():
            self.looks.false_alarm()
        self.sizes.settle()
        self._keys = ()
        self.audits.begin_sleep(stream_ns)
