"""Counts of the packet loop, handed to the meter in bundles: it takes a lock at each call."""

import time

from edge_agent.ports import Meter
from edge_agent.types import DropReason

_EVERY_NS = 500_000_000
_COUNTERS = {
    "received": "frames_received",
    "bytes_received": "bytes_received",
    "decoded": "frames_decoded",
    "looked": "keyframes_looked",
    "slept": "falls_asleep",
    "offered": "frames_offered",
}


class Tally:
    """What happened since the last bundle. One thread's own."""

    def __init__(self, meter: Meter, camera_id: str) -> None:
        self._meter = meter
        self._camera_id = camera_id
        self._next_ns = 0
        self._spent_ns: dict[str, int] = {}
        self._marked_ns = 0
        self.received = 0
        self.bytes_received = 0
        self.decoded = 0
        self.looked = 0
        self.slept = 0  # how often the camera fell asleep
        self.offered = 0
        self.refused = 0
        self.received_ever = 0
        self.decoded_ever = 0  # looks included

    def begin(self) -> None:
        """Take that the calling thread's CPU time counts from here on."""
        self._marked_ns = time.thread_time_ns()

    def spend(self, stage: str) -> None:
        """Charge the thread's CPU time since the last mark to `stage`."""
        now_ns = time.thread_time_ns()
        self._spent_ns[stage] = self._spent_ns.get(stage, 0) + now_ns - self._marked_ns
        self._marked_ns = now_ns

    @property
    def saved_share(self) -> float | None:
        """The part of the pictures received so far that was never decoded; None before any."""
        if not self.received_ever:
            return None
        return max(0.0, 1 - self.decoded_ever / self.received_ever)

    def hand_over(self, mono_ns: int | None = None) -> bool:
        """Give the counts to the meter, if it is time (`mono_ns`) or at once (None); return if."""
        if mono_ns is not None:
            if mono_ns < self._next_ns:
                return False
            self._next_ns = mono_ns + _EVERY_NS
        self.received_ever += self.received
        self.decoded_ever += self.decoded + self.looked
        for field, name in _COUNTERS.items():
            amount = getattr(self, field)
            if amount:
                self._meter.count(name, amount, camera_id=self._camera_id)
                setattr(self, field, 0)
        if self.refused:
            self._meter.drop(DropReason.DECODE_FAILED, self.refused, camera_id=self._camera_id)
            self.refused = 0
        for stage, spent_ns in self._spent_ns.items():
            self._meter.spend(stage, spent_ns, camera_id=self._camera_id)
        self._spent_ns.clear()
        return True
