"""`edge-agent bench quiet`: a quiet stream's CPU with `on_demand` over the one with `always`.

Both with inference, on the same streams, by turns; audits and keyframe looks are in it. More
streams may sleep than are decoded, so that the agent's fixed costs do not count as a stream's.
"""

import json
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.bench.agent import measure_agent
from edge_agent.commands.bench.bed import Bed, Load, SceneKind, open_bed, with_cameras
from edge_agent.commands.bench.figures import figures_of
from edge_agent.commands.bench.options import (
    CodecOption,
    Gop,
    Model,
    RateOption,
    Size,
    TargetFps,
    load_of,
)
from edge_agent.commands.bench.site import write_load_site
from edge_agent.commands.bench.tell import Teller
from edge_agent.stage.feed_clips import Codec, RateControl
from edge_agent.types import Json


@dataclass(frozen=True, slots=True)
class Shape:
    """How many streams each side has, and for how long."""

    asleep: int = 16
    decoded: int = 2
    seconds: float = 30.0
    warmup_asleep: float = 40.0  # the cameras must be learned before they sleep
    warmup_decoded: float = 5.0
    rounds: int = 1


def command(
    asleep: Annotated[int, typer.Option(min=1, max=128, help="Streams with on_demand.")] = 16,
    decoded: Annotated[int, typer.Option(min=1, max=64, help="Streams with always.")] = 2,
    size: Size = "1080p",
    gop: Gop = 50,
    codec: CodecOption = Codec.H264,
    rate: RateOption = RateControl.CRF,
    target_fps: TargetFps = 5.0,
    rounds: Annotated[int, typer.Option(min=1, help="The ratio is their median.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Measured for each side.")] = 30.0,
    warmup: Annotated[
        float, typer.Option(min=0, help="Seconds before, for on_demand to learn its cameras.")
    ] = 40.0,
    model: Model = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures.")] = None,
) -> None:
    """Measure a quiet stream with decode on_demand against one with always."""
    most, scene, mode = max(asleep, decoded), SceneKind.QUIET, "on_demand"
    load = load_of(most, scene, size, 25, gop, codec, rate, 0, mode, target_fps)
    shape = Shape(asleep, decoded, seconds, warmup, rounds=rounds)
    report = measure_quiet(load, shape, model, Teller())
    print(quiet_line(report))
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")


def quiet_line(report: dict[str, Json]) -> str:
    """Return the figures in words."""
    cameras = ", ".join(f"{n} {word}" for word, n in sorted(report["awake"].items()))
    return (
        f"on_demand over always: {report['ratio']:.3f} ({report['on_demand_ms']:.2f} ms a second "
        f"and stream over {report['always_ms']:.2f}; {cameras} of the on_demand at the end)"
    )


def measure_quiet(load: Load, shape: Shape, manifest: Path | None, tell: Teller) -> dict[str, Json]:
    """Return a quiet stream's CPU in both modes, ms a second, and the median of their ratios."""
    with open_bed(load, manifest, tell) as bed:
        sides = []
        for number in range(1, shape.rounds + 1):
            modes = (("on_demand", shape.asleep, shape.warmup_asleep),
                     ("always", shape.decoded, shape.warmup_decoded))  # fmt: skip
            sides.append(
                [
                    _figures(bed, replace(load, decode=mode, cameras=streams),
                             f"{mode}-{number}", shape.seconds, warmup, tell)
                    for mode, streams, warmup in modes
                ]
            )  # fmt: skip
    pairs = [(a["cpu_ms"]["all"], b["cpu_ms"]["all"]) for a, b in sides]
    return {
        "ratio": statistics.median(asleep / decoded for asleep, decoded in pairs),
        "on_demand_ms": statistics.median(asleep for asleep, _ in pairs),
        "always_ms": statistics.median(decoded for _, decoded in pairs),
        "awake": sides[-1][0]["awake"],
        "memory_asleep_mb": sides[-1][0]["memory_mb"],
        "memory_awake_mb": sides[-1][1]["memory_mb"],
        "rounds": pairs,
    }


def _figures(
    bed: Bed, load: Load, name: str, seconds: float, warmup: float, tell: Teller
) -> dict[str, Json]:
    folder = bed.folder / name
    folder.mkdir()
    tell.line(load.words())
    few = with_cameras(bed, load.cameras)
    site_file = write_load_site(folder, few, load)
    run = measure_agent(folder, few, site_file, seconds=seconds, warmup=warmup, tell=tell)
    return figures_of(run, fps=load.recipe.fps)
