"""`edge-agent bench --peers`: what people would write or pick instead, on the same streams.

Each peer is a program of its own, in an environment of its own (`make bench-peers` makes them
in build/peers); the agent imports none. One that is not there is told with the reason.
"""

import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.commands.bench.bed import Bed
from edge_agent.commands.bench.programs import Times, measure_program
from edge_agent.commands.bench.report import Side
from edge_agent.commands.bench.tell import Teller
from edge_agent.detect import load_manifest
from edge_agent.errors import AgentError, UsageError
from edge_agent.types import Json

_SCRIPTS = Path(__file__).parents[2] / "stage" / "peers"
_ENVIRONMENTS = Path("build/peers")
#: A peer did the work asked for where it analysed at least this share of the images.
_REACHED = 0.98
_STREAMS_COME_S = 240.0  # importing `inference` alone takes a minute on a slow machine


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to compare with; without an environment it runs in the agent's own."""

    name: str
    words: str
    script: str
    environment: str | None = None
    options: tuple[str, ...] = ()


PEERS = (
    Peer("cv2", "VideoCapture threads, one ONNX Runtime call a frame", "cv2_threads.py"),
    Peer("supervision", "the same, followed by supervision's ByteTrack", "cv2_threads.py",
         "supervision", ("--tracker", "supervision")),
    Peer("mesopic", "its `spike`, a process a camera", "mesopic_spikes.py", "mesopic"),
    Peer("inference", "Roboflow's InferencePipeline around the same session",
         "roboflow_pipeline.py", "inference"),
)  # fmt: skip


def peer_places(given: Sequence[str]) -> dict[str, Path]:
    """Return the folder of each peer's environment, from `NAME=FOLDER` or build/peers.

    Raises: UsageError naming what is not NAME=FOLDER.
    """
    names = {peer.environment for peer in PEERS if peer.environment}
    places = {name: _ENVIRONMENTS / name for name in sorted(names)}
    for text in given:
        name, equals, folder = text.partition("=")
        if not equals or name not in names:
            allowed = ", ".join(sorted(names))
            raise UsageError(f"bench: --peer-env {text}: not NAME=FOLDER with NAME of {allowed}")
        places[name] = Path(folder)
    return places


def measure_peers(
    places: Mapping[str, Path], bed: Bed, agent_ms: float, fps: float, times: Times, tell: Teller
) -> list[dict[str, Json]]:
    """Return each peer's figures, in the order of PEERS.

    Args: `bed` with the peers' streams; `agent_ms` CPU of the agent, a second and stream, on such
        streams; `fps` pictures to analyse a second and stream.
    Raises: UsageError where the model is none that the peers' programs read.
    """
    family = load_manifest(bed.manifest).family
    if family != "yolox":
        raise UsageError(f"bench: --peers: the peer programs read YOLOX models, not {family}")
    found: list[dict[str, Json]] = []
    for peer in PEERS:
        try:
            side = _measure(peer, places, bed, fps, times, tell)
        except AgentError as error:
            found.append({"name": peer.name, "cpu_ms": None, "why": f"not measured: {error}"})
        else:
            found.append(_figures(peer, side, len(bed.urls), agent_ms, fps, times.seconds))
        tell.line(f"peer {peer.name}: {peer_words(found[-1])}")
    return found


def merge_rounds(rounds: Sequence[Sequence[dict[str, Json]]]) -> list[dict[str, Json]]:
    """Return each peer's medians over the rounds; a peer that failed once has failed."""
    merged = []
    for same in zip(*rounds, strict=True):
        failed = next((found for found in same if found["cpu_ms"] is None), None)
        merged.append(failed or _median(same))
    return merged


def _median(same: Sequence[dict[str, Json]]) -> dict[str, Json]:
    numbers = ("cpu_ms", "images_a_stream_s", "memory_mb", "agent_over_peer")
    return {
        **same[0],
        **{name: statistics.median(found[name] for found in same) for name in numbers},
        "asked_reached": all(found["asked_reached"] for found in same),
        "rounds": [found["agent_over_peer"] for found in same],
    }


def peer_words(found: Mapping[str, Json]) -> str:
    """Return a peer's figures in words."""
    if found["cpu_ms"] is None:
        return str(found["why"])
    words = (
        f"{found['what']}, {found['streams']} streams: {found['cpu_ms']:.1f} ms of CPU and "
        f"{found['images_a_stream_s']:.2f} images a second and stream, "
        f"{found['memory_mb']:.0f} MB; the agent takes {found['agent_over_peer']:.3f} of it"
    )
    if not found["asked_reached"]:
        words += "; it did not analyse what was asked for, so this flatters it"
    return words


def _measure(
    peer: Peer, places: Mapping[str, Path], bed: Bed, fps: float, times: Times, tell: Teller
) -> Side:
    python = sys.executable
    if peer.environment is not None:
        python = str(_python_in(peer.environment, places[peer.environment]))
    folder = Path(tempfile.mkdtemp(prefix=f"peer-{peer.name}-", dir=bed.folder))  # a round's own
    given = ["--model", str(bed.model), "--fps", str(fps), *peer.options]
    return measure_program(
        peer.name, [python, "-P", str(_SCRIPTS / peer.script), *given, *bed.urls], bed, folder,
        seconds=times.seconds, warmup=times.warmup, tell=tell, streams_come_s=_STREAMS_COME_S,
    )  # fmt: skip


def _python_in(name: str, folder: Path) -> Path:
    """Return the Python of a peer's environment. Raises: AgentError saying why there is none."""
    python = folder.absolute() / "bin" / "python"
    if python.exists():
        return python
    why = folder.with_name(f"{name}.failed")  # make bench-peers leaves the installer's words
    said = " ".join(why.read_text().split())[:300] if why.exists() else ""
    raise AgentError(f"no environment in {folder}: {said or 'make bench-peers makes it'}")


def _figures(
    peer: Peer, side: Side, streams: int, agent_ms: float, asked_fps: float, seconds: float
) -> dict[str, Json]:
    cpu_ms = side.cpu_s / seconds / streams * 1e3
    fps = side.images / seconds / streams
    return {
        "name": peer.name,
        "what": peer.words,
        "streams": streams,
        "cpu_ms": round(cpu_ms, 2),
        "images_a_stream_s": round(fps, 3),
        "memory_mb": round(side.memory_mb or 0.0, 1),
        "agent_over_peer": round(agent_ms / cpu_ms, 4) if cpu_ms else 0.0,
        "asked_reached": fps >= _REACHED * asked_fps,
    }
