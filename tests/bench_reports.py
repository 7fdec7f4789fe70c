"""Runs and reports of the bench, made up from numbers."""

from typing import Any

from edge_agent.commands.bench.agent import AgentRun, Look
from edge_agent.commands.bench.figures import figures_of
from edge_agent.types import Json

LATENCY = {"n": 0, "p50": None, "p90": None, "p99": None, "buckets": {}}


def camera(**counts: int) -> dict[str, Json]:
    """A camera of a snapshot; drops are given as drop_REASON."""
    return {
        "camera_id": "gate",
        "counts": {name: n for name, n in counts.items() if not name.startswith("drop_")},
        "drops": {name[5:]: n for name, n in counts.items() if name.startswith("drop_")},
        "latency_s": LATENCY,
        "effective": {"decode": {"effective": "always", "state": "awake"}},
    }


def snapshot(*cameras: dict[str, Json], **parts: Any) -> dict[str, Json]:
    return {"cameras": list(cameras), "latency_s": {"event": LATENCY, "update": LATENCY}, **parts}


def run_of(
    before: dict[str, Json],
    after: dict[str, Json],
    *,
    cpu_s: float = 2.0,
    seconds: float = 10.0,
    joules: float | None = None,
) -> AgentRun:
    """A run of `seconds` in which the agent used `cpu_s`."""
    return AgentRun(
        Look(100.0, 5.0, 1.0, 150.0, before),
        Look(100.0 + seconds, 5.0 + cpu_s, 1.5, 170.0, after),
        base_mb=140.0,
        joules=joules,
        energy_source=None if joules is None else "RAPL, 1 package",
    )  # fmt: skip


def report(**changes: float) -> dict[str, Json]:
    """A report of one camera; `changes` replace figures by their last word."""
    moved = camera(frames_received=250, frames_decoded=250, frames_analysed=50)
    run = run_of(snapshot(camera()), snapshot(moved, stages_cpu_s={"decode": 1.0, "infer": 0.5}))
    figures = figures_of(run, fps=25)
    figures["cpu_ms"]["all"] = changes.get("cpu", figures["cpu_ms"]["all"])
    figures["memory_mb"]["all"] = changes.get("memory", figures["memory_mb"]["all"])
    figures["analysed_fps"]["mean"] = changes.get("fps", figures["analysed_fps"]["mean"])
    if "held" in changes:
        figures["sustained"]["held"] = bool(changes["held"])
    return {
        "format": "edge-agent bench 1",
        "date": "2026-11-24T12:00:00+00:00",
        "version": "0.1.0",
        "model": "m@1",
        "machine": {"words": "a machine", "cores": 2},
        "load": {"words": "1 busy stream", "cameras": 1},
        "figures": figures,
    }
