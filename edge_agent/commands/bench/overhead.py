"""`edge-agent bench overhead`: what the agent costs beyond receiving, decoding and inference.

The agent's CPU on RTSP streams, divided by that of a bare program that receives and decodes
the same streams and calls ONNX Runtime as often (`stage/bare.py`).
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.bench.agent import AgentRun, measure_agent
from edge_agent.commands.bench.bed import Bed, Load, open_bed
from edge_agent.commands.bench.options import BFrames, Model, Size, size_of
from edge_agent.commands.bench.programs import bare_command, measure_program
from edge_agent.commands.bench.report import Round, Side, as_json, overhead, round_line, warning
from edge_agent.commands.bench.site import write_load_site
from edge_agent.commands.bench.tell import Teller
from edge_agent.detect import load_manifest
from edge_agent.detect.trimming import open_session
from edge_agent.detect.views import trimmed_wh
from edge_agent.errors import UsageError
from edge_agent.stage.feed_clips import FeedRecipe
from edge_agent.types import Json, Wh

#: The bare side may take this share of its core, or the agent beside it has no room to be
#: compared: a full core drops frames, and then the two do unequal work.
_ROOM = 0.60
_FPS_TO_TRY = (5.0, 4.0, 3.0, 2.0, 1.0)
_PROBE_S, _PROBE_WARMUP_S = 6.0, 3.0


def command(
    rounds: Annotated[int, typer.Option(min=1, help="The overhead is their median.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Measured for each side of a round.")] = 30,
    warmup: Annotated[float, typer.Option(min=0, help="Seconds before, from the last frame.")] = 8,
    streams: Annotated[int, typer.Option(min=1, max=64)] = 4,
    size: Size = "1080p",
    b_frames: BFrames = 0,
    target_fps: Annotated[
        str, typer.Option(help="Pictures to analyse a second and stream, or auto: what fits.")
    ] = "auto",
    bare_trimmed: Annotated[
        bool,
        typer.Option(help="Let the bare program, too, leave out the padding of the model's input."),
    ] = False,
    model: Model = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything measured to this file.")
    ] = None,
) -> None:
    """Measure the agent's CPU against a bare program's; ends with the line `overhead N.NN`."""
    tell = Teller()
    load = Load(streams, recipe=FeedRecipe(wh=size_of(size), b_frames=b_frames))
    asked = Asked(
        None if target_fps == "auto" else _fps(target_fps), rounds, seconds, warmup, bare_trimmed
    )
    done, setting = measure_overhead(load, asked, model, tell)
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(done, setting), indent=1) + "\n")
    if (said := warning(done)) is not None:
        print(said)
    print(f"overhead {overhead(done):.2f}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asked for, beside the streams and the model."""

    fps: float | None = None  # analysed a second and stream; None: what fits
    rounds: int = 5
    seconds: float = 30.0
    warmup: float = 8.0
    bare_trimmed: bool = False


def measure_overhead(
    load: Load, asked: Asked, manifest: Path | None, tell: Teller
) -> tuple[list[Round], dict[str, Json]]:
    """Return the rounds and what they were measured under; each round is printed as it ends.

    Rounds of unequal work are measured again, twice as many as asked for at most in sum.
    """
    with open_bed(load, manifest, tell) as bed:
        input_wh = _trimmed_wh(bed, load) if asked.bare_trimmed else None
        fps = asked.fps or _fitting_fps(bed, input_wh, tell)
        load = replace(load, target_fps=fps)
        print(f"{load.words()}; measured on core {min(bed.measured)}", flush=True)
        done: list[Round] = []
        while len(done) < 2 * asked.rounds and sum(r.equal_work for r in done) < asked.rounds:
            done.append(_round(bed, load, len(done) + 1, asked, input_wh, tell))
            print(round_line(len(done), done[-1]), flush=True)
    setting: dict[str, Json] = {
        "streams": load.cameras,
        "seconds": asked.seconds,
        "warmup": asked.warmup,
        "fps": fps,
        "b_frames": load.recipe.b_frames,
        "bare_input_wh": None if input_wh is None else list(input_wh),
    }
    return done, setting


def _trimmed_wh(bed: Bed, load: Load) -> Wh:
    """Return the input that the agent runs. Raises: UsageError where it is the whole one."""
    manifest = load_manifest(bed.manifest)
    session = open_session(manifest, threads=1, provider="cpu")
    if not session.trims or manifest.layout != "nchw":
        raise UsageError(f"bench: --bare-trimmed: {manifest.model_id} runs its padding too")
    return trimmed_wh(load.recipe.wh, manifest)


def _fitting_fps(bed: Bed, input_wh: Wh | None, tell: Teller) -> float:
    """Return how many pictures a second and stream the core can be asked for; says why."""
    folder = bed.folder / "probe"
    folder.mkdir()
    probe = measure_program(
        "bare", bare_command(bed, _FPS_TO_TRY[0], input_wh), bed, folder,
        seconds=_PROBE_S, warmup=_PROBE_WARMUP_S, tell=tell,
    )  # fmt: skip
    fps, share = choose_fps(probe, _PROBE_S, len(bed.urls))
    infer_ms = (probe.infer_cpu_s or 0.0) / max(1, probe.images) * 1e3
    print(
        f"one inference takes {infer_ms:.1f} ms of CPU here: {fps:g} pictures a second and "
        f"stream leave the bare program at {share:.0%} of its core"
        + ("" if share <= _ROOM else f", more than {_ROOM:.0%}: fewer streams would say more"),
        flush=True,
    )
    return fps


def choose_fps(probe: Side, seconds: float, streams: int) -> tuple[float, float]:
    """Return the highest rate at which the bare program keeps to its share, and that share.

    Args: `probe` what it did in `seconds`; decoding costs the same at every rate.
    """
    infer_s = (probe.infer_cpu_s or 0.0) / max(1, probe.images)
    decode_share = (probe.cpu_s - (probe.infer_cpu_s or 0.0)) / seconds
    shares = [(fps, decode_share + fps * streams * infer_s) for fps in _FPS_TO_TRY]
    return next(((fps, share) for fps, share in shares if share <= _ROOM), shares[-1])


def _round(
    bed: Bed, load: Load, number: int, asked: Asked, input_wh: Wh | None, tell: Teller
) -> Round:
    seconds, warmup = asked.seconds, asked.warmup
    folder = bed.folder / f"round-{number}"
    folder.mkdir()
    site_file = write_load_site(folder, bed, load)
    run = measure_agent(folder, bed, site_file, seconds=seconds, warmup=warmup, tell=tell)
    bare = measure_program(
        "bare", bare_command(bed, load.target_fps, input_wh), bed, folder,
        seconds=seconds, warmup=warmup, tell=tell,
    )  # fmt: skip
    return Round(side_of(run), bare, round(load.cameras * load.target_fps * seconds))


def side_of(run: AgentRun) -> Side:
    """Return a run of the agent as a side of a comparison."""
    return Side(
        cpu_s=run.cpu_s,
        images=sum(run.camera_counts("frames_analysed")),
        frames=sum(run.camera_counts("frames_decoded")),
        memory_mb=run.after.rss_mb,
    )


def _fps(text: str) -> float:
    try:
        fps = float(text)
    except ValueError:
        fps = 0.0
    if not 0 < fps <= 60:
        raise UsageError(f"bench: --target-fps {text}: not auto, and not more than 0 to 60")
    return fps
