"""The demo while it runs: broker, cameras, agent and subscriber, and what they say."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.live import Live

from edge_agent.commands.demo.lineup import Lineup
from edge_agent.commands.demo.summary import Tally, draw_summary
from edge_agent.commands.event_table import EventTable
from edge_agent.commands.staged_agent import AGENT_STOPS_S, start_agent, wait_for_cameras
from edge_agent.contract import parse_message
from edge_agent.contract.models import EndEvent, TrackEvent
from edge_agent.contract.topics import DEFAULT_ROOT, event_filter, gaps_filter
from edge_agent.deliver.endpoint import Endpoint
from edge_agent.deliver.subscriber import Incoming, receive
from edge_agent.health.status_socket import ask_status
from edge_agent.stage.broker import BrokerKind, start_broker
from edge_agent.stage.cameras import CameraKind, choose_cameras, start_cameras
from edge_agent.stage.child import Child
from edge_agent.stage.site import status_socket, write_site
from edge_agent.types import Json

_DRAW_NS = 200_000_000
#: Lines of the terminal that the table leaves to its head, its caption and the prompt.
_SPARE_LINES = 11


@dataclass(slots=True)
class Play:
    """A running demo."""

    console: Console
    lineup: Lineup
    agent: Child
    socket: Path
    incoming: Iterator[Incoming | None]
    _table: EventTable
    _tally: Tally = field(default_factory=Tally)
    _heard: set[str | None] = field(default_factory=set)  # cameras with an event about a track
    _live: Live | None = None
    _drawn_ns: int = 0
    _before: dict[str, Json] = field(default_factory=dict)
    _began: float = 0.0

    def wait_for_cameras(self) -> None:
        """Wait for the last camera's first frame; what is counted begins there."""
        self._before = wait_for_cameras(
            self.agent, self.socket, pause=lambda: self._hear(counted=False)
        )
        self._began = time.monotonic()

    def show(self, seconds: float | None) -> bool:
        """Show the events; return whether `seconds` are over, not Ctrl-C the end of it."""
        with contextlib.suppress(KeyboardInterrupt), self._screen():
            while seconds is None or time.monotonic() < self._began + seconds:
                self.agent.require_alive()
                self._hear(counted=True)
            return True
        return False

    def sum_up(self) -> list[str]:
        """Print the summary of the counted time; return the cameras that never gave an event."""
        seconds, after = time.monotonic() - self._began, ask_status(self.socket)
        self.console.print(draw_summary(self._before, after, seconds, self._tally))
        return [camera.id for camera in self.lineup.cameras if camera.id not in self._heard]

    def _hear(self, *, counted: bool) -> None:
        """Take the next message, waiting for it a moment, and show it."""
        incoming = next(self.incoming)
        if incoming is not None:
            message = parse_message(incoming.topic, incoming.payload)
            if isinstance(message, TrackEvent | EndEvent):
                self._heard.add(message.camera_id)
            if counted:
                self._tally.add(message)
            row = self._table.add(message, received_wall_ns=incoming.wall_ns)
            if row is not None and not self.console.is_terminal:
                print(row.line(), flush=True)
        now_ns = time.monotonic_ns()
        if self._live is not None and now_ns - self._drawn_ns > _DRAW_NS:
            self._drawn_ns = now_ns
            self._live.refresh()

    @contextlib.contextmanager
    def _screen(self) -> Iterator[None]:
        """A table that redraws itself on a terminal; elsewhere the lines are enough."""
        if not self.console.is_terminal:
            yield
            return
        with Live(self._table, console=self.console, auto_refresh=False) as self._live:
            yield


def start_play(
    stack: contextlib.ExitStack,
    console: Console,
    folder: Path,
    lineup: Lineup,
    model: Path | None,
    broker_kind: BrokerKind | None = None,
    camera_kind: CameraKind | None = None,
) -> Play:
    """Start everything in order; `stack` stops it in reverse.

    Args: `model` is a detector's manifest, None the agent's own; kinds that are None are what
        is installed, cameras from pip first: the demo is the same everywhere.
    Raises: AgentError naming the part that did not come up, with its last words.
    """
    broker = start_broker(folder, kind=broker_kind)
    stack.callback(broker.stop)
    console.print(
        f"broker {broker.url} ({broker.kind}); in a second terminal:\n"
        f"  .venv/bin/edge-agent watch --broker {broker.url}"
    )
    urls = lineup.urls
    if not lineup.own:
        cameras = start_cameras(
            folder, lineup.clips, kind=camera_kind or choose_cameras(first="pip")
        )
        stack.callback(cameras.stop)
        urls = cameras.urls
    for camera in lineup.cameras:
        console.print(f"camera {camera.id}: {camera.ring}, {camera.layer}, {urls[camera.id]}")
    incoming = receive(
        Endpoint("127.0.0.1", broker.port),
        [event_filter(DEFAULT_ROOT), gaps_filter(DEFAULT_ROOT)],
        on_connection=lambda words: None,
    )
    stack.enter_context(contextlib.closing(incoming))
    next(incoming)  # connects and subscribes before there is anything to miss
    site_file = write_site(
        folder,
        agent_id="demo",
        broker_url=broker.url,
        manifest=model,
        cameras=lineup.cameras,
        urls=urls,
        username=lineup.username,
    )
    agent = start_agent(folder, site_file, env=lineup.environment())
    stack.callback(agent.stop, AGENT_STOPS_S)
    table = EventTable(max(5, console.height - _SPARE_LINES))
    return Play(console, lineup, agent, status_socket(folder), incoming, table)
