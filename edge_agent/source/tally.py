"""Counts of the packet loop, handed to the meter in bundles: it takes a lock at each call."""

from edge_agent.ports import Meter
from edge_agent.types import DropReason

_EVERY_NS = 500_000_000


class Tally:
    """What happened since the last bundle."""

    def __init__(self, meter: Meter, camera_id: str) -> None:
        self._meter = meter
        self._camera_id = camera_id
        self._next_ns = 0
        self.received = 0
        self.bytes_received = 0
        self.decoded = 0
        self.offered = 0
        self.refused = 0

    def hand_over(self, mono_ns: int | None = None) -> None:
        """Give the counts to the meter, if it is time (`mono_ns`) or at once (None)."""
        if mono_ns is not None:
            if mono_ns < self._next_ns:
                return
            self._next_ns = mono_ns + _EVERY_NS
        for name, amount in (
            ("frames_received", self.received),
            ("bytes_received", self.bytes_received),
            ("frames_decoded", self.decoded),
            ("frames_offered", self.offered),
        ):
            if amount:
                self._meter.count(name, amount, camera_id=self._camera_id)
        if self.refused:
            self._meter.drop(DropReason.DECODE_FAILED, self.refused, camera_id=self._camera_id)
        self.received = self.bytes_received = self.decoded = self.offered = self.refused = 0
