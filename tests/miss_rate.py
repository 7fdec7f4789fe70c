"""Holds the published miss share against the truth, over simulated nights and days.

    python -m tests.miss_rate --hours 8 --cameras 10

Each camera of numbers has walks that both signals show, and others that neither shows. What the
watch says it has slept through stands beside what it has. No test: it is chance that is measured.
"""

import argparse
import random
import sys
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from edge_agent.types import Json
from tests.wakeup_traces import Played, Scene, crf, new_watch, play

_WALK_EVERY_S, _WALK_S = 180.0, 8.0
_UNSEEN_S = 10.0
_FIRST_S = 120.0  # nobody comes before

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One camera: the share of moving time that was slept through, and what the watch says."""

    true: float
    report: dict[str, Json]

    @property
    def covered(self) -> bool:
        low, high = self.report["miss_share_interval"]
        return bool(low <= self.true <= high)


def one_camera(seed: int, unseen_every_s: float, seconds: float) -> Outcome:
    """Return what came of one camera that was watched for so long."""
    rng = random.Random(seed)
    busy = _walks(rng, _WALK_EVERY_S, _WALK_S, seconds)
    unseen = _walks(rng, unseen_every_s, _UNSEEN_S, seconds)
    watch = new_watch(seed=seed)
    played = play(watch, Scene(busy, crf, unseen=unseen), seconds)
    sleeps = _sleeps(played, seconds)
    # What the signals show is decoded from before it began, so only the unseen is slept through.
    slept_s = sum(_common_s(walk, sleeps) for walk in unseen)
    moving_s = sum(b - a for a, b in (*busy, *unseen))
    return Outcome(slept_s / moving_s, watch.report())


def _walks(rng: random.Random, every_s: float, long_s: float, until_s: float) -> list[Span]:
    found, at_s = [], _FIRST_S
    while (at_s := at_s + rng.expovariate(1 / every_s)) < until_s:
        found.append((at_s, at_s + long_s))
        at_s += long_s + 5
    return found


def _sleeps(played: Played, until_s: float) -> list[Span]:
    ends = [at for at, _ in played.wakes] + [until_s]
    return [(a, ends[bisect_right(ends, a)]) for a in played.sleeps]


def _common_s(walk: Span, sleeps: Sequence[Span]) -> float:
    index = max(0, bisect_right(sleeps, (walk[0], float("inf"))) - 1)
    return sum(
        max(0.0, min(walk[1], b) - max(walk[0], a)) for a, b in sleeps[index : index + 3]
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--cameras", type=int, default=10)
    options = parser.parse_args()
    write = sys.stdout.write
    write(
        "| unseen walks, one in | true share, mean | published, mean | intervals that hold it |\n"
    )
    write("|---|---|---|---|\n")
    for every_s in (600.0, 1800.0, 7200.0):
        seeds = range(options.cameras)
        outcomes = [one_camera(seed, every_s, options.hours * 3600) for seed in seeds]
        true, told = mean(o.true for o in outcomes), mean(o.report["miss_share"] for o in outcomes)
        held = sum(o.covered for o in outcomes)
        row = f"{true:.3f} | {told:.3f} | {held} of {len(outcomes)}"
        write(f"| {every_s / 60:.0f} min | {row} |\n")


if __name__ == "__main__":
    main()
