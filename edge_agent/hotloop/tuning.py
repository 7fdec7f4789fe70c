"""The measurement of a plan: rounds over the candidates within a time, then the choice."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

from edge_agent.clock import Clock
from edge_agent.detect.plan import Candidate, Measurement
from edge_agent.errors import ModelError
from edge_agent.hotloop.measure import Slice

_SLICE_S = 0.4
#: The first look at all candidates takes at most this part of the time; those not reached by
#: then were the least promising.
_FIRST_LOOK = 0.5
#: What the first look saw this far below the best is not looked at again.
_HOPELESS = 0.85
_LATE = 1.3
_LEAST_ROUNDS = 3


class Bench(Protocol):
    """What runs a candidate."""

    def prepare(self, candidate: Candidate) -> None:
        """Load and warm up. Raises: ModelError saying why it cannot run."""

    def run(self, candidate: Candidate, seconds: float) -> Slice:
        """Look at it for about `seconds`. Raises: ModelError."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What was measured, what could not run and why, and what time did not reach."""

    rows: list[Measurement]
    faults: dict[Candidate, str] = field(default_factory=dict)
    not_reached: list[Candidate] = field(default_factory=list)


def measure_grid(
    candidates: Sequence[Candidate],
    bench: Bench,
    *,
    clock: Clock,
    seconds: float,
    rounds: int,
    budget_ms: float,
    tell: Callable[[Candidate, Slice], None] = lambda candidate, seen: None,
) -> Grid:
    """Measure `candidates` for at most about `seconds`, the most promising first.

    One look at each within half of the time; three rounds over those near the best, taking
    turns so that other work on the box hits all of them; then what was not reached; then more
    rounds. Medians count. At least one candidate is always measured.
    Raises: ModelError where none can run.
    """
    measuring = _Measuring(bench, clock, seconds, tell)
    measuring.look_first(candidates, _FIRST_LOOK)
    near = measuring.near_the_best(budget_ms)
    for number in range(1, rounds):
        if number == _LEAST_ROUNDS:
            measuring.look_first(candidates, 1.0)
            near = measuring.near_the_best(budget_ms)
            if len(near) == 1:
                break
        measuring.look_again(near)
    seen, faults = measuring.seen, measuring.faults
    late = [c for c in candidates if c not in seen and c not in faults]
    return Grid([_median(candidate, looks) for candidate, looks in seen.items()], faults, late)


class _Measuring:
    """The looks so far."""

    def __init__(
        self, bench: Bench, clock: Clock, seconds: float, tell: Callable[[Candidate, Slice], None]
    ) -> None:
        self.seen: dict[Candidate, list[Slice]] = {}
        self.faults: dict[Candidate, str] = {}
        self._bench = bench
        self._clock = clock
        self._started_ns = clock.mono_ns()
        self._seconds = seconds
        self._tell = tell

    def look_first(self, candidates: Sequence[Candidate], part: float) -> None:
        """Look once at those not seen yet, until `part` of the time is spent.

        Raises: ModelError where none can run.
        """
        for candidate in candidates:
            if candidate in self.seen or candidate in self.faults:
                continue
            if self.seen and self._spent() >= part:
                return
            try:
                _require_promising(candidate, self.seen)
                self._bench.prepare(candidate)
                self._look(candidate)
            except ModelError as error:
                self.faults[candidate] = str(error)
        if not self.seen:
            reasons = dict.fromkeys(self.faults.values())
            raise ModelError("\n".join(reasons) or "no plan to measure")

    def look_again(self, candidates: Sequence[Candidate]) -> None:
        """Look at each of `candidates` once more, until the time is spent.

        One that fails now is left out, unless it was the last: ModelError.
        """
        for candidate in candidates:
            if candidate not in self.seen or self._spent() >= 1:
                continue
            try:
                self._look(candidate)
            except ModelError as error:
                del self.seen[candidate]
                self.faults[candidate] = str(error)
                if not self.seen:
                    raise

    def near_the_best(self, budget_ms: float) -> list[Candidate]:
        """Return the candidates that another look may still put first."""
        rows = [_median(candidate, looks) for candidate, looks in self.seen.items()]
        in_time = [row for row in rows if row.latency_ms <= budget_ms * _LATE]
        if not in_time:
            quickest = min(row.latency_ms for row in rows)
            return [row.candidate for row in rows if row.latency_ms * _HOPELESS <= quickest]
        best = max(row.images_s for row in in_time)
        return [row.candidate for row in in_time if row.images_s >= best * _HOPELESS]

    def _look(self, candidate: Candidate) -> None:
        seen = self._bench.run(candidate, _SLICE_S)
        self.seen.setdefault(candidate, []).append(seen)
        self._tell(candidate, seen)

    def _spent(self) -> float:
        return (self._clock.mono_ns() - self._started_ns) / 1e9 / self._seconds


def _require_promising(candidate: Candidate, seen: dict[Candidate, list[Slice]]) -> None:
    """Raise ModelError where a smaller batch has already lost against a still smaller one."""
    rates = {
        other.batch: looks[0].images_s
        for other, looks in seen.items()
        if replace(other, batch=candidate.batch) == candidate and other.batch < candidate.batch
    }
    for small, large in pairwise(sorted(rates)):
        if rates[large] <= rates[small]:
            raise ModelError(f"batch {large} was no faster than batch {small}")


def _median(candidate: Candidate, looks: list[Slice]) -> Measurement:
    return Measurement(
        candidate,
        statistics.median(look.images_s for look in looks),
        statistics.median(look.latency_ms for look in looks),
        len(looks),
    )
