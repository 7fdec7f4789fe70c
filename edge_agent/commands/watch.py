"""`edge-agent watch`: see events live, as a central platform would."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from edge_agent.commands.event_table import EventRow, EventTable
from edge_agent.contract import parse_message
from edge_agent.contract.topics import DEFAULT_ROOT, event_filter, gaps_filter
from edge_agent.deliver.endpoint import Endpoint, split_broker_url
from edge_agent.deliver.subscriber import Incoming, receive
from edge_agent.errors import UsageError
from edge_agent.types import EventKind, Layer, Ring

BrokerOption = Annotated[
    str, typer.Option("--broker", "-b", help="mqtt://HOST[:PORT] or mqtts://HOST[:PORT].")
]
RootOption = Annotated[str, typer.Option(help="The first levels of all topics.")]
UserOption = Annotated[str | None, typer.Option(help="The user at the broker.")]
PasswordOption = Annotated[
    Path | None, typer.Option(help="A file that holds the password, and only that.")
]
CaOption = Annotated[
    Path | None, typer.Option(help="The authority that the broker's certificate is checked by.")
]
SecondsOption = Annotated[float | None, typer.Option(min=0, help="End after so many seconds.")]


def reach(
    broker: str, username: str | None, password_file: Path | None, ca_file: Path | None
) -> Endpoint:
    """Return the broker's endpoint. Raises: UsageError."""
    host, port, tls = split_broker_url(broker)
    if ca_file is not None and not tls:
        raise UsageError(f"--ca-file is of no use for {broker}; write mqtts://")
    password = None
    if password_file is not None:
        if username is None:
            raise UsageError("--password-file needs --username")
        try:
            password = password_file.read_text().rstrip("\r\n")
        except OSError as error:
            raise UsageError(f"--password-file {password_file}: {error.strerror}") from error
    return Endpoint(
        host, port, tls, username=username, password=password, ca_file=ca_file, keepalive_s=30
    )


def say(text: str) -> None:
    """Tell what the connection does, apart from the events."""
    print(text, file=sys.stderr, flush=True)


def command(
    broker: BrokerOption = "mqtt://127.0.0.1:1883",
    root: RootOption = DEFAULT_ROOT,
    ring: Annotated[Ring | None, typer.Option(help="Only this ring.")] = None,
    layer: Annotated[Layer | None, typer.Option(help="Only this sensing layer.")] = None,
    camera: Annotated[str | None, typer.Option(help="Only this camera.")] = None,
    kind: Annotated[EventKind | None, typer.Option(help="Only this kind of event.")] = None,
    username: UserOption = None,
    password_file: PasswordOption = None,
    ca_file: CaOption = None,
    json: Annotated[bool, typer.Option("--json", help="One payload a line.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    seconds: SecondsOption = None,
) -> None:
    """Show events live until Ctrl-C: a table on a terminal, lines in a pipe."""
    endpoint = reach(broker, username, password_file, ca_file)
    filters = watch_filters(root, ring, layer, camera, kind)
    console = Console()
    # A table redraws itself: what the connection says goes above it.
    tabular = console.is_terminal and not json
    tell = console.print if tabular else say
    with closing(receive(endpoint, filters, on_connection=tell)) as incoming:
        wanted = _until(incoming, count, seconds)
        try:
            if tabular:
                _show_table(console, wanted, root)
            else:
                _show_lines(wanted, root, as_json=json)
        except KeyboardInterrupt:
            return


def watch_filters(
    root: str,
    ring: Ring | None,
    layer: Layer | None,
    camera: str | None,
    kind: EventKind | None,
) -> list[str]:
    """Return the topic filters; gaps concern no one camera: narrowing leaves them out."""
    if kind is EventKind.GAP:
        return [gaps_filter(root)]
    events = event_filter(root, ring=ring, layer=layer, camera=camera, kind=kind)
    narrowed = any(choice is not None for choice in (ring, layer, camera, kind))
    return [events] if narrowed else [events, gaps_filter(root)]


def _until(
    incoming: Iterator[Incoming | None], count: int | None, seconds: float | None
) -> Iterator[Incoming | None]:
    """Pass on what comes until enough came or the time is over; None where nothing came."""
    until = None if seconds is None else time.monotonic() + seconds
    passed = 0
    for message in incoming:
        if until is not None and time.monotonic() >= until:
            return
        yield message
        passed += message is not None
        if count is not None and passed >= count:
            return


def _show_table(console: Console, wanted: Iterator[Incoming | None], root: str) -> None:
    table = EventTable(max(5, console.height - 4))
    with Live(table, console=console, auto_refresh=False) as live:
        for message in wanted:
            if message is not None:
                _add(table, message, root, console.print)
            live.refresh()


def _show_lines(wanted: Iterator[Incoming | None], root: str, *, as_json: bool) -> None:
    table = EventTable(1)
    for message in wanted:
        if message is None:
            continue
        if as_json:
            print(message.payload.decode(), flush=True)
            continue
        row = _add(table, message, root, say)
        if row is not None:
            print(row.line(), flush=True)


def _add(
    table: EventTable, message: Incoming, root: str, tell: Callable[[str], None]
) -> EventRow | None:
    try:
        parsed = parse_message(message.topic, message.payload, root=root)
    except ValueError as error:
        tell(str(error))
        return None
    return table.add(parsed, received_wall_ns=message.wall_ns)
