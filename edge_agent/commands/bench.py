"""`edge-agent bench`: what the agent costs beyond receiving, decoding and inference.

The agent's CPU on RTSP streams, divided by that of a bare program that receives and decodes
the same streams and calls ONNX Runtime as often (`stage/bare.py`).
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.bench_report import Round, Side, as_json, overhead, round_line, warning
from edge_agent.commands.staged_agent import AGENT_STOPS_S, start_agent, wait_for_cameras
from edge_agent.errors import AgentError, UsageError
from edge_agent.health.status_socket import ask_status
from edge_agent.settings import PlanSettings
from edge_agent.stage import bare
from edge_agent.stage.broker import choose_broker, start_broker
from edge_agent.stage.cameras import choose_cameras, start_cameras
from edge_agent.stage.child import Child, start_child
from edge_agent.stage.clips import BENCH, cache_folder, prepare_clip
from edge_agent.stage.site import (
    BENCH_CAMERAS,
    SHARED_MEDIA,
    SHARED_MODEL,
    StageCamera,
    choose_footage,
    find_beside,
    measured_cores,
    status_socket,
    write_manifest,
    write_site,
)

_FPS = 5.0
_STREAMS_COME_S = 60.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What every round needs."""

    folder: Path
    model: Path
    broker_url: str
    cameras: Sequence[StageCamera]
    urls: dict[str, str]
    seconds: float
    warmup: float
    cores: frozenset[int]  # for what is measured


def command(
    rounds: Annotated[int, typer.Option(min=1, help="The overhead is their median.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Measured for each side of a round.")] = 60,
    warmup: Annotated[float, typer.Option(min=0, help="Seconds before, from the last frame.")] = 10,
    streams: Annotated[int, typer.Option(min=1, max=len(BENCH_CAMERAS))] = len(BENCH_CAMERAS),
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything measured to this file.")
    ] = None,
) -> None:
    """Measure the agent's CPU against a bare program's; ends with the line `overhead N.NN`."""
    model, media = find_beside(SHARED_MODEL), find_beside(SHARED_MEDIA)
    if model is None or media is None:
        raise UsageError(
            f"bench: needs {SHARED_MODEL} and {SHARED_MEDIA} in a folder above this one"
        )
    measured, others = measured_cores()
    with contextlib.ExitStack() as stack:
        cameras = BENCH_CAMERAS[:streams]
        bench = _set_up(stack, model, media, cameras, seconds, warmup, measured, others)
        done = []
        for number in range(1, rounds + 1):
            done.append(_round(bench, number))
            print(round_line(number, done[-1]), flush=True)
    if json_file is not None:
        setting = {"streams": streams, "seconds": seconds, "warmup": warmup, "fps": _FPS}
        json_file.write_text(json.dumps(as_json(done, setting), indent=1) + "\n")
    if (said := warning(done)) is not None:
        print(said)
    print(f"overhead {overhead(done):.2f}")


def _set_up(
    stack: contextlib.ExitStack,
    model: Path,
    media: Path,
    cameras: Sequence[StageCamera],
    seconds: float,
    warmup: float,
    measured: frozenset[int],
    others: frozenset[int],
) -> Bench:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-agent-bench-")))
    kinds = choose_broker(), choose_cameras()
    clips = {}
    for camera_id, source in choose_footage(cameras, media).items():
        print(f"clip {source.name}", flush=True)
        clips[camera_id] = prepare_clip(source, BENCH, cache_folder(), lambda done: None)
    broker = start_broker(folder, kind=kinds[0], cores=others)
    stack.callback(broker.stop)
    server = start_cameras(folder, clips, kind=kinds[1], cores=others)
    stack.callback(server.stop)
    print(
        f"{len(cameras)} streams, {_FPS:g} images a second each, measured on core "
        f"{min(measured)}; {broker.kind} and cameras ({server.kind}) on {sorted(others)}",
        flush=True,
    )
    return Bench(folder, model, broker.url, cameras, dict(server.urls), seconds, warmup, measured)


def _round(bench: Bench, number: int) -> Round:
    folder = bench.folder / f"round-{number}"
    folder.mkdir()
    asked = round(len(bench.cameras) * _FPS * bench.seconds)
    return Round(_measure_agent(bench, folder), _measure_bare(bench, folder), asked)


def _measure_agent(bench: Bench, folder: Path) -> Side:
    site_file = write_site(
        folder,
        agent_id="bench",
        broker_url=bench.broker_url,
        manifest=write_manifest(folder, bench.model),
        cameras=bench.cameras,
        urls=bench.urls,
        target_fps=_FPS,
    )
    socket = status_socket(folder)

    def counts() -> tuple[int, int]:
        snapshot = ask_status(socket)
        frames = sum(c["counts"].get("frames_decoded", 0) for c in snapshot["cameras"])
        return snapshot["hotloop"]["images"], frames

    agent = start_agent(folder, site_file, cores=bench.cores)
    try:
        wait_for_cameras(agent, socket)
        return _measure(agent, counts, bench)
    finally:
        agent.stop(AGENT_STOPS_S)


def _measure_bare(bench: Bench, folder: Path) -> Side:
    given = ["--model", str(bench.model), "--fps", str(_FPS), "--lanes", str(PlanSettings().lanes)]
    command = [sys.executable, "-P", str(bare.__file__), *given, *bench.urls.values()]
    program = start_child("bare", command, folder, cores=bench.cores, talk=True)
    try:
        program.wait_until(
            lambda: _ask_bare(program)["streams"] == len(bench.urls),
            _STREAMS_COME_S,
            f"decoding {len(bench.urls)} streams",
        )

        def counts() -> tuple[int, int]:
            answer = _ask_bare(program)
            return answer["images"], answer["frames"]

        return _measure(program, counts, bench)
    finally:
        program.stop()


def _ask_bare(program: Child) -> dict[str, int]:
    pipe_in, pipe_out = program.process.stdin, program.process.stdout
    assert pipe_in is not None
    assert pipe_out is not None
    try:
        pipe_in.write(b"\n")
        pipe_in.flush()
        answer: dict[str, int] = json.loads(pipe_out.readline())
        return answer
    except (OSError, json.JSONDecodeError) as error:
        raise AgentError(f"bare program: no answer: {program.last_words()}") from error


def _measure(program: Child, counts: Callable[[], tuple[int, int]], bench: Bench) -> Side:
    """Return what `program` does in the measured time, after the warm-up."""
    time.sleep(bench.warmup)
    (images, frames), cpu_s = counts(), program.cpu_s()
    time.sleep(bench.seconds)
    program.require_alive()
    (images_after, frames_after), cpu_s_after = counts(), program.cpu_s()
    return Side(cpu_s_after - cpu_s, images_after - images, frames_after - frames)
