"""`edge-agent bench table`: the figures that this project promises, all in one go.

A figure that fails is told and does not keep the others from being measured. The recall of
decode on demand is measured elsewhere, by `make bench-wakeup`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.bench.bed import Load, SceneKind
from edge_agent.commands.bench.capacity import Asked, describe_machine, measure_capacity
from edge_agent.commands.bench.growth import (
    growth_of,
    measure_growth,
    memory_a_stream,
    streams_a_core,
)
from edge_agent.commands.bench.lanes import busy_reels, inference_ms, measure_lanes
from edge_agent.commands.bench.latency import measure_latency
from edge_agent.commands.bench.options import Model, clip_seconds
from edge_agent.commands.bench.overhead import Asked as OverheadAsked
from edge_agent.commands.bench.overhead import measure_overhead
from edge_agent.commands.bench.quiet import Shape, measure_quiet
from edge_agent.commands.bench.report import overhead
from edge_agent.commands.bench.tell import Teller
from edge_agent.commands.bench.tracker import step_ms
from edge_agent.errors import AgentError
from edge_agent.stage.feed_clips import FeedRecipe, RateControl


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise: what was measured against what it must be."""

    name: str
    value: float | None  # None: not measured, `words` say why
    must: float | None = None  # None: only reported
    at_least: bool = False  # else at most
    words: str = ""

    def line(self) -> str:
        """Return the figure in one line of a Markdown table."""
        value = "not measured" if self.value is None else f"{self.value:.3g}"
        bound = "" if self.must is None else f"{'≥' if self.at_least else '≤'} {self.must:g}"
        return f"| {self.name} | {value} | {bound} | {self.verdict()} | {self.words} |"

    def verdict(self) -> str:
        """Return yes, NO, or nothing where there is no promise or no figure."""
        if self.value is None or self.must is None:
            return ""
        held = self.value >= self.must if self.at_least else self.value <= self.must
        return "yes" if held else "NO"


@dataclass(frozen=True, slots=True)
class Budget:
    """How long each part takes."""

    rounds: int
    seconds: float
    learn_s: float  # before quiet cameras are measured
    counts: tuple[int, ...]

    @classmethod
    def of(cls, *, quick: bool) -> "Budget":
        return cls(1, 10.0, 30.0, (4, 8)) if quick else cls(5, 20.0, 40.0, (4, 16, 32, 64))


def command(
    quick: Annotated[
        bool, typer.Option("--quick", help="One short round of each: a look, no figures.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only these parts, such as overhead or growth.")
    ] = None,
    model: Model = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures.")] = None,
) -> None:
    """Measure every promised figure, in about 35 minutes, and print them as a table."""
    tell, budget = Teller(), Budget.of(quick=quick)
    if unknown := set(only or ()) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: not of {', '.join(PARTS)}")
    figures: list[Figure] = []
    for name in only or PARTS:
        tell.line(f"--- {name}")
        try:
            figures += PARTS[name](budget, model, tell)
        except AgentError as error:
            figures.append(Figure(name, None, words=str(error)))
    print(f"machine: {describe_machine(1)['words']}")
    print(f"one picture, scaled and inferred, takes {inference_ms(model, tell):.1f} ms of CPU\n")
    print("| figure | here | must | held | setting |\n|---|---|---|---|---|")
    for figure in figures:
        print(figure.line())
    if json_file is not None:
        rows = [{**asdict(figure), "held": figure.verdict()} for figure in figures]
        json_file.write_text(json.dumps(rows, indent=1) + "\n")


def _tracker(budget: Budget, model: Path | None, tell: Teller) -> Iterator[Figure]:
    for objects, must in ((10, 0.15), (50, 0.3)):
        name = f"tracker, ms a step at {objects} objects"
        yield Figure(name, step_ms(objects, 500), must, words="alone, CPU time, median of 5")


def _lanes(budget: Budget, model: Path | None, tell: Teller) -> Iterator[Figure]:
    reels = busy_reels((1920, 1080), tell)
    report = measure_lanes(model, reels, budget.rounds, 4.0, tell)
    words = (
        f"{report['lanes_images_s']:.1f} over {report['bare_images_s']:.1f} images a second, "
        f"{report['plan']}"
    )
    yield Figure("lanes over the best bare plan", report["ratio"], 0.95, True, words)
    yield Figure("the same by CPU time used", report["cpu_ratio"], 0.95, True)


def _overhead(budget: Budget, model: Path | None, tell: Teller) -> Iterator[Figure]:
    for b_frames, must, trimmed in ((0, 1.10, False), (0, None, True), (2, None, False)):
        load = Load(4, recipe=FeedRecipe(b_frames=b_frames))
        asked = OverheadAsked(None, budget.rounds, budget.seconds, 5.0, trimmed)
        rounds, setting = measure_overhead(load, asked, model, tell)
        equal = sum(measured.equal_work for measured in rounds)
        words = (
            f"4 busy streams, {setting['fps']:g} analysed a second, {equal} of {len(rounds)} "
            "rounds of equal work"
        )
        name = "overhead" + (f", {b_frames} B-frames" if b_frames else "")
        name += ", the bare program without padding too" if trimmed else ""
        yield Figure(name, overhead(rounds) if equal else None, must, words=words)


def _latency(budget: Budget, model: Path | None, tell: Teller) -> Iterator[Figure]:
    for b_frames in (0, 2):
        report = measure_latency(4, b_frames, 3 * budget.seconds, 10.0, model, tell)
        found, b_words = report["figures"]["latency_s"]["event"], " with B-frames" * bool(b_frames)
        held, reorder_ms = report["figures"]["sustained"]["held"], b_frames * 40.0
        for quantile, must in (("p50", 35.0), ("p99", 100.0)):
            value = found[quantile] * 1e3 if found["n"] and held else None
            words = f"{found['n']} events, {report['load']['target_fps']:.2f} analysed a second"
            words += "" if held else ", not sustained"
            name = f"event latency {quantile}{b_words}, ms"
            yield Figure(name, value, must + reorder_ms, words=words)
        yield Figure("tracker in the running agent, ms an image",
                     report["figures"]["track_ms_an_image"], 0.4)  # fmt: skip


def _quiet(budget: Budget, model: Path | None, tell: Teller) -> Iterator[Figure]:
    shape = Shape(seconds=budget.seconds, warmup_asleep=budget.learn_s)
    for gop, rate, must in ((50, RateControl.CRF, 0.07), (25, RateControl.CRF, 0.11),
                            (50, RateControl.CBR, 0.2)):  # fmt: skip
        recipe = FeedRecipe(gop=gop, rate=rate, seconds=clip_seconds(25, gop))
        load = Load(shape.asleep, SceneKind.QUIET, recipe, "on_demand")
        report = measure_quiet(load, shape, model, tell)
        words = f"{report['on_demand_ms']:.2f} over {report['always_ms']:.2f} ms a second"
        name = f"quiet stream, on_demand over always, GOP {gop}, {rate.value}"
        yield Figure(name, report["ratio"], must, words=words)


def _growth(budget: Budget, model: Path | None, tell: Teller) -> Iterator[Figure]:
    load = Load(budget.counts[-1], SceneKind.QUIET, decode="on_demand")
    points = measure_growth(load, budget.counts, budget.seconds, budget.learn_s, model, tell)
    last = points[-1]
    words = f"run at {last.streams}, GOP 50, on_demand"
    yield Figure("quiet streams a core", streams_a_core(last), 256, True, words)
    yield Figure("growth of CPU, late over early streams", growth_of(points), 1.10)
    yield Figure("memory a sleeping stream, MB", memory_a_stream(points), 9)
    for point in points:
        if point.streams == 32:
            yield Figure("memory of 32 quiet streams, MB", point.rss_mb, 220 + 9 * 32)


def _peers(budget: Budget, model: Path | None, tell: Teller) -> Iterator[Figure]:
    musts = {(SceneKind.QUIET, "cv2"): 1 / 15, (SceneKind.BUSY, "cv2"): 1 / 1.1,
             (SceneKind.BUSY, "mesopic"): 1 / 4.5}  # fmt: skip
    for scene, decode, streams in (
        (SceneKind.BUSY, "always", 4),
        (SceneKind.QUIET, "on_demand", 32),
    ):
        load = Load(streams, scene, decode=decode)
        asked = Asked(
            load=load, manifest=model, seconds=budget.seconds, peers=True, peer_cameras=4,
            all_cores=True,
            warmup=budget.learn_s if scene is SceneKind.QUIET else 8.0,
        )  # fmt: skip
        report = measure_capacity(asked, tell)
        held = report["figures"]["sustained"]["held"]
        for peer in report["peers"]:
            name = f"agent over {peer['name']}, CPU, {scene.value}"
            must, ratio = musts.get((scene, peer["name"])), peer.get("agent_over_peer")
            words = peer.get("why") or (
                f"GOP 50; agent {streams} streams, peer 4 at {peer['cpu_ms']:.0f} ms a second each"
            )
            valid = held and peer.get("asked_reached", False)
            words += "" if valid or ratio is None else "; one of the two fell behind: no figure"
            yield Figure(name, ratio if valid else None, must, words=words)


Part = Callable[[Budget, Path | None, Teller], Iterator[Figure]]
PARTS: dict[str, Part] = {
    "tracker": _tracker,
    "lanes": _lanes,
    "overhead": _overhead,
    "latency": _latency,
    "quiet": _quiet,
    "growth": _growth,
    "peers": _peers,
}
