"""`edge-agent tune`: measure how inference runs fastest on this box, and remember it."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge_agent.clock import SystemClock
from edge_agent.config import boxed_model, load, model_manifest, state_dir
from edge_agent.detect.manifest import Manifest, load_manifest
from edge_agent.detect.plan import (
    Candidate,
    Choice,
    choose_plan,
    describe_choice,
    list_candidates,
)
from edge_agent.detect.plan_cache import device_name, fingerprint, write_plan
from edge_agent.detect.session import installed_providers
from edge_agent.errors import UsageError
from edge_agent.hotloop.measure import LanesBench, Slice, paint_frames
from edge_agent.hotloop.tuning import Grid, measure_grid
from edge_agent.settings import ModelSettings, PlanSettings
from edge_agent.types import Json

_ROUNDS = 7


def command(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A site file: its model and its wishes.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="A model's manifest; nothing is kept.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long to measure.")] = 40,
    table: Annotated[bool, typer.Option("--table", help="Print the whole grid.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")] = False,
    provider: Annotated[str, typer.Option(help="auto, or one of them, as in [model].")] = "auto",
    lanes: Annotated[int | None, typer.Option(min=1, max=16, help="Measure only this.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=64, help="Measure only this.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, max=64, help="Measure only this.")] = None,
    budget_ms: Annotated[float, typer.Option(min=1, help="What one inference may take.")] = 200,
) -> None:
    """Measure the plan (lanes × threads × batch × provider); the fastest in time is taken.

    With --config the running service's next start uses it.
    """
    wish = PlanSettings(lanes=lanes, threads=threads, batch=batch, latency_budget_ms=budget_ms)
    given = ModelSettings.model_validate({"manifest": model, "provider": provider, "plan": wish})
    if config is None:
        asked, path, folder = given, model or boxed_model(), None
    elif given == ModelSettings():
        settings = load(config)
        asked, path, folder = settings.model, model_manifest(settings), state_dir(settings)
    else:
        raise UsageError("tune: with --config the model and its wishes stand in the site file")
    manifest = load_manifest(path)
    grid = _measure(asked, manifest, seconds, quiet=as_json)
    choice = choose_plan(grid.rows, asked.plan.latency_budget_ms)
    if as_json:
        print(json.dumps(as_report(grid, choice), ensure_ascii=False))
    else:
        if table:
            Console().print(draw_grid(grid, choice))
        print("\n".join([*remarks(grid, asked.plan), f"plan: {describe_choice(choice)}"]))
    if folder is not None:
        _keep(folder, asked, manifest, choice)


def _measure(asked: ModelSettings, manifest: Manifest, seconds: float, *, quiet: bool) -> Grid:
    """Measure the plans that `asked` leaves open. Raises: ModelError where none can run."""
    cores = len(os.sched_getaffinity(0))
    candidates = list_candidates(
        cores, installed_providers(asked.provider), asked.plan, batches=True
    )
    console = Console(stderr=True, quiet=quiet)
    console.print(
        f"{device_name()}, {cores} cores, model {manifest.model_id}: "
        f"{len(candidates)} plans in at most about {seconds:g} s"
    )

    def tell(candidate: Candidate, seen: Slice) -> None:
        console.print(f"{candidate}: {seen.images_s:.1f} images/s, {seen.latency_ms:.0f} ms")

    return measure_grid(
        candidates,
        LanesBench(manifest, paint_frames()),
        clock=SystemClock(),
        seconds=seconds,
        rounds=_ROUNDS,
        budget_ms=asked.plan.latency_budget_ms,
        tell=tell,
    )


def _keep(folder: Path, asked: ModelSettings, manifest: Manifest, choice: Choice) -> None:
    """Remember a choice for the agent's next start, unless the file forces its plan anyway."""
    if None not in (asked.plan.lanes, asked.plan.threads, asked.plan.batch):
        typer.echo("not kept: the site file forces its plan", err=True)
        return
    key = fingerprint(asked, manifest.sha256)
    write_plan(folder, key, choice.best.candidate, describe_choice(choice))
    typer.echo(f"kept in {folder}; the agent's next start takes it", err=True)


def remarks(grid: Grid, asked: PlanSettings) -> list[str]:
    """Return what limited the choice, one line each."""
    forced = [
        f"{name} = {number}"
        for name in ("lanes", "threads", "batch")
        if (number := getattr(asked, name)) is not None
    ]
    lines = [f"forced: {', '.join(forced)}; only plans with it were measured"] if forced else []
    for reason in dict.fromkeys(grid.faults.values()):
        out = [str(candidate) for candidate, fault in grid.faults.items() if fault == reason]
        lines.append(f"left out {', '.join(out)}: {reason}")
    if grid.not_reached:
        names = ", ".join(map(str, grid.not_reached))
        lines.append(f"not reached in time: {names}; more --seconds measure them too")
    return lines


def draw_grid(grid: Grid, choice: Choice) -> Table:
    """Return the measured plans, fastest first; the taken one is marked."""
    table = Table(box=None, pad_edge=False)
    table.add_column("provider")
    for name in ("lanes", "threads", "batch", "images/s", "ms", "looks"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in sorted(grid.rows, key=lambda row: -row.images_s):
        plan = row.candidate
        numbers = (plan.lanes, plan.threads, plan.batch)
        table.add_row(
            plan.provider,
            *map(str, numbers),
            f"{row.images_s:.1f}",
            f"{row.latency_ms:.0f}",
            str(row.rounds),
            "taken" if row is choice.best else "",
        )
    return table


def as_report(grid: Grid, choice: Choice) -> dict[str, Json]:
    """Return everything as JSON values."""
    return {
        "plan": asdict(choice.best.candidate),
        "images_s": choice.best.images_s,
        "latency_ms": choice.best.latency_ms,
        "why": describe_choice(choice),
        "grid": [
            {
                **asdict(row.candidate),
                "images_s": row.images_s,
                "latency_ms": row.latency_ms,
                "looks": row.rounds,
            }
            for row in grid.rows
        ],
        "left_out": [{**asdict(c), "reason": fault} for c, fault in grid.faults.items()],
        "not_reached": [asdict(candidate) for candidate in grid.not_reached],
    }
