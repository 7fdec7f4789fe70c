"""`edge-agent status`: the installer's screen over SSH."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from edge_agent.config import load, status_socket
from edge_agent.errors import UsageError
from edge_agent.health.status_socket import ask_status
from edge_agent.types import Json

SERVICE_SOCKET = Path("/run/edge-agent/status.sock")

_STATE_STYLE = {"live": "green", "connecting": "yellow", "lost": "bold red", "ended": "blue"}


def command(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The site file of the running agent.")
    ] = None,
    socket: Annotated[
        Path | None, typer.Option("--socket", help="The agent's socket, instead of a site file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole snapshot as JSON.")] = False,
) -> None:
    """Show what the running agent is doing: cameras, outbox, broker."""
    if config is not None and socket is not None:
        raise UsageError("status: --config and --socket exclude each other; give one of them")
    path = _socket_of(config) if config is not None else socket or SERVICE_SOCKET
    snapshot = ask_status(path)
    if as_json:
        print(json.dumps(snapshot, ensure_ascii=False))
        return
    Console().print(draw(snapshot))


def _socket_of(config: Path) -> Path:
    return status_socket(load(config), asking=True)


def draw(snapshot: dict[str, Json]) -> Group:
    """Return the screen of a snapshot."""
    cameras = snapshot["cameras"]
    return Group(_headline(snapshot), _camera_table(cameras), *_reasons(cameras), _footer(snapshot))


def _headline(snapshot: dict[str, Json]) -> Text:
    plan = snapshot["plan"]
    return Text(
        f"{snapshot['agent_id']} at {snapshot['site']}   edge-agent {snapshot['version']}   "
        f"up {duration(snapshot['uptime_s'])}   {snapshot['rss_mb']:.0f} MB   "
        f"model {snapshot['model_id']}   plan {plan['lanes']}×{plan['threads']}×{plan['batch']}"
        + ("" if snapshot["time_trusted"] else "   clock not synchronised"),
        style="bold",
    )


def _camera_table(cameras: list[dict[str, Json]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("camera", "ring", "layer", "state", "since"):
        table.add_column(name)
    for name in ("fps", "of", "latency p50", "p99"):
        table.add_column(name, justify="right")
    table.add_column("drops")
    for camera in cameras:
        latency = camera["latency_s"]
        drops = " ".join(f"{reason} {n}" for reason, n in camera["drops"].items())
        table.add_row(
            camera["camera_id"],
            camera["ring"],
            camera["layer"],
            Text(camera["state"], style=_STATE_STYLE.get(camera["state"], "")),
            duration(camera["since_s"]),
            f"{camera['fps_analysed']:.1f}",
            f"{camera['fps_target']:g}",
            milliseconds(latency["p50"]),
            milliseconds(latency["p99"]),
            drops or "none",
        )
    return table


def _reasons(cameras: list[dict[str, Json]]) -> list[Text]:
    """Return a line for each camera that is not live: a column would be too narrow over SSH."""
    return [
        Text(f"  {camera['reason']}", style=_STATE_STYLE.get(camera["state"], ""))
        for camera in cameras
        if camera["state"] != "live"
    ]


def _footer(snapshot: dict[str, Json]) -> Text:
    outbox, broker = snapshot["outbox"], snapshot["broker"]
    oldest = outbox["oldest_s"]
    waiting = f"{outbox['depth']} waiting" + (
        f", oldest {duration(oldest)}" if outbox["depth"] and oldest is not None else ""
    )
    event = snapshot["latency_s"]["event"]
    text = Text(f"outbox: {waiting}, seq 1..{outbox['last_seq']}, {outbox['bytes'] / 1e6:.1f} MB")
    text.append(f"\nbroker: {broker['url']} ")
    text.append(broker["state"], style="green" if broker["state"] == "connected" else "bold red")
    text.append(f" for {duration(broker['since_s'])}")
    if broker["reason"]:
        text.append(f" ({broker['reason']})")
    text.append(
        f"\nlatency to the broker's acknowledgement: p50 {milliseconds(event['p50'])}, "
        f"p99 {milliseconds(event['p99'])} over {event['n']} events"
    )
    return text


def milliseconds(seconds: float | None) -> str:
    """Return a latency for people; a dash where nothing was measured."""
    return "–" if seconds is None else f"{seconds * 1e3:.0f} ms"


def duration(seconds: float) -> str:
    """Return a duration for people: 12 s, 3 min, 5 h, 8 d."""
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
