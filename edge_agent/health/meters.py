"""Counters and distributions of the running agent: the one implementation of `ports.Meter`."""

import threading
from collections import Counter

from edge_agent.health.histogram import bucket_of
from edge_agent.types import DropReason


class Meters:
    """Counts by (name, camera); camera None stands for the whole agent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str | None, Counter[str]] = {}
        self._drops: dict[str | None, Counter[str]] = {}
        self._durations: dict[tuple[str, str | None], Counter[int]] = {}
        self._spent_ns: dict[str | None, Counter[str]] = {}

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        with self._lock:
            self._counts.setdefault(camera_id, Counter())[name] += amount

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        with self._lock:
            self._drops.setdefault(camera_id, Counter())[reason.value] += amount

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        bucket = bucket_of(seconds)
        with self._lock:
            self._durations.setdefault((name, camera_id), Counter())[bucket] += 1

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        with self._lock:
            self._spent_ns.setdefault(camera_id, Counter())[stage] += cpu_ns

    def spent_s(self, camera_id: str | None) -> dict[str, float]:
        """Return the CPU seconds of each stage since the start, of a camera or of the agent."""
        with self._lock:
            return {name: ns / 1e9 for name, ns in self._spent_ns.get(camera_id, {}).items()}

    def counts(self, camera_id: str | None) -> dict[str, int]:
        """Return the counters of a camera, or of the whole agent."""
        with self._lock:
            return dict(self._counts.get(camera_id, {}))

    def drops(self, camera_id: str | None) -> dict[str, int]:
        """Return what was dropped, by reason."""
        with self._lock:
            return dict(self._drops.get(camera_id, {}))

    def buckets(self, name: str, camera_id: str | None = None) -> dict[int, int]:
        """Return the buckets of a distribution; over all cameras where `camera_id` is None."""
        with self._lock:
            if camera_id is not None:
                return dict(self._durations.get((name, camera_id), {}))
            total: Counter[int] = Counter()
            for (other, _), buckets in self._durations.items():
                if other == name:
                    total.update(buckets)
            return dict(total)


class Rates:
    """How often a counter moved over the last seconds; fed once a second by the agent."""

    def __init__(self, span_s: float = 10.0) -> None:
        self._span_ns = round(span_s * 1e9)
        self._samples: dict[str, list[tuple[int, int]]] = {}

    def sample(self, key: str, value: int, mono_ns: int) -> None:
        """Remember a counter's value at a moment."""
        samples = self._samples.setdefault(key, [])
        samples.append((mono_ns, value))
        while len(samples) > 2 and mono_ns - samples[1][0] >= self._span_ns:
            samples.pop(0)

    def per_second(self, key: str) -> float:
        """Return the mean rate over the samples held; 0 before there are two."""
        samples = self._samples.get(key, [])
        if len(samples) < 2 or samples[-1][0] == samples[0][0]:
            return 0.0
        (first_ns, first), (last_ns, last) = samples[0], samples[-1]
        return (last - first) / ((last_ns - first_ns) / 1e9)
