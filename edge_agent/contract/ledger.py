"""What a receiver got, checked by (agent_id, stream_id, seq): the proof of completeness."""

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from edge_agent.contract.models import (
    AgentStateMessage,
    CameraStateMessage,
    GapMessage,
    LostBeforeCommitEvent,
)
from edge_agent.contract.parse import AnyMessage
from edge_agent.types import Json

_SKEW_SAMPLES = 10_000


class SeqRanges:
    """A set of whole numbers, kept as sorted ranges that neither touch nor overlap."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, seq: int) -> bool:
        i = bisect_right(self._firsts, seq) - 1
        return i >= 0 and seq <= self._lasts[i]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """Count the numbers, not the ranges."""
        return sum(last - first + 1 for first, last in self)

    def add(self, first: int, last: int) -> None:
        """Add `first` to `last`, both included."""
        i = bisect_right(self._firsts, first)
        if i and self._lasts[i - 1] >= first - 1:
            i -= 1
            first = self._firsts[i]
        j = i
        while j < len(self._firsts) and self._firsts[j] <= last + 1:
            last = max(last, self._lasts[j])
            j += 1
        self._firsts[i:j] = [first]
        self._lasts[i:j] = [last]

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the ranges of `first`..`last` that are not in the set."""
        holes, at = [], first
        for start, end in self:
            if end < at:
                continue
            if start > last:
                break
            if start > at:
                holes.append((at, start - 1))
            at = end + 1
        if at <= last:
            holes.append((at, last))
        return holes


class SkewSamples:
    """Receive time minus `wall_ns`: all of the first samples, then a fair choice of them."""

    def __init__(self) -> None:
        self._chosen: list[int] = []
        self._seen = 0
        self._random = random.Random(0)
        self.min_ns = self.max_ns = 0

    def add(self, skew_ns: int) -> None:
        """Take one sample. Source: Vitter, Random sampling with a reservoir, 1985 (R)."""
        self.min_ns = skew_ns if not self._seen else min(self.min_ns, skew_ns)
        self.max_ns = skew_ns if not self._seen else max(self.max_ns, skew_ns)
        self._seen += 1
        if len(self._chosen) < _SKEW_SAMPLES:
            self._chosen.append(skew_ns)
        elif (place := self._random.randrange(self._seen)) < _SKEW_SAMPLES:
            self._chosen[place] = skew_ns

    def report(self) -> dict[str, Json]:
        """Return seconds: min, median, max, and how many samples there were."""
        middle = sorted(self._chosen)[len(self._chosen) // 2]
        return {
            "min_s": self.min_ns / 1e9,
            "median_s": middle / 1e9,
            "max_s": self.max_ns / 1e9,
            "samples": self._seen,
        }


@dataclass(slots=True)
class _Stream:
    received: SeqRanges = field(default_factory=SeqRanges)
    announced: SeqRanges = field(default_factory=SeqRanges)
    kinds: Counter[str] = field(default_factory=Counter)
    boots: set[str] = field(default_factory=set)
    highest: int = 0
    duplicates: int = 0
    late: int = 0
    lost_before_commit: int = 0
    told_first: int | None = None
    told_last: int | None = None
    skew: dict[str, SkewSamples] = field(default_factory=dict)


class Ledger:
    """Takes every message of `events`, `gaps` and `state`; says what is missing.

    Expected are all `seq` between the lowest and the highest that came; with `from_start`
    all from 1 on. A number that came although a gap announced it counts as received.
    """

    def __init__(self, *, from_start: bool = False) -> None:
        self._from_start = from_start
        self._streams: dict[tuple[str, str], _Stream] = {}

    def add(self, message: AnyMessage, *, received_wall_ns: int) -> bool:
        """Book `message`; return whether it is new (False: a duplicate)."""
        if isinstance(message, CameraStateMessage):
            return True
        stream = self._streams.setdefault((message.agent_id, message.stream_id), _Stream())
        if isinstance(message, AgentStateMessage):
            if message.last_seq is not None:
                stream.told_first, stream.told_last = message.first_seq, message.last_seq
            return True
        stream.boots.add(message.boot_id)
        if message.seq in stream.received:
            stream.duplicates += 1
            return False
        stream.late += message.seq < stream.highest
        stream.highest = max(stream.highest, message.seq)
        stream.received.add(message.seq, message.seq)
        stream.kinds[message.kind] += 1
        stream.skew.setdefault(message.clock_source, SkewSamples()).add(
            received_wall_ns - message.wall_ns
        )
        if isinstance(message, GapMessage):
            for gap in message.data.ranges:
                stream.announced.add(gap.first_seq, gap.last_seq)
        elif isinstance(message, LostBeforeCommitEvent):
            stream.lost_before_commit += message.data.count
        return True

    @property
    def complete(self) -> bool:
        """Whether nothing is missing that no gap announced."""
        return not any(self._missing(stream)[1] for stream in self._streams.values())

    def _missing(self, stream: _Stream) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the missing ranges that were announced, and those that were not."""
        if not stream.highest:
            return [], []
        first = 1 if self._from_start else next(iter(stream.received))[0]
        announced, unannounced = [], []
        for hole_first, hole_last in stream.received.missing(first, stream.highest):
            silent = stream.announced.missing(hole_first, hole_last)
            unannounced += silent
            told = SeqRanges()
            for silent_first, silent_last in silent:
                told.add(silent_first, silent_last)
            announced += told.missing(hole_first, hole_last)
        return announced, unannounced

    def report(self) -> dict[str, Json]:
        """Return the findings, JSON values; `complete` is the verdict."""
        return {
            "complete": self.complete,
            "streams": [
                self._stream_report(agent_id, stream_id, stream)
                for (agent_id, stream_id), stream in sorted(self._streams.items())
            ],
        }

    def _stream_report(self, agent_id: str, stream_id: str, stream: _Stream) -> dict[str, Json]:
        announced, unannounced = self._missing(stream)
        awaited = 0
        if stream.told_last is not None and stream.highest:
            awaited = max(0, stream.told_last - stream.highest)
        return {
            "agent_id": agent_id,
            "stream_id": stream_id,
            "first_seq": next(iter(stream.received))[0] if stream.highest else None,
            "last_seq": stream.highest or None,
            "told_first_seq": stream.told_first,
            "told_last_seq": stream.told_last,
            "received": len(stream.received),
            "awaited": awaited,
            "missing_announced": announced,
            "missing_unannounced": unannounced,
            "duplicates": stream.duplicates,
            "out_of_order": stream.late,
            "lost_before_commit": stream.lost_before_commit,
            "boots": len(stream.boots),
            "kinds": dict(sorted(stream.kinds.items())),
            "clock_skew": {source: skew.report() for source, skew in sorted(stream.skew.items())},
        }
