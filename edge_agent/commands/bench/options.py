"""The options that describe a load, for every subcommand of the bench."""

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.bench.bed import Load, SceneKind
from edge_agent.commands.bench.site import require_decode_mode
from edge_agent.errors import UsageError
from edge_agent.stage.feed_clips import Codec, FeedRecipe, RateControl
from edge_agent.types import Wh

_SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "2160p": (3840, 2160)}

Cameras = Annotated[int, typer.Option(min=1, max=256, help="Generated streams.")]
SceneOption = Annotated[
    SceneKind,
    typer.Option("--scene", help="busy: footage or rendered streets; quiet: an empty one."),
]
Size = Annotated[str, typer.Option(help="360p, 720p, 1080p, 2160p or WIDTHxHEIGHT.")]
Fps = Annotated[int, typer.Option(min=1, max=60, help="Pictures a second of each stream.")]
Gop = Annotated[int, typer.Option(min=1, max=1000, help="Pictures from keyframe to keyframe.")]
CodecOption = Annotated[Codec, typer.Option("--codec")]
RateOption = Annotated[
    RateControl, typer.Option("--rate", help="crf: as a camera's VBR; cbr: a constant bitrate.")
]
BFrames = Annotated[int, typer.Option("--b-frames", min=0, max=4)]
Decode = Annotated[str, typer.Option(help="The cameras' decode mode: always, on_demand, …")]
TargetFps = Annotated[
    float, typer.Option(min=0.1, max=60, help="Pictures to analyse a second and stream.")
]
Model = Annotated[
    Path | None, typer.Option("--model", help="A detector's manifest (TOML); else YOLOX-Nano.")
]
Seconds = Annotated[float, typer.Option(min=1, help="Measured for.")]
Warmup = Annotated[float, typer.Option(min=0, help="Seconds before, from the last camera's frame.")]
Rounds = Annotated[int, typer.Option(min=1, max=9, help="Measure so often and tell the median.")]

# Of the main measurement alone.
Config = Annotated[
    Path | None, typer.Option(help="Measure this site file: its cameras, its model.")
]
AllCores = Annotated[
    bool,
    typer.Option("--all-cores", help="The agent may use every core, with the streams' servers."),
]
Find = Annotated[
    bool, typer.Option("--find", help="Search the largest number of streams, up to --limit.")
]
Limit = Annotated[int, typer.Option(min=1, max=256, help="Where --find ends.")]
Peers = Annotated[
    bool, typer.Option("--peers", help="Measure other programs on the same streams too.")
]
PeerCameras = Annotated[
    int | None, typer.Option(min=1, help="Streams of the peers; else as many as --cameras.")
]
PeerEnv = Annotated[
    list[str] | None, typer.Option(metavar="NAME=FOLDER", help="A peer's environment elsewhere.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")]
HtmlFile = Annotated[
    Path | None, typer.Option("--html", help="Write a page that needs no network.")
]
CompareWith = Annotated[
    Path | None,
    typer.Option("--compare", help="A report of --json; status 1 where something became worse."),
]


def load_of(
    cameras: int,
    scene: SceneKind,
    size: str,
    fps: int,
    gop: int,
    codec: Codec,
    rate: RateControl,
    b_frames: int,
    decode: str,
    target_fps: float,
) -> Load:
    """Return the load that the options describe. Raises: UsageError naming the wrong one."""
    require_decode_mode(decode)
    recipe = FeedRecipe(
        wh=size_of(size),
        fps=fps,
        gop=gop,
        codec=codec,
        rate=rate,
        b_frames=b_frames,
        seconds=clip_seconds(fps, gop),
    )
    return Load(cameras, scene, recipe, decode, target_fps)  # fmt: skip


def size_of(text: str) -> Wh:
    """Return width and height, both even. Raises: UsageError."""
    if text in _SIZES:
        return _SIZES[text]
    width, cross, height = text.partition("x")
    if cross and width.isdigit() and height.isdigit():
        wh = int(width), int(height)
        if min(wh) >= 64 and wh[0] % 2 == 0 and wh[1] % 2 == 0:
            return wh
    raise UsageError(
        f"bench: --size {text}: not one of {', '.join(_SIZES)}, and not WIDTHxHEIGHT, both even"
    )


def clip_seconds(fps: int, gop: int) -> float:
    """Return about 24 s in whole GOPs, so that the loop's seam is a keyframe on the beat."""
    return max(1, round(24 * fps / gop)) * gop / fps
