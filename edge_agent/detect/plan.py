"""Which plans are worth measuring, and which of the measured ones to take: pure functions.

A plan is lanes × threads × batch on an execution provider. What is fastest is a property of
the device and the model, so it is measured (`hotloop/tuning.py`) and decided here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.settings import PlanSettings

#: A plan must be faster than a simpler one by more than this part, or the simpler one is taken:
#: less than that is noise, and the simpler plan leaves memory and cores to others.
MARGIN = 0.03

#: Providers that run on the box's cores; the others feed a device, which gains by batches.
CPU_PROVIDERS = ("cpu", "openvino", "xnnpack")
_CPU_BATCHES = (1, 4, 8)
_DEVICE_BATCHES = (1, 8, 4, 16, 2, 32)
_DEVICE_LANES = (2, 1, 3)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan on a provider."""

    provider: str
    lanes: int
    threads: int
    batch: int

    def __str__(self) -> str:
        return f"{self.lanes} × {self.threads} × {self.batch} on {self.provider}"

    @property
    def weight(self) -> tuple[int, ...]:
        """What a tie is decided by: cores kept busy, pictures held in memory, threads."""
        held = self.lanes * self.batch
        return (self.lanes * self.threads, held, self.threads, self.batch)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a candidate did; medians over its rounds."""

    candidate: Candidate
    images_s: float  # pictures a second, all lanes together
    latency_ms: float  # of one inference while all lanes work, from pictures to boxes
    rounds: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The measurement that was taken, and why in words."""

    best: Measurement
    why: str


def list_candidates(
    cores: int, providers: Sequence[str], wish: PlanSettings, *, batches: bool
) -> list[Candidate]:
    """Return the plans to measure, the most promising of every provider first.

    Args: `cores` that the process may use; `providers` that are worth a try, in order; `wish`
    numbers that are not None stand fast; `batches` whether the model may be batched at all
    (a wished batch is taken as it is).
    """
    columns = [
        _on_cores(word, cores, wish, batches=batches)
        if word in CPU_PROVIDERS
        else _on_device(word, wish, batches=batches)
        for word in providers
    ]
    longest = max(map(len, columns), default=0)
    return [column[i] for i in range(longest) for column in columns if i < len(column)]


def _on_cores(word: str, cores: int, wish: PlanSettings, *, batches: bool) -> list[Candidate]:
    """Every core busy first: one thread a lane, one lane of all threads, and between."""
    threads = [wish.threads] if wish.threads else _halvings(cores)
    shapes = []
    for count in (threads[0], *threads[:0:-1]):
        shapes += [(lanes, count) for lanes in _lanes_beside(cores // count, wish)[:1]]
    for count in threads:
        shapes += [(lanes, count) for lanes in _lanes_beside(cores // count, wish)[1:]]
    first_batch, *more = [wish.batch] if wish.batch else _CPU_BATCHES if batches else (1,)
    found = [Candidate(word, lanes, count, first_batch) for lanes, count in shapes]
    found += [Candidate(word, *shapes[0], batch) for batch in more]
    if len(threads) > 1:
        whole = (wish.lanes or 1, max(threads))
        found += [Candidate(word, *whole, batch) for batch in more]
    return list(dict.fromkeys(found))


def _halvings(cores: int) -> list[int]:
    """Return 1, 2, 4, … and all `cores`, rising."""
    powers = [1 << n for n in range(cores.bit_length()) if 1 << n < cores]
    return [*powers, cores]


def _lanes_beside(full: int, wish: PlanSettings) -> list[int]:
    """Return how many lanes to try where `full` of them fill the cores."""
    if wish.lanes:
        return [wish.lanes]
    full = min(max(1, full), 16)
    return [n for n in dict.fromkeys((full, full - 1, min(full + 1, 16))) if n > 0]


def _on_device(word: str, wish: PlanSettings, *, batches: bool) -> list[Candidate]:
    lanes = [wish.lanes] if wish.lanes else _DEVICE_LANES
    sizes = [wish.batch] if wish.batch else _DEVICE_BATCHES if batches else (1,)
    pairs = [(count, size) for size in sizes for count in lanes]
    pairs.sort(key=lambda pair: lanes.index(pair[0]) + sizes.index(pair[1]))
    return [Candidate(word, count, wish.threads or 1, size) for count, size in pairs]


def choose_plan(rows: Iterable[Measurement], budget_ms: float) -> Choice:
    """Return the fastest plan whose inference takes at most `budget_ms`.

    Of plans within `MARGIN` of it the lightest is taken: fewer cores, then fewer pictures in
    memory. Where none keeps the budget, the one of the shortest inference. The result does not
    depend on the order of `rows`.
    Raises: ValueError where `rows` is empty.
    """
    measured = sorted(rows, key=lambda row: (row.candidate.weight, str(row.candidate)))
    if not measured:
        raise ValueError("choose_plan: nothing was measured")
    within = [row for row in measured if row.latency_ms <= budget_ms]
    if not within:
        best = min(measured, key=lambda row: row.latency_ms)
        return Choice(best, f"none keeps {budget_ms:g} ms; the quickest inference is taken")
    fastest = max(row.images_s for row in within)
    best = next(row for row in within if row.images_s * (1 + MARGIN) >= fastest)
    return Choice(best, _reason(best, within, measured, budget_ms))


def _reason(
    best: Measurement, within: list[Measurement], measured: list[Measurement], budget_ms: float
) -> str:
    others = [row for row in within if row is not best]
    words = []
    if others:
        rival = max(others, key=lambda row: row.images_s)
        lighter = " but not by 3 %" if rival.images_s > best.images_s else ""
        words.append(f"next {rival.candidate}: {rival.images_s:.1f} images/s{lighter}")
    else:
        words.append("the only plan")
    late = len(measured) - len(within)
    words.append(f"{late} of {len(measured)} over {budget_ms:g} ms" if late else "")
    return "; ".join(filter(None, words))


def describe_choice(choice: Choice) -> str:
    """Return the one line that says what was taken and why, with the figures."""
    best = choice.best
    return (
        f"{best.candidate} (lanes × threads × batch): {best.images_s:.1f} images/s, "
        f"{best.latency_ms:.0f} ms an inference; {choice.why}"
    )
