"""`edge-agent verify`: prove from outside that nothing is missing."""

import json as json_text
import sys
import time
from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console

from edge_agent.commands.watch import (
    BrokerOption,
    CaOption,
    PasswordOption,
    RootOption,
    SecondsOption,
    UserOption,
    reach,
    say,
)
from edge_agent.contract import Ledger, parse_message
from edge_agent.contract.topics import (
    DEFAULT_ROOT,
    agent_state_filter,
    event_filter,
    gaps_filter,
)
from edge_agent.deliver.endpoint import Endpoint
from edge_agent.deliver.subscriber import receive
from edge_agent.types import Json

#: How long the broker keeps what comes for a session that is away.
_SESSION_S = 14 * 24 * 3600


def command(
    broker: BrokerOption = "mqtt://127.0.0.1:1883",
    root: RootOption = DEFAULT_ROOT,
    client_id: Annotated[
        str | None,
        typer.Option(help="Keep a session of this name: what comes between two runs counts too."),
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Expect each stream from seq 1 on.")
    ] = False,
    username: UserOption = None,
    password_file: PasswordOption = None,
    ca_file: CaOption = None,
    json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    seconds: SecondsOption = None,
) -> None:
    """Check all agents' sequences until Ctrl-C or --seconds; end with 1 where one has a hole."""
    endpoint = reach(broker, username, password_file, ca_file)
    ledger = Ledger(from_start=from_start)
    unreadable = _listen(endpoint, root, client_id, ledger, seconds)
    report = ledger.report() | {"unreadable": unreadable}
    if json:
        print(json_text.dumps(report, ensure_ascii=False))
    else:
        Console(soft_wrap=True, highlight=False).print(report_text(report), markup=False)
    sys.exit(0 if report["complete"] else 1)


def _listen(
    endpoint: Endpoint,
    root: str,
    client_id: str | None,
    ledger: Ledger,
    seconds: float | None,
) -> int:
    """Book what comes; return how many messages could not be read."""
    unreadable = 0
    until = None if seconds is None else time.monotonic() + seconds
    messages = receive(
        endpoint,
        [event_filter(root), gaps_filter(root), agent_state_filter(root)],
        client_id=client_id,
        session_expiry_s=_SESSION_S if client_id else 0,
        on_connection=say,
    )
    with closing(messages):
        try:
            for message in messages:
                if message is not None:
                    try:
                        parsed = parse_message(message.topic, message.payload, root=root)
                        ledger.add(parsed, received_wall_ns=message.wall_ns)
                    except ValueError as error:
                        unreadable += 1
                        say(str(error))
                if until is not None and time.monotonic() >= until:
                    break
        except KeyboardInterrupt:
            pass
    return unreadable


def report_text(report: dict[str, Json]) -> str:
    """Return the report for people."""
    lines: list[str] = []
    for stream in report["streams"]:
        lines += _stream_lines(stream)
    if not report["streams"]:
        lines.append("nothing came")
    if report["unreadable"]:
        lines.append(f"{report['unreadable']} messages could not be read")
    lines.append("complete" if report["complete"] else "INCOMPLETE: messages are missing")
    return "\n".join(lines)


def _stream_lines(stream: dict[str, Json]) -> list[str]:
    kinds = ", ".join(f"{kind} {n}" for kind, n in stream["kinds"].items()) or "none"
    lines = [
        f"{stream['agent_id']}  stream {stream['stream_id']}  boots {stream['boots']}",
        f"  received     {stream['received']} (seq {stream['first_seq']}..{stream['last_seq']}):"
        f" {kinds}",
        f"  missing      unannounced {_ranges(stream['missing_unannounced'])};"
        f" announced {_ranges(stream['missing_announced'])};"
        f" before the outbox {stream['lost_before_commit']}",
        f"  repeated     {stream['duplicates']};  out of order {stream['out_of_order']}",
    ]
    if stream["awaited"]:
        lines.append(f"  still to come {stream['awaited']} (up to seq {stream['told_last_seq']})")
    lines += [
        f"  clock {source:<8} min {skew['min_s']:.3f} s, median {skew['median_s']:.3f} s,"
        f" max {skew['max_s']:.3f} s of {skew['samples']}"
        for source, skew in stream["clock_skew"].items()
    ]
    return lines


def _ranges(ranges: list[tuple[int, int]]) -> str:
    if not ranges:
        return "0"
    count = sum(last - first + 1 for first, last in ranges)
    shown = ", ".join(f"{a}" if a == b else f"{a}..{b}" for a, b in ranges[:10])
    return f"{count} ({shown}{', …' if len(ranges) > 10 else ''})"
