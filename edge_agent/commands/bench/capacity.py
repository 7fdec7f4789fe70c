"""The bench's main measurement: one load or one site file, in full, as a report."""

import datetime
import os
import platform
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from edge_agent import __version__
from edge_agent.commands.bench.agent import AgentRun, measure_agent
from edge_agent.commands.bench.bed import Bed, Load, open_bed, with_cameras
from edge_agent.commands.bench.figures import FORMAT, figures_of
from edge_agent.commands.bench.find import Found, search
from edge_agent.commands.bench.peers import measure_peers, merge_rounds, peer_places
from edge_agent.commands.bench.programs import Times
from edge_agent.commands.bench.site import read_own_site, write_load_site, write_own_site
from edge_agent.commands.bench.tell import Teller
from edge_agent.config import model_manifest
from edge_agent.detect import load_manifest
from edge_agent.errors import UsageError
from edge_agent.settings import AgentSettings
from edge_agent.types import Json

#: A trial of the search: long enough to see drops, short enough for eight of them.
_TRIAL_S, _TRIAL_WARMUP_S = 12.0, 5.0
#: Other programs learn nothing about their cameras: so long is enough for them.
_PEERS_WARMUP_S = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked for."""

    load: Load
    config: Path | None = None
    manifest: Path | None = None
    seconds: float = 30.0
    warmup: float = 10.0
    rounds: int = 1  # the report is of the run with the median CPU
    all_cores: bool = False
    find_limit: int | None = None
    peers: bool = False
    peer_cameras: int | None = None  # None: as many as the agent has
    peer_folders: tuple[str, ...] = ()


def measure_capacity(asked: Asked, tell: Teller | None = None) -> dict[str, Json]:
    """Measure what was asked and return the report as JSON values.

    Raises: UsageError, ConfigError, ModelError for what cannot be measured, AgentError where a
    part ends.
    """
    tell = tell or Teller()
    own = _own_settings(asked)
    places = peer_places(asked.peer_folders) if asked.peers else {}
    load, manifest = asked.load, asked.manifest
    if own is not None:
        manifest = manifest or model_manifest(own)
    if asked.find_limit is not None:
        load = replace(load, cameras=asked.find_limit)
    given = None if own is not None else load
    with open_bed(given, manifest, tell, all_cores=asked.all_cores) as bed:
        measured = Measurement(asked, own, bed, tell)
        found = None
        if asked.find_limit is not None:
            found = search(measured.holds, asked.load.cameras, asked.find_limit)
            load = replace(load, cameras=max(1, found.most_held))
            bed = with_cameras(bed, load.cameras)
        few = with_cameras(bed, asked.peer_cameras or load.cameras)
        runs, peers = [], []
        for _ in range(asked.rounds):
            runs.append(measured.run(bed, asked.seconds, asked.warmup))
            if places:
                agent_ms = runs[-1].cpu_s / runs[-1].seconds / len(bed.urls) * 1e3
                times = Times(asked.seconds, min(asked.warmup, _PEERS_WARMUP_S))
                peers.append(measure_peers(places, few, agent_ms, load.target_fps, times, tell))
        runs.sort(key=lambda run: run.cpu_s / run.seconds)
        report = _report(asked, load, own, bed, runs[len(runs) // 2], found)
        report["rounds_cores"] = [round(run.cpu_s / run.seconds, 4) for run in runs]
        if peers:
            report["peers"] = merge_rounds(peers)
    return report


def _own_settings(asked: Asked) -> AgentSettings | None:
    if asked.config is None:
        return None
    if asked.find_limit is not None or asked.peers:
        raise UsageError("bench: --find and --peers need generated streams; leave --config out")
    return read_own_site(asked.config)


@dataclass(slots=True)
class Measurement:
    """Runs the agent again and again on the streams of one bed."""

    asked: Asked
    own: AgentSettings | None
    bed: Bed
    tell: Teller
    _runs: int = 0

    def run(self, bed: Bed, seconds: float, warmup: float) -> AgentRun:
        """Measure the agent on the streams of `bed`."""
        self._runs += 1
        folder = bed.folder / f"run-{self._runs}"
        folder.mkdir()
        env = None
        if self.own is not None:
            site_file, env = write_own_site(folder, bed, self.own)
        else:
            load = replace(self.asked.load, cameras=len(bed.urls))
            site_file = write_load_site(folder, bed, load)
            self.tell.line(load.words())
        return measure_agent(
            folder, bed, site_file, seconds=seconds, warmup=warmup, tell=self.tell, env=env
        )

    def holds(self, cameras: int) -> bool:
        """Return whether so many streams are sustained."""
        run = self.run(with_cameras(self.bed, cameras), _TRIAL_S, _TRIAL_WARMUP_S)
        held = figures_of(run, fps=self.asked.load.recipe.fps)["sustained"]
        word = "held" if held["held"] else "did not hold"
        self.tell.line(f"{cameras} streams {word}: {held['why']}")
        return bool(held["held"])


def _report(
    asked: Asked,
    load: Load,
    own: AgentSettings | None,
    bed: Bed,
    run: AgentRun,
    found: Found | None,
) -> dict[str, Json]:
    described: dict[str, Json] = {
        "words": load.words(),
        "cameras": load.cameras,
        "scene": load.scene.value,
        "decode": load.decode,
        "target_fps": load.target_fps,
        **{name: _plain(value) for name, value in asdict(load.recipe).items()},
    }
    if own is not None:
        words = f"{len(own.camera)} cameras of {asked.config}"
        described = {"words": words, "config": str(asked.config), "cameras": len(own.camera)}
    report: dict[str, Json] = {
        "format": FORMAT,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "model": load_manifest(bed.manifest).model_id,
        "machine": describe_machine(len(bed.measured)),
        "load": described,
        "figures": figures_of(run, fps=None if own is not None else load.recipe.fps),
    }
    if found is not None:
        report["found"] = {**asdict(found), "words": found.words()}
    return report


def describe_machine(measured_cores: int) -> dict[str, Json]:
    """Return the processor, its cores, and the libraries that set the figures."""
    cores = os.cpu_count() or 1
    libraries = {name: version(name) for name in ("av", "numpy", "onnxruntime")}
    said = ", ".join(f"{name} {number}" for name, number in libraries.items())
    return {
        "words": f"{_processor()}, {cores} cores, {measured_cores} measured, Python "
        f"{platform.python_version()}, {said}",
        "processor": _processor(),
        "cores": cores,
        "measured_cores": measured_cores,
        "python": platform.python_version(),
        **libraries,
    }


def _processor() -> str:
    """Return the processor's name. Source: proc(5), /proc/cpuinfo; its board on ARM."""
    pairs = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    said = {name.strip(): " ".join(value.split()) for name, _, value in pairs}
    return said.get("model name") or said.get("Model") or platform.machine()


def _plain(value: Json) -> Json:
    return list(value) if isinstance(value, tuple) else value
