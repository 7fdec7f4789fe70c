"""`edge-agent run`: the service."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from edge_agent import __version__
from edge_agent.app import App
from edge_agent.clock import SystemClock
from edge_agent.config import load, state_dir, status_socket
from edge_agent.errors import StateError
from edge_agent.health.logs import configure_logs
from edge_agent.health.notify import notify
from edge_agent.health.status_socket import StatusServer, ask_status
from edge_agent.hotloop.planning import MOST_S, Decision, known_plan, measure_plan
from edge_agent.settings import AgentSettings
from edge_agent.types import Json

#: A start may take so much longer from each word on.
_EXTEND_US = 10_000_000


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
    decision = _find_plan(settings, stop)
    if stop.is_set():
        return
    app = App(
        settings,
        state_dir=state_dir(settings),
        status_socket=status_socket(settings),
        decision=decision,
    )
    clean = app.run(stop)
    sys.stdout.flush()
    sys.stderr.flush()
    if not clean:
        # A native thread still runs; the interpreter's own end would abort in it.
        os._exit(1)


def _find_plan(settings: AgentSettings, stop: threading.Event) -> Decision:
    """Return the plan, measured where this is the first start; `status` says so meanwhile."""
    state, socket = state_dir(settings), status_socket(settings)
    known = known_plan(settings, state)
    if known is not None:
        return known
    started = time.monotonic()

    def starting() -> dict[str, Json]:
        return {
            "version": __version__,
            "agent_id": settings.agent_id,
            "site": settings.site,
            "pid": os.getpid(),
            "starting": f"measuring the plan for at most {MOST_S:.0f} s, "
            f"{time.monotonic() - started:.0f} s so far; cameras start after it",
        }

    def tell() -> None:
        # Each message moves the end of the start's time-out. Source: sd_notify(3).
        notify(f"EXTEND_TIMEOUT_USEC={_EXTEND_US}\nSTATUS=measuring the plan")

    status = None if _answers(socket) else StatusServer(socket, starting)
    try:
        if status is not None:
            status.start()
        return measure_plan(settings, state, clock=SystemClock(), stop=stop, tell=tell)
    finally:
        if status is not None:
            status.stop()


def _answers(socket: Path) -> bool:
    """Return whether another agent has this socket; it will be told apart by its state folder."""
    try:
        ask_status(socket)
    except StateError:
        return False
    return True
