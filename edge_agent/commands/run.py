"""`edge-agent run`: the service."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from edge_agent.app import App
from edge_agent.config import load, state_dir, status_socket
from edge_agent.health.logs import configure_logs


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The site file.")],
    log_format: Annotated[
        str | None, typer.Option("--log-format", help="text or json; overrides the site file.")
    ] = None,
) -> None:
    """Run the agent until SIGTERM or Ctrl-C; a second signal ends it at once."""
    settings = load(config)
    configure_logs(log_format or settings.service.log_format, settings.service.log_level)
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    app = App(settings, state_dir=state_dir(settings), status_socket=status_socket(settings))
    clean = app.run(stop)
    sys.stdout.flush()
    sys.stderr.flush()
    if not clean:
        # A native thread still runs; the interpreter's own end would abort in it.
        os._exit(1)
