"""The agent as a child process of `demo` and `bench`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from edge_agent.errors import AgentError, StateError
from edge_agent.health.status_socket import ask_status
from edge_agent.stage.child import Child, start_child
from edge_agent.stage.site import status_socket
from edge_agent.types import Json

#: The agent promises to stop within 5 s.
AGENT_STOPS_S = 10.0

_AGENT_ANSWERS_S = 60.0
_CAMERAS_COME_S = 90.0


def start_agent(folder: Path, site_file: Path, *, cores: frozenset[int] = frozenset()) -> Child:
    """Start `edge-agent run` and wait until its status socket answers."""
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(site_file)]
    agent = start_child("agent", command, folder, cores=cores)

    def answers() -> bool:
        try:
            return bool(ask_status(status_socket(folder))["pid"] == agent.pid)
        except StateError:
            return False

    try:
        agent.wait_until(answers, _AGENT_ANSWERS_S, "answering on its status socket")
    except BaseException:
        agent.stop(AGENT_STOPS_S)
        raise
    return agent


def wait_for_cameras(
    agent: Child, socket: Path, *, pause: Callable[[], None] = lambda: time.sleep(0.05)
) -> dict[str, Json]:
    """Return the first snapshot in which every camera has given a frame.

    `pause` passes the time between two looks.
    Raises: AgentError naming the cameras that have not come within 90 s, and why.
    """
    deadline = time.monotonic() + _CAMERAS_COME_S
    while True:
        agent.require_alive()
        snapshot = ask_status(socket)
        late = [c for c in snapshot["cameras"] if not c["counts"].get("frames_decoded")]
        if not late:
            return snapshot
        if time.monotonic() > deadline:
            said = "; ".join(f"camera {c['camera_id']}: {c['state']}, {c['reason']}" for c in late)
            raise AgentError(f"no frame within {_CAMERAS_COME_S:.0f} s from {said}")
        pause()
