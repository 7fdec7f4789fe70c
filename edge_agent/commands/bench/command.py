"""`edge-agent bench`: what this machine carries, measured with real streams.

Alone it measures a load or a site file; its subcommands measure one figure each, and `table`
all figures of docs/performance.md in one go.
"""

import json
from pathlib import Path

import typer

from edge_agent.commands.bench import (
    growth,
    lanes,
    latency,
    overhead,
    quiet,
    rules,
    table,
    tracker,
)
from edge_agent.commands.bench.bed import SceneKind
from edge_agent.commands.bench.capacity import Asked, measure_capacity
from edge_agent.commands.bench.compare import compare, unlike
from edge_agent.commands.bench.html import draw_page
from edge_agent.commands.bench.options import (
    AllCores,
    BFrames,
    Cameras,
    CodecOption,
    CompareWith,
    Config,
    Decode,
    Find,
    Fps,
    Gop,
    HtmlFile,
    JsonFile,
    Limit,
    Model,
    PeerCameras,
    PeerEnv,
    Peers,
    RateOption,
    Rounds,
    SceneOption,
    Seconds,
    Size,
    TargetFps,
    Warmup,
    load_of,
)
from edge_agent.commands.bench.peers import peer_words
from edge_agent.commands.bench.text import report_lines
from edge_agent.errors import UsageError
from edge_agent.stage.feed_clips import Codec, RateControl
from edge_agent.types import Json

group = typer.Typer(
    add_completion=False, help="Measure what this machine carries, with real streams."
)
group.command("overhead")(overhead.command)
group.command("growth")(growth.command)
group.command("quiet")(quiet.command)
group.command("latency")(latency.command)
group.command("lanes")(lanes.command)
group.command("tracker")(tracker.command)
group.command("rules")(rules.command)
group.command("table")(table.command)


@group.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    config: Config = None,
    cameras: Cameras = 4,
    scene: SceneOption = SceneKind.BUSY,
    size: Size = "1080p",
    fps: Fps = 25,
    gop: Gop = 50,
    codec: CodecOption = Codec.H264,
    rate: RateOption = RateControl.CRF,
    b_frames: BFrames = 0,
    decode: Decode = "always",
    target_fps: TargetFps = 5.0,
    model: Model = None,
    seconds: Seconds = 30.0,
    warmup: Warmup = 10.0,
    rounds: Rounds = 1,
    all_cores: AllCores = False,
    find: Find = False,
    limit: Limit = 64,
    peers: Peers = False,
    peer_cameras: PeerCameras = None,
    peer_env: PeerEnv = None,
    json_file: JsonFile = None,
    html_file: HtmlFile = None,
    compare_with: CompareWith = None,
) -> None:
    """Measure what this machine carries: CPU by stage, latency, memory, joules of a load."""
    if context.invoked_subcommand is not None:
        return
    old = None if compare_with is None else _read_report(compare_with)
    load = load_of(cameras, scene, size, fps, gop, codec, rate, b_frames, decode, target_fps)
    asked = Asked(
        load, config, model, seconds, warmup, rounds, all_cores, limit if find else None,
        peers, peer_cameras, tuple(peer_env or ()),
    )  # fmt: skip
    report = measure_capacity(asked)
    _tell(report, json_file, html_file)
    if old is not None and _tell_changes(old, report):
        raise typer.Exit(1)


def _tell(report: dict[str, Json], json_file: Path | None, html_file: Path | None) -> None:
    for line in report_lines(report):
        print(line)
    for peer in report.get("peers") or []:
        print(f"peer {peer['name']}: {peer_words(peer)}")
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=1) + "\n")
    if html_file is not None:
        html_file.write_text(draw_page(report))


def _read_report(path: Path) -> dict[str, Json]:
    try:
        report: dict[str, Json] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"bench: --compare {path}: {error}") from error
    if "figures" not in report or "load" not in report:
        raise UsageError(f"bench: --compare {path}: no report of edge-agent bench --json")
    return report


def _tell_changes(old: dict[str, Json], new: dict[str, Json]) -> bool:
    """Print each figure then and now; return whether one became worse than it may."""
    for line in unlike(old, new):
        print(f"not the same: {line}")
    changes = list(compare(old, new))
    for change in changes:
        print(change.line())
    return any(change.worse for change in changes)
