"""`edge-agent bench growth`: what the next quiet stream costs, from 4 to 64 and beyond.

A program that looks at every camera in one loop, or holds one lock for all of them, gets dearer
with each stream. CPU and memory at several counts show it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.bench.agent import measure_agent
from edge_agent.commands.bench.bed import Load, SceneKind, open_bed, with_cameras
from edge_agent.commands.bench.figures import figures_of
from edge_agent.commands.bench.options import (
    CodecOption,
    Decode,
    Gop,
    Model,
    RateOption,
    Size,
    TargetFps,
    load_of,
)
from edge_agent.commands.bench.site import write_load_site
from edge_agent.commands.bench.tell import Teller
from edge_agent.errors import UsageError
from edge_agent.stage.feed_clips import Codec, RateControl
from edge_agent.types import Json


@dataclass(frozen=True, slots=True)
class Point:
    """The agent with so many streams."""

    streams: int
    cores: float
    rss_mb: float
    base_mb: float  # before the cameras came
    sustained: bool
    awake: dict[str, int]

    def line(self) -> str:
        """Return the point in one line."""
        words = "" if self.sustained else "; NOT sustained: its figures say little"
        modes = ", ".join(f"{n} {word}" for word, n in sorted(self.awake.items()))
        return (
            f"{self.streams} streams: {self.cores:.3f} cores, "
            f"{self.cores / self.streams * 1e3:.2f} ms a second and stream, {self.rss_mb:.0f} MB "
            f"({modes}){words}"
        )


def command(
    counts: Annotated[str, typer.Option(help="Numbers of streams, rising.")] = "4,16,32",
    size: Size = "1080p",
    gop: Gop = 50,
    codec: CodecOption = Codec.H264,
    rate: RateOption = RateControl.CRF,
    decode: Decode = "always",
    target_fps: TargetFps = 5.0,
    seconds: Annotated[float, typer.Option(min=1, help="Measured at each number.")] = 30.0,
    warmup: Annotated[
        float, typer.Option(min=0, help="Seconds before, for on_demand to learn its cameras.")
    ] = 40.0,
    model: Model = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures.")] = None,
) -> None:
    """Measure CPU and memory of quiet streams as their number grows."""
    numbers = _numbers(counts)
    most, scene = numbers[-1], SceneKind.QUIET
    load = load_of(most, scene, size, 25, gop, codec, rate, 0, decode, target_fps)
    points = measure_growth(load, numbers, seconds, warmup, model, Teller())
    for line in growth_lines(points):
        print(line)
    if json_file is not None:
        report = {
            "points": [asdict(point) for point in points],
            "growth": growth_of(points),
            "streams_a_core": streams_a_core(points[-1]),
            "memory_a_stream_mb": memory_a_stream(points),
        }
        json_file.write_text(json.dumps(report, indent=1) + "\n")


def measure_growth(
    load: Load,
    numbers: Sequence[int],
    seconds: float,
    warmup: float,
    manifest: Path | None,
    tell: Teller,
) -> list[Point]:
    """Return the agent's figures at each of `numbers` streams; says each as it is measured."""
    points = []
    with open_bed(replace(load, cameras=numbers[-1]), manifest, tell) as bed:
        for number in numbers:
            folder = bed.folder / f"streams-{number}"
            folder.mkdir()
            few = with_cameras(bed, number)
            site_file = write_load_site(folder, few, replace(load, cameras=number))
            run = measure_agent(folder, few, site_file, seconds=seconds, warmup=warmup, tell=tell)
            points.append(point_of(figures_of(run, fps=load.recipe.fps)))
            tell.line(points[-1].line())
    return points


def point_of(figures: dict[str, Json]) -> Point:
    """Return the figures of a run as one point of the growth."""
    memory = figures["memory_mb"]
    return Point(
        figures["streams"],
        figures["cores"],
        memory["all"],
        memory["before_cameras"],
        figures["sustained"]["held"],
        figures["awake"],
    )


def growth_lines(points: Sequence[Point]) -> list[str]:
    """Return what the points say together."""
    lines = [point.line() for point in points]
    if (growth := growth_of(points)) is not None:
        a, b, c = (point.streams for point in points[:3])
        lines.append(f"growth: (C{c} - C{b})/{c - b} over (C{b} - C{a})/{b - a} = {growth:.2f}")
    last = points[-1]
    lines.append(
        f"quiet streams a core, extrapolated from {last.streams}: {streams_a_core(last):.0f}"
    )
    if len(points) > 1:
        lines.append(f"memory: {memory_a_stream(points):.1f} MB a stream more")
    return lines


def growth_of(points: Sequence[Point]) -> float | None:
    """Return the later streams' CPU over the earlier ones', from the first three points."""
    if len(points) < 3:
        return None
    early, late = (
        (after.cores - before.cores) / (after.streams - before.streams)
        for before, after in pairwise(points[:3])
    )
    return late / early if early > 0 else None


def streams_a_core(point: Point) -> float:
    """Return how many such streams one core would carry, everything else included."""
    return point.streams / point.cores


def memory_a_stream(points: Sequence[Point]) -> float | None:
    """Return the MB that a stream adds, from the first point to the last."""
    first, last = points[0], points[-1]
    if first is last:
        return None
    return (last.rss_mb - first.rss_mb) / (last.streams - first.streams)


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    numbers = [int(part) for part in parts if part.strip().isdigit()]
    rising = all(a < b for a, b in pairwise(numbers))
    if len(numbers) != len(parts) or not rising or not 1 <= numbers[0] <= numbers[-1] <= 256:
        raise UsageError(f"bench: --counts {text}: not rising numbers from 1 to 256, as 4,16,32")
    return numbers
