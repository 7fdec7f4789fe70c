"""`edge-agent fit`: does this site fit this box? Measured before the start."""

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge_agent.commands.camera_facts import find_streams
from edge_agent.commands.fit.report import as_report, draw
from edge_agent.config import load, model_manifest, state_dir
from edge_agent.detect.manifest import Manifest, load_manifest
from edge_agent.detect.plan import CPU_PROVIDERS, Candidate
from edge_agent.detect.session import installed_providers
from edge_agent.health.cpu_times import usable_cores
from edge_agent.health.pressure import PressureReader
from edge_agent.hotloop.measure import LanesBench, paint_frames
from edge_agent.hotloop.planning import Decision, known_plan, plan_without_measuring
from edge_agent.policy.budget import (
    BoxCosts,
    Figure,
    estimate,
    first_rung_that_fits,
    judge,
    most_awake,
)
from edge_agent.policy.ladder import build_ladder
from edge_agent.settings import AgentSettings
from edge_agent.stage.decode_cost import WH, measure_decode
from edge_agent.types import Json

_ROUNDS = 5
_SLICE_S = 0.6
#: Lanes that get less than this part of what their CPU time would give were disturbed.
_DISTURBED = 0.8


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The site file.")],
    probe: Annotated[
        bool, typer.Option("--probe", help="Ask each camera what it sends, for about 5 s.")
    ] = False,
    awake: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Part of the time in which cameras that decode on demand are awake."
        ),
    ] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")] = False,
) -> None:
    """Say whether the site fits this box, what it would cost, and what would give way first.

    Exit status 0 where it fits, 1 where it does not. Run it while nothing else works here.
    """
    logging.getLogger("edge_agent").addHandler(logging.NullHandler())  # the report says it
    settings = load(config)
    manifest = load_manifest(model_manifest(settings))
    decision = known_plan(settings, state_dir(settings)) or plan_without_measuring(settings.model)
    console = Console(stderr=True, quiet=as_json)
    console.print(f"measuring this box with model {manifest.model_id}, 10 to 20 s", style="dim")
    measured = measure_box(manifest, decision)
    report = report_fit(settings, decision, measured, ask=probe, awake=awake)
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        Console().print(draw(report))
    raise typer.Exit(0 if report["fits"] else 1)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the box's work costs, and whether other programs took its cores meanwhile."""

    box: BoxCosts
    disturbed: bool


def report_fit(
    settings: AgentSettings, decision: Decision, measured: Measured, *, ask: bool, awake: float
) -> dict[str, Json]:
    """Return the report about a site on a measured box; `ask` as in `find_streams`."""
    cameras, box = settings.camera, measured.box
    streams = find_streams(cameras, ask=ask)
    costs = [estimate(c, s, box, awake=awake) for c, s in zip(cameras, streams, strict=True)]
    ladder = build_ladder(cameras, coast_s=settings.tracking.coast_s)
    rung = first_rung_that_fits(cameras, streams, box, ladder, awake=awake)
    return as_report(
        settings,
        decision,
        box,
        streams,
        costs,
        judge(costs, box),
        step=None if rung is None else ladder[rung].name,
        awake=awake,
        most=most_awake(cameras, streams, box),
        disturbed=measured.disturbed,
    )


def measure_box(manifest: Manifest, decision: Decision) -> Measured:
    """Return what decoding and inference cost here, each measured several times.

    Raises: ModelError where the model cannot run.
    """
    decoding = measure_decode(_ROUNDS)
    mpx = WH[0] * WH[1] / 1e6
    images_s, image_ms = _measure_inference(manifest, decision)
    cores = min(usable_cores(), PressureReader().read().quota_cores or usable_cores())
    plan, disturbed = decision.plan, False
    if plan.threads == 1 and installed_providers(decision.provider)[0] in CPU_PROVIDERS:
        # One thread is at work all the time: what it would do undisturbed follows from its CPU.
        alone = min(plan.lanes, cores) * 1000 / image_ms.value
        disturbed = images_s.value < _DISTURBED * alone
        images_s = Figure(max(alone, images_s.value), alone * image_ms.relative)
    box = BoxCosts(
        cores=cores,
        frame_ms_mpx=figure_of([ms / mpx for ms in decoding.frame_ms]),
        keyframe_ms_mpx=figure_of([ms / mpx for ms in decoding.keyframe_ms]),
        image_ms=image_ms,
        images_s=images_s,
    )
    return Measured(box, disturbed)


def _measure_inference(manifest: Manifest, decision: Decision) -> tuple[Figure, Figure]:
    """Return pictures a second of all lanes, and CPU milliseconds of one picture."""
    plan = decision.plan
    candidate = Candidate(decision.provider, plan.lanes, plan.threads, plan.batch)
    bench = LanesBench(manifest, paint_frames())
    bench.prepare(candidate)
    rates, costs = [], []
    for _ in range(_ROUNDS):
        began_s, cpu_s = time.monotonic(), time.process_time()
        rate = bench.run(candidate, _SLICE_S).images_s
        rates.append(rate)
        costs.append((time.process_time() - cpu_s) * 1e3 / (rate * (time.monotonic() - began_s)))
    return figure_of(rates), figure_of(costs)


def figure_of(values: list[float]) -> Figure:
    """Return the median of repeated measurements and half of their range."""
    ordered = sorted(values)
    return Figure(ordered[len(ordered) // 2], (ordered[-1] - ordered[0]) / 2)
