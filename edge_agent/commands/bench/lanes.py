"""`edge-agent bench lanes`: the lanes' throughput over the best that ONNX Runtime alone gives.

Both take decoded pictures from memory, without cameras, on all cores. The bare side is the
fastest of several plans: threads that scale a picture into the input and call one session. What
the lanes do beyond it: slots, reading the output, suppression, tracker, rules, events. The two
are measured by turns, so that both see the same machine.
"""

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.bench.bed import SceneKind, make_clips, staged_manifest
from edge_agent.commands.bench.memory import BareLanes, FullLanes, Reel, read_reels
from edge_agent.commands.bench.options import Model, Size, clip_seconds, size_of
from edge_agent.commands.bench.tell import Teller
from edge_agent.settings import Plan
from edge_agent.stage.feed_clips import FeedRecipe
from edge_agent.types import Json, Wh

_PICTURES = 12  # of each scene
_FIRST_LOOK_S = 1.0


def command(
    rounds: Annotated[int, typer.Option(min=1, help="The ratio is their median.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.5, help="Of each side of a round.")] = 4.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="The lanes alone, three rounds of two seconds.")
    ] = False,
    size: Size = "1080p",
    model: Model = None,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write all figures to a file; - prints them.")
    ] = None,
) -> None:
    """Measure images a second of the lanes against bare ONNX Runtime, both from memory."""
    tell = Teller()
    reels = busy_reels(size_of(size), tell)
    report = (
        measure_quick(model, reels) if quick else measure_lanes(model, reels, rounds, seconds, tell)
    )
    text = json.dumps(report, indent=1)
    if json_file == "-":
        print(text)
        return
    if json_file is not None:
        Path(json_file).write_text(text + "\n")
    for line in lanes_lines(report):
        print(line)


def lanes_lines(report: dict[str, Json]) -> list[str]:
    """Return the figures in words."""
    lines = [f"lanes: {report['lanes_images_s']:.1f} images a second ({report['plan']})"]
    if "ratio" in report:
        plans = ", ".join(f"{plan} {rate:.1f}" for plan, rate in report["bare_plans"].items())
        lines += [
            f"bare ONNX Runtime: {report['bare_images_s']:.1f}, the best of {plans}",
            f"lanes over bare: {report['ratio']:.3f}; by CPU time used {report['cpu_ratio']:.3f}, "
            "which holds also where the machine does other work",
        ]
    return lines


def measure_quick(manifest: Path | None, reels: Sequence[Reel]) -> dict[str, Json]:
    """Return the throughput of the lanes alone, on the cores that this process may use."""
    plan = Plan(lanes=len(os.sched_getaffinity(0)))
    with staged_manifest(manifest) as place:
        lanes = FullLanes(place, plan, reels)
        rates = [lanes.measure(2.0) for _ in range(3)]
    return {
        "lanes_images_s": statistics.median(rate.images_s for rate in rates),
        "lanes_images_cpu_s": statistics.median(rate.images_cpu_s for rate in rates),
        "plan": _words(plan),
    }


def inference_ms(manifest: Path | None, tell: Teller) -> float:
    """Return the CPU milliseconds of scaling a 1080p picture and one inference, on one thread."""
    with staged_manifest(manifest) as place:
        lane = BareLanes(place, Plan(lanes=1), busy_reels(size_of("1080p"), tell))
        rates = [lane.measure(1.0).images_cpu_s for _ in range(3)]
    return 1e3 / statistics.median(rates)


def measure_lanes(
    manifest: Path | None,
    reels: Sequence[Reel],
    rounds: int,
    seconds: float,
    tell: Teller,
) -> dict[str, Json]:
    """Return the lanes' and the bare throughput, and the median of the rounds' ratios."""
    with staged_manifest(manifest) as place:
        bare = {plan: BareLanes(place, plan, reels) for plan in _plans()}
        first = {plan: side.measure(_FIRST_LOOK_S).images_s for plan, side in bare.items()}
        best = max(first, key=lambda plan: first[plan])
        tell.line(f"best bare plan: {_words(best)}")
        lanes = FullLanes(place, best, reels)
        lanes.measure(_FIRST_LOOK_S)
        pairs = []
        for number in range(1, rounds + 1):
            pairs.append((lanes.measure(seconds), bare[best].measure(seconds)))
            mine, theirs = pairs[-1]
            tell.line(f"round {number}: lanes {mine.images_s:.1f}, bare {theirs.images_s:.1f}")
    return {
        "plan": _words(best),
        "lanes_images_s": statistics.median(mine.images_s for mine, _ in pairs),
        "bare_images_s": statistics.median(theirs.images_s for _, theirs in pairs),
        "bare_plans": {_words(plan): rate for plan, rate in first.items()},
        "ratio": statistics.median(mine.images_s / theirs.images_s for mine, theirs in pairs),
        "cpu_ratio": statistics.median(
            mine.images_cpu_s / theirs.images_cpu_s for mine, theirs in pairs
        ),
        "rounds": [[asdict(mine), asdict(theirs)] for mine, theirs in pairs],
    }


def _plans() -> list[Plan]:
    """Return the bare plans to try: a lane a core, one lane of all cores, and one in between."""
    cores = len(os.sched_getaffinity(0))
    shapes = {(cores, 1), (1, cores), (max(1, cores // 2), 2), (1, 1)}
    return [
        Plan(lanes=lanes, threads=threads)
        for lanes, threads in sorted(shapes)
        if lanes * threads <= cores
    ]


def busy_reels(wh: Wh, tell: Teller) -> list[Reel]:
    """Return decoded pictures of the busy scene's clips."""
    recipe = FeedRecipe(wh=wh, seconds=clip_seconds(25, 50))
    return read_reels(make_clips(SceneKind.BUSY, recipe, tell).values(), _PICTURES)


def _words(plan: Plan) -> str:
    return f"{plan.lanes} lanes × {plan.threads} threads × batch {plan.batch}"
