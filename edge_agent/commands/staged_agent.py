"""The agent as a child process of `demo` and `bench`."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_agent.errors import AgentError, StateError
from edge_agent.health.status_socket import ask_status
from edge_agent.stage.child import Child, start_child
from edge_agent.stage.site import status_socket
from edge_agent.types import Json

#: The agent promises to stop within 5 s.
AGENT_STOPS_S = 10.0
#: How long a running agent may take to answer where the machine has no core to spare.
ANSWER_S = 30.0

_AGENT_ANSWERS_S = 60.0
_CAMERAS_COME_S = 90.0
_EACH_COMES_S = 4.0  # where many open at once, each waits for those before it
_NAMED_LATE = 4


def start_agent(
    folder: Path,
    site_file: Path,
    *,
    cores: frozenset[int] = frozenset(),
    env: Mapping[str, str] | None = None,
) -> Child:
    """Start `edge-agent run` and wait until its status socket answers."""
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(site_file)]
    agent = start_child("agent", command, folder, cores=cores, env=env)

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
    Raises: AgentError naming the cameras that have not come in time, and why.
    """
    began, limit_s = time.monotonic(), _CAMERAS_COME_S
    while True:
        agent.require_alive()
        snapshot = ask_status(socket, ANSWER_S)
        limit_s = max(_CAMERAS_COME_S, _EACH_COMES_S * len(snapshot["cameras"]))
        late = [c for c in snapshot["cameras"] if not c["counts"].get("frames_decoded")]
        if not late:
            return snapshot
        if time.monotonic() > began + limit_s:
            raise AgentError(f"no frame within {limit_s:.0f} s from {_name_late(late)}")
        pause()


def _name_late(late: Sequence[dict[str, Json]]) -> str:
    """Return the first cameras that have not come with their reasons, and how many more."""
    named = "; ".join(
        f"camera {c['camera_id']}: {c['state']}, {c['reason']}" for c in late[:_NAMED_LATE]
    )
    more = len(late) - _NAMED_LATE
    return named if more <= 0 else f"{named}; and {more} more"
