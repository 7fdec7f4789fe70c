"""The table of `bench-wakeup`: one line a cell and round, sums by rate control."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.types import Json

HEAD = (
    "| cell | round | tracks | begun asleep | delay s, p50 / p95 / max | woken, falsely | asleep "
    "| saved | CPU | audits: missed, share (95 %), true | what the watch says |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|"
)
#: What is asked of the found share of tracks, and of the delay of the first event.
MUST_FIND = {"crf": 0.99, "abr": 0.95, "cbr": 0.95}
MUST_DELAY_S = 0.3


@dataclass(frozen=True, slots=True)
class Line:
    """One pass over a cell."""

    cell: str
    rate: str  # crf, abr or cbr
    round: int  # 1: the watch knew nothing before; 2: it had seen the clip once
    tracks: int
    found: int
    begun_asleep: int
    found_asleep: int
    delays_s: tuple[float, ...]
    wakes: int  # audits left out
    false_wakes: int
    asleep_share: float
    saved_share: float  # of the packets, never decoded
    cpu_ratio: float  # on demand over always, inference included
    audits: int
    misses: int
    miss_share: tuple[float, float, float] | None  # measured by the watch: share, interval
    true_miss_share: float  # of the frames with movement, never analysed
    says: str

    def row(self) -> str:
        """Return the line in Markdown."""
        delays = "–" if not self.delays_s else _quantiles(self.delays_s)
        measured = "–"
        if self.miss_share is not None:
            share, low, high = self.miss_share
            measured = f"{share:.2f} ({low:.2f}–{high:.2f})"
        return (
            f"| {self.cell} | {self.round} | {self.found}/{self.tracks} "
            f"| {self.found_asleep}/{self.begun_asleep} | {delays} "
            f"| {self.wakes}, {self.false_wakes} | {self.asleep_share:.0%} "
            f"| {self.saved_share:.0%} | {self.cpu_ratio:.2f} "
            f"| {self.audits}: {self.misses}, {measured}, {self.true_miss_share:.2f} "
            f"| {self.says} |"
        )


def _quantiles(delays_s: Sequence[float]) -> str:
    middle, high = np.quantile(delays_s, [0.5, 0.95])
    return f"{middle:.1f} / {high:.1f} / {max(delays_s):.1f}"


def table(lines: Sequence[Line]) -> str:
    """Return all lines as a Markdown table."""
    return "\n".join([HEAD, *(line.row() for line in lines)])


def sums(lines: Sequence[Line]) -> list[dict[str, Json]]:
    """Return what the lines of each rate control and round come to."""
    found: list[dict[str, Json]] = []
    for rate in ("crf", "abr", "cbr"):
        for number in sorted({line.round for line in lines}):
            some = [line for line in lines if (line.rate, line.round) == (rate, number)]
            if some:
                found.append({"rate": rate, "round": number, **_sum(some)})
    return found


def _sum(lines: Sequence[Line]) -> dict[str, Json]:
    tracks, wakes = sum(line.tracks for line in lines), sum(line.wakes for line in lines)
    delays = [delay for line in lines for delay in line.delays_s]
    return {
        "cells": len(lines),
        "tracks": tracks,
        "found_share": sum(line.found for line in lines) / tracks if tracks else None,
        "begun_asleep": sum(line.begun_asleep for line in lines),
        "found_asleep": sum(line.found_asleep for line in lines),
        "delay_max_s": max(delays, default=0.0),
        "delays_over": sum(delay > MUST_DELAY_S + 0.01 for delay in delays),
        "false_wake_share": sum(line.false_wakes for line in lines) / wakes if wakes else 0.0,
        "saved_share": float(np.mean([line.saved_share for line in lines])),
    }


def sum_table(lines: Sequence[Line]) -> str:
    """Return the sums as a Markdown table."""
    rows = [
        "| rate control | round | cells | tracks found | must | begun asleep, found | "
        "later than 0.3 s | worst, s | false wake-ups | decode saved |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    ]
    for each in sums(lines):
        share = "–" if each["found_share"] is None else f"{each['found_share']:.3f}"
        rows.append(
            f"| {each['rate'].upper()} | {each['round']} | {each['cells']} | {share} of "
            f"{each['tracks']} | {MUST_FIND[each['rate']]} | {each['found_asleep']}/"
            f"{each['begun_asleep']} | {each['delays_over']} | {each['delay_max_s']:.1f} | "
            f"{each['false_wake_share']:.0%} | {each['saved_share']:.0%} |"
        )
    return "\n".join(rows)
