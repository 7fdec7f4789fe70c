"""`edge-agent demo`: cameras, broker and agent on this machine, and the events as they come."""

import contextlib
import logging
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from edge_agent.commands.camera_reading import read_password
from edge_agent.commands.demo.lineup import Lineup, check_addresses, film, render_scenes, visit
from edge_agent.commands.demo.picture import take_pictures
from edge_agent.commands.demo.play import start_play
from edge_agent.config import boxed_model
from edge_agent.errors import AgentError, UsageError
from edge_agent.stage.broker import choose_broker
from edge_agent.stage.cameras import choose_cameras
from edge_agent.types import Layer, Ring


def command(
    addresses: Annotated[
        list[str] | None,
        typer.Argument(help="Your own cameras instead: rtsp://HOST[:PORT]/PATH, one or more."),
    ] = None,
    username: Annotated[
        str | None, typer.Option(help="User of your cameras; asks for a password.")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the password.")] = None,
    ring: Annotated[Ring, typer.Option(help="Where your cameras stand.")] = Ring.URBAN,
    layer: Annotated[Layer, typer.Option(help="What your cameras are for.")] = Layer.PORTRAIT,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="End by itself so long after the last camera's first frame."),
    ] = None,
    picture: Annotated[
        bool, typer.Option("--picture", help="Write a still with boxes of each camera, and end.")
    ] = False,
    out: Annotated[Path, typer.Option(help="The folder for the stills.")] = Path(),
    model: Annotated[
        Path | None,
        typer.Option(help="Another detector's manifest (TOML).", show_default="the agent's own"),
    ] = None,
    media: Annotated[
        Path | None, typer.Option(help="Play the videos of a folder instead of rendered scenes.")
    ] = None,
    clip_seconds: Annotated[
        float, typer.Option(min=2, max=60, help="Length of each rendered scene.")
    ] = 24,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder with site file, logs and outbox.")
    ] = False,
) -> None:
    """Show the agent's events on four rendered cameras, or on your own, until Ctrl-C."""
    console = Console(highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, _interrupt)
    urls = addresses or []
    _check(urls, username, password_file, media, picture, out)
    _check_model(model)
    _check_stage(own=bool(urls), picture=picture)
    if urls or picture:  # what the reader of a camera logs, the demo says better
        logging.getLogger("edge_agent").addHandler(logging.NullHandler())
    password = read_password(username, password_file, "the cameras")
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(_work_folder(console, keep))
            if urls:
                lineup = visit(console, urls, username, password, ring, layer, folder)
            else:
                lineup = film(console, media) if media else render_scenes(console, clip_seconds)
            if picture:
                take_pictures(console, lineup, model or boxed_model(), out)
                return
            play = start_play(stack, console, folder, lineup, model)
            play.wait_for_cameras()
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        finished = play.show(seconds)
        silent = play.sum_up()
    _judge(console, lineup, silent if finished else [])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _check(
    urls: list[str],
    username: str | None,
    password_file: Path | None,
    media: Path | None,
    picture: bool,
    out: Path,
) -> None:
    """Raise UsageError, the one line that helps, for what does not go together."""
    check_addresses(urls)
    if urls and media:
        raise UsageError("demo: give your cameras' addresses or --media, not both")
    if not urls and (username is not None or password_file is not None):
        raise UsageError("demo: --username and --password-file belong to a camera's address")
    if picture and not out.is_dir():
        raise UsageError(f"demo: --out {out}: no such folder")


def _check_model(model: Path | None) -> None:
    """Raise UsageError where there is no detector, before minutes are spent on anything else."""
    if model is not None and not model.is_file():
        raise UsageError(f"demo: --model {model}: no such file; give a detector's manifest (TOML)")
    if model is None and not boxed_model().is_file():
        missing = boxed_model()
        raise UsageError(
            f"demo: the agent's own detector, {missing}, is missing; give --model MANIFEST.toml"
        )


def _check_stage(*, own: bool, picture: bool) -> None:
    """Raise UsageError where what is about to be started is not installed."""
    if not picture:
        choose_broker()
        if not own:
            choose_cameras()


@contextlib.contextmanager
def _work_folder(console: Console, keep: bool) -> Iterator[Path]:
    if keep:
        folder = Path(tempfile.mkdtemp(prefix="edge-agent-demo-"))
        console.print(f"site file, logs and outbox stay in {folder}")
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="edge-agent-demo-") as name:
            yield Path(name)


def _judge(console: Console, lineup: Lineup, silent: list[str]) -> None:
    """Say which cameras gave no event; of the demo's own, that is a failure."""
    if not silent:
        return
    if not lineup.own:
        raise AgentError(f"demo: no event from camera {', '.join(silent)}")
    console.print(f"no person and no vehicle was seen by camera {', '.join(silent)}")
