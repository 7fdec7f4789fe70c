"""Counters and distributions of the running agent: the one implementation of `ports.Meter`."""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping

from edge_agent.health.histogram import bucket_of
from edge_agent.types import DropReason


class Meters:
    """Counts by (name, camera); camera None stands for the whole agent."""

    def __init__(self, latency_slo_s: Mapping[str, float] | None = None) -> None:
        """Args: `latency_slo_s` the durations `latency` of each camera that are soon enough."""
        self._slo_s = latency_slo_s or {}
        self._lock = threading.Lock()
        self._counts: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
        self._drops: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
        self._durations: defaultdict[tuple[str, str | None], Counter[int]] = defaultdict(Counter)
        self._total_s: defaultdict[tuple[str, str | None], float] = defaultdict(float)
        self._measured: Counter[str] = Counter()  # latencies of a camera with an SLO
        self._within: Counter[str] = Counter()  # those of them that kept it
        self._spent_ns: defaultdict[str | None, Counter[str]] = defaultdict(Counter)

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        with self._lock:
            self._counts[camera_id][name] += amount

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        with self._lock:
            self._drops[camera_id][reason.value] += amount

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        bucket, key = bucket_of(seconds), (name, camera_id)
        with self._lock:
            self._durations[key][bucket] += 1
            self._total_s[key] += seconds
            if name == "latency" and camera_id is not None and camera_id in self._slo_s:
                self._measured[camera_id] += 1
                self._within[camera_id] += seconds <= self._slo_s[camera_id]

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        with self._lock:
            self._spent_ns[None][stage] += cpu_ns
            if camera_id is not None:
                self._spent_ns[camera_id][stage] += cpu_ns

    def spent_s(self, camera_id: str | None) -> dict[str, float]:
        """Return the CPU seconds of each stage since the start, of a camera or of the agent."""
        with self._lock:
            return {name: ns / 1e9 for name, ns in self._spent_ns.get(camera_id, {}).items()}

    def total_s(self, name: str, camera_id: str | None = None) -> float:
        """Return the sum of a distribution's durations; over all cameras where it is None."""
        with self._lock:
            return sum(
                seconds
                for (other, camera), seconds in self._total_s.items()
                if other == name and camera_id in (None, camera)
            )

    def within_slo(self, camera_id: str) -> tuple[int, int]:
        """Return how many frames of a camera were analysed soon enough, and of how many."""
        with self._lock:
            return self._within[camera_id], self._measured[camera_id]

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
        self._samples: dict[str, list[tuple[int, float]]] = {}

    def sample(self, key: str, value: float, mono_ns: int) -> None:
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
