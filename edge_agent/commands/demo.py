"""`edge-agent demo`: cameras, broker and agent on this machine, and the events as they come."""

import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from edge_agent.commands.demo_play import start_play
from edge_agent.errors import AgentError, UsageError
from edge_agent.stage.broker import choose_broker
from edge_agent.stage.cameras import choose_cameras
from edge_agent.stage.clips import DEMO, cache_folder, prepare_clip
from edge_agent.stage.site import (
    DEMO_CAMERAS,
    SHARED_MEDIA,
    SHARED_MODEL,
    choose_footage,
    find_beside,
    write_manifest,
)


def command(
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds", min=1, help="End by itself so long after the last camera's first frame."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="The manifest (TOML) of a detector.")
    ] = None,
    media: Annotated[
        Path | None, typer.Option("--media", help="A folder with video files to play.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder with site file, logs and outbox.")
    ] = False,
) -> None:
    """Play four clips as RTSP cameras and show the agent's events until Ctrl-C."""
    console = Console(highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, _interrupt)
    given_model, footage = _find_props(model, media)
    broker_kind, camera_kind = choose_broker(), choose_cameras(first="pip")
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(_work_folder(console, keep))
            clips = _make_clips(console, footage)
            manifest = model or write_manifest(folder, given_model)
            play = start_play(stack, console, folder, clips, manifest, broker_kind, camera_kind)
            play.wait_for_cameras()
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        finished = play.show(seconds)
        silent = play.sum_up()
    if finished and silent:
        raise AgentError(f"demo: no event from camera {', '.join(silent)}")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _find_props(model: Path | None, media: Path | None) -> tuple[Path, dict[str, Path]]:
    """Return the model and a video for each camera.

    Raises: UsageError with the one line that helps.
    """
    found_model, found_media = (
        model or find_beside(SHARED_MODEL),
        media or find_beside(SHARED_MEDIA),
    )
    missing = []
    if found_model is None:
        missing.append(f"--model MANIFEST.toml (no {SHARED_MODEL} in any folder above)")
    if found_media is None:
        missing.append(f"--media FOLDER of videos (no {SHARED_MEDIA} in any folder above)")
    if found_model is None or found_media is None:
        raise UsageError(f"demo: give it {' and '.join(missing)}")
    if not found_model.is_file():
        raise UsageError(f"demo: --model {model}: no such file; give a detector's manifest (TOML)")
    footage = choose_footage(DEMO_CAMERAS, found_media)
    if not footage:
        raise UsageError(f"demo: --media {media}: no video file in it (mp4, mkv, mov, avi, ts)")
    return found_model, footage


@contextlib.contextmanager
def _work_folder(console: Console, keep: bool) -> Iterator[Path]:
    if keep:
        folder = Path(tempfile.mkdtemp(prefix="edge-agent-demo-"))
        console.print(f"site file, logs and outbox stay in {folder}")
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="edge-agent-demo-") as name:
            yield Path(name)


def _make_clips(console: Console, footage: dict[str, Path]) -> dict[str, Path]:
    """Return a clip for each camera; says which are made, for the first time takes a while."""
    folder = cache_folder()
    clips = {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        for camera_id, source in footage.items():
            bar: TaskID | None = None

            def progress(done: float, source: Path = source) -> None:
                nonlocal bar
                if bar is None:
                    bar = bars.add_task(f"making clip {source.name}", total=1.0)
                bars.update(bar, completed=done)

            clips[camera_id] = prepare_clip(source, DEMO, folder, progress)
    return clips
