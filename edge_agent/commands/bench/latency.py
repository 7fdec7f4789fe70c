"""`edge-agent bench latency`: from a frame's last packet to the broker, at 70 % load.

The lanes' throughput is measured first, on the core that the agent will have; then streams ask
for 70 % of it.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.bench.bed import Load
from edge_agent.commands.bench.capacity import Asked, measure_capacity
from edge_agent.commands.bench.options import BFrames, Model, clip_seconds, size_of
from edge_agent.commands.bench.tell import Teller
from edge_agent.commands.bench.text import report_lines
from edge_agent.errors import AgentError
from edge_agent.stage.feed_clips import FeedRecipe
from edge_agent.stage.site import measured_cores
from edge_agent.types import Json

#: Small pictures, so that decoding does not take what the lanes are to have.
_SIZE = "360p"
_FPS, _GOP = 25, 50
#: More is not asked of a stream of 25 a second: then there are more streams.
_MOST_FPS = 20.0
LOAD = 0.70


def command(
    cameras: Annotated[int, typer.Option(min=1, max=64, help="At least so many.")] = 4,
    b_frames: BFrames = 0,
    seconds: Annotated[float, typer.Option(min=1, help="Measured for.")] = 60.0,
    warmup: Annotated[float, typer.Option(min=0)] = 10.0,
    model: Model = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures.")] = None,
) -> None:
    """Measure the latency of events at 70 % of the lanes' measured throughput."""
    report = measure_latency(cameras, b_frames, seconds, warmup, model, Teller())
    for line in report_lines(report):
        print(line)
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")


def measure_latency(
    cameras: int, b_frames: int, seconds: float, warmup: float, model: Path | None, tell: Teller
) -> dict[str, Json]:
    """Return the report of busy streams that ask for 70 % of what one core's lanes can do."""
    throughput = _throughput_of_a_core(model, _SIZE)
    cameras, target_fps = share_load(throughput, cameras)
    tell.line(
        f"the lanes do {throughput:.1f} images a second on one core; {cameras} streams ask for "
        f"{target_fps:.2f} each"
    )
    recipe = FeedRecipe(
        wh=size_of(_SIZE), fps=_FPS, gop=_GOP, b_frames=b_frames, seconds=clip_seconds(_FPS, _GOP)
    )
    load = Load(cameras, recipe=recipe, target_fps=target_fps)
    asked = Asked(load=load, manifest=model, seconds=seconds, warmup=warmup)
    report = measure_capacity(asked, tell)
    return {**report, "lanes_images_s": round(throughput, 2)}


def share_load(throughput: float, cameras: int) -> tuple[int, float]:
    """Return how many streams, at least `cameras`, ask for how much of `LOAD` each a second."""
    cameras = max(cameras, math.ceil(throughput * LOAD / _MOST_FPS))
    return cameras, throughput * LOAD / cameras


def _throughput_of_a_core(model: Path | None, size: str) -> float:
    """Return images a second of the lanes, from a process that is pinned before it starts."""
    given = [] if model is None else ["--model", str(model)]
    command = [sys.executable, "-m", "edge_agent", "bench", "lanes", "--quick", "--size", size]
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, measured_cores()[0])  # the child inherits it
    try:
        done = subprocess.run(
            [*command, *given, "--json", "-"], capture_output=True, text=True, check=False
        )
    finally:
        os.sched_setaffinity(0, allowed)
    if done.returncode != 0:
        raise AgentError(f"bench lanes: {done.stderr.strip() or 'it said nothing'}")
    report: dict[str, Json] = json.loads(done.stdout)
    return float(report["lanes_images_s"])
