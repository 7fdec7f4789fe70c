"""Which plan the agent runs: what the file forces, what was measured before, else measure now.

At the first start the measurement is a child process (`edge-agent tune`): a provider's library
that crashes, and the memory of the sessions that lost, stay out of the agent.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import model_manifest
from edge_agent.detect.manifest import load_manifest
from edge_agent.detect.plan import Candidate
from edge_agent.detect.plan_cache import fingerprint, read_plan, write_plan
from edge_agent.errors import StateError
from edge_agent.settings import AgentSettings, ModelSettings, Plan
from edge_agent.types import Json

log = logging.getLogger(__name__)

#: A first start measures for so long; then the child is ended, whatever it does.
MEASURE_S = 15.0
MOST_S = 20.0
_LOOK_S = 0.1
_LAST_WORDS = 2000


@dataclass(frozen=True, slots=True)
class Decision:
    """The plan that the agent runs, on which provider, and how it came about."""

    plan: Plan
    provider: str
    origin: str  # forced, measured, cached, or default where measuring failed
    why: str


def known_plan(settings: AgentSettings, state_dir: Path) -> Decision | None:
    """Return the plan that the file forces or that was measured before on this box, else None.

    Raises: ModelError where the manifest cannot be used.
    """
    model = settings.model
    if (forced := forced_plan(model)) is not None:
        return forced
    sha256 = load_manifest(model_manifest(settings)).sha256
    found = read_plan(state_dir, fingerprint(model, sha256))
    return None if found is None else _decide(model, *found, origin="cached")


def measure_plan(
    settings: AgentSettings,
    state_dir: Path,
    *,
    clock: Clock,
    stop: threading.Event,
    tell: Callable[[], None],
) -> Decision:
    """Measure the plan now, in a child and for at most 20 s, and remember it.

    Ends at once when `stop` is set, and calls `tell` again and again. Where measuring fails the
    log says why, and a lane a core is taken.
    Raises: ModelError where the manifest cannot be used.
    """
    model, path = settings.model, model_manifest(settings)
    key = fingerprint(model, load_manifest(path).sha256)
    log.info("plan: measuring for at most %.0f s; only a first start waits for it", MOST_S)
    answer, fault = _run_child(tune_command(model, path), clock, stop, tell)
    if answer is None:
        if not stop.is_set():
            log.warning("plan: could not be measured: %s; a lane a core is taken", fault)
        return plan_without_measuring(model, f"not measured: {fault}")
    chosen, why = Candidate(**answer["plan"]), str(answer["why"])
    try:
        write_plan(state_dir, key, chosen, why)
    except StateError as error:
        log.warning("%s", error)
    return _decide(model, chosen, why, origin="measured")


def forced_plan(model: ModelSettings) -> Decision | None:
    """Return the plan that the file gives whole, None where it leaves something to measure."""
    asked = model.plan
    if None in (asked.lanes, asked.threads, asked.batch):
        return None
    plan = Plan.model_validate(asked.model_dump())
    return Decision(plan, model.provider, "forced", "forced by [model.plan]")


def plan_without_measuring(model: ModelSettings, why: str = "not measured") -> Decision:
    """Return the file's own plan; where it leaves something open, a lane a core of one thread."""
    if (forced := forced_plan(model)) is not None:
        return forced
    asked = model.plan
    cores = len(os.sched_getaffinity(0))
    lanes = asked.lanes or min(16, max(1, cores // (asked.threads or 1)))
    plan = Candidate(model.provider, lanes, asked.threads or 1, asked.batch or 1)
    return _decide(model, plan, why, origin="default")


def tune_command(model: ModelSettings, manifest: Path) -> list[str]:
    """Return the command line of the measuring child."""
    asked = model.plan
    given = [
        *("--model", str(manifest), "--provider", model.provider, "--json"),
        *("--seconds", f"{MEASURE_S:g}", "--budget-ms", f"{asked.latency_budget_ms:g}"),
    ]
    for name in ("lanes", "threads", "batch"):
        if (number := getattr(asked, name)) is not None:
            given += [f"--{name}", str(number)]
    return [sys.executable, "-m", "edge_agent", "tune", *given]


def _run_child(
    command: list[str], clock: Clock, stop: threading.Event, tell: Callable[[], None]
) -> tuple[dict[str, Json] | None, str]:
    """Return the child's answer, or None and what went wrong."""
    until_ns = clock.mono_ns() + round(MOST_S * 1e9)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        try:
            while clock.mono_ns() < until_ns and not stop.is_set():
                tell()
                try:
                    out, err = child.communicate(timeout=_LOOK_S)
                except subprocess.TimeoutExpired:
                    continue
                return _read_answer(child.returncode, out, err)
        finally:
            child.kill()
    return None, "the agent stops" if stop.is_set() else f"no answer within {MOST_S:.0f} s"


def _read_answer(status: int, out: bytes, err: bytes) -> tuple[dict[str, Json] | None, str]:
    if status == 0:
        try:
            answer: dict[str, Json] = json.loads(out)
            Candidate(**answer["plan"])
            return answer, ""
        except (ValueError, TypeError, KeyError) as error:
            return None, f"an answer that cannot be read ({error})"
    words = " ".join(err.decode(errors="replace").split())[-_LAST_WORDS:]
    return None, words or f"`edge-agent tune` ended with status {status}"


def _decide(model: ModelSettings, found: Candidate, why: str, *, origin: str) -> Decision:
    numbers = {"lanes": found.lanes, "threads": found.threads, "batch": found.batch}
    plan = Plan.model_validate({**model.plan.model_dump(), **numbers})
    return Decision(plan, found.provider, origin, why)
