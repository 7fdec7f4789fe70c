"""One measurement of the agent: two looks at it, some seconds apart, and what lies between."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.commands.bench.bed import Bed
from edge_agent.commands.bench.tell import Teller
from edge_agent.commands.staged_agent import AGENT_STOPS_S, ANSWER_S, start_agent, wait_for_cameras
from edge_agent.health.status_socket import ask_status
from edge_agent.stage.child import Child
from edge_agent.stage.energy import EnergyMeter
from edge_agent.stage.processes import resident_mb
from edge_agent.stage.site import status_socket
from edge_agent.types import Json


@dataclass(frozen=True, slots=True)
class Look:
    """The agent at one moment."""

    mono_s: float
    cpu_s: float  # of the whole process, from outside
    feeders_cpu_s: float
    rss_mb: float
    snapshot: dict[str, Json]


@dataclass(frozen=True, slots=True)
class AgentRun:
    """What happened between two looks. `base_mb`: model loaded, no camera open yet."""

    before: Look
    after: Look
    base_mb: float
    joules: float | None
    energy_source: str | None

    @property
    def seconds(self) -> float:
        return self.after.mono_s - self.before.mono_s

    @property
    def cpu_s(self) -> float:
        return self.after.cpu_s - self.before.cpu_s

    def grown(self, *path: str) -> dict[str, float]:
        """Return by how much the counters below `path` of the snapshot grew."""
        old, new = _at(self.before.snapshot, path), _at(self.after.snapshot, path)
        return {name: n - old.get(name, 0) for name, n in new.items()}

    def camera_counts(self, name: str) -> list[int]:
        """Return by how much a counter of each camera grew."""
        pairs = zip(self.before.snapshot["cameras"], self.after.snapshot["cameras"], strict=True)
        return [new["counts"].get(name, 0) - old["counts"].get(name, 0) for old, new in pairs]

    def camera_drops(self) -> dict[str, int]:
        """Return the frames dropped meanwhile, by reason, over all cameras."""
        drops: dict[str, int] = {}
        pairs = zip(self.before.snapshot["cameras"], self.after.snapshot["cameras"], strict=True)
        for old, new in pairs:
            for reason, n in new["drops"].items():
                drops[reason] = drops.get(reason, 0) + n - old["drops"].get(reason, 0)
        return {reason: n for reason, n in drops.items() if n}


def measure_agent(
    folder: Path,
    bed: Bed,
    site_file: Path,
    *,
    seconds: float,
    warmup: float,
    tell: Teller,
    env: Mapping[str, str] | None = None,
) -> AgentRun:
    """Run the agent on a site file and measure it; it is stopped at the end.

    Args: `warmup` seconds are let pass after the last camera's first frame.
    Raises: AgentError where the agent ends or a camera does not come.
    """
    socket, energy = status_socket(folder), EnergyMeter()
    agent = start_agent(folder, site_file, cores=bed.measured, env=env)
    try:
        base_mb = resident_mb(agent.pid)
        wait_for_cameras(agent, socket)
        tell.wait(warmup, "warm-up", agent.require_alive)
        before = _look(agent, socket, bed)

        def look() -> None:
            agent.require_alive()
            energy.look()

        tell.wait(seconds, "measuring the agent", look)
        after = _look(agent, socket, bed)
    finally:
        agent.stop(AGENT_STOPS_S)
    joules = None if energy.source is None else energy.joules
    return AgentRun(before, after, base_mb, joules, energy.source)


def _look(agent: Child, socket: Path, bed: Bed) -> Look:
    snapshot = ask_status(socket, ANSWER_S)
    return Look(
        mono_s=time.monotonic(),
        cpu_s=agent.cpu_s(),
        feeders_cpu_s=bed.feeders_cpu_s(),
        rss_mb=resident_mb(agent.pid),
        snapshot=snapshot,
    )


def _at(tree: dict[str, Json], path: tuple[str, ...]) -> dict[str, Json]:
    for part in path:
        tree = tree.get(part) or {}
    return tree
