"""`edge-agent status`: the installer's screen over SSH."""

import json
from collections.abc import Iterator
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

_STATE_STYLE = {
    "live": "green", "connecting": "yellow", "lost": "bold red", "ended": "blue", "resting": "blue",
}  # fmt: skip
_WARNING = "bold red"
#: Below this share of frames in time a camera is worth a line of its own.
_IN_TIME = 0.95


def command(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The site file of the running agent.")
    ] = None,
    socket: Annotated[
        Path | None, typer.Option("--socket", help="The agent's socket, instead of a site file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole snapshot as JSON.")] = False,
) -> None:
    """Show what the running agent is doing: cameras, load, outbox, broker."""
    if config is not None and socket is not None:
        raise UsageError("status: --config and --socket exclude each other; give one of them")
    path = _socket_of(config) if config is not None else socket or SERVICE_SOCKET
    snapshot = ask_status(path)
    if as_json:
        print(json.dumps(snapshot, ensure_ascii=False))
        return
    if "starting" in snapshot:
        print(f"{snapshot['agent_id']} at {snapshot['site']}: {snapshot['starting']}")
        return
    Console().print(draw(snapshot))


def _socket_of(config: Path) -> Path:
    return status_socket(load(config), asking=True)


def draw(snapshot: dict[str, Json]) -> Group:
    """Return the screen of a snapshot: a line a camera, the box, then what needs a look."""
    cameras = snapshot["cameras"]
    return Group(
        _headline(snapshot),
        _camera_table(cameras),
        _load(snapshot),
        _machine(snapshot["pressure"]),
        _footer(snapshot),
        *_warnings(snapshot),
    )


def _headline(snapshot: dict[str, Json]) -> Text:
    plan = snapshot["plan"]
    return Text(
        f"{snapshot['agent_id']} at {snapshot['site']}   edge-agent {snapshot['version']}   "
        f"up {duration(snapshot['uptime_s'])}   {snapshot['rss_mb']:.0f} MB   "
        f"model {snapshot['model_id']} on {snapshot['provider']}   "
        f"plan {plan['lanes']}×{plan['threads']}×{plan['batch']} ({plan['origin']})",
        style="bold",
    )


def _camera_table(cameras: list[dict[str, Json]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("camera", "ring", "layer", "state", "since"):
        table.add_column(name, no_wrap=True)
    for name in ("fps", "of", "p50", "p99", "in time", "CPU"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("does", "drops"):
        table.add_column(name)
    for camera in cameras:
        latency, effective = camera["latency_s"], camera["effective"]
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
            percent(effective["slo"]["within"]),
            f"{effective['cpu_ms_s']['all']:.0f} ms/s",
            does(effective),
            drops or "none",
        )
    return table


def does(effective: dict[str, Json]) -> str:
    """Return what a camera's stream really is and what is done with it, in a few words."""
    words = []
    if effective.get("codec"):
        width, height = effective.get("wh") or (0, 0)
        size = f"{width}x{height}" if width else ""
        rate = effective.get("measured_fps") or effective.get("declared_fps")
        words += [effective["codec"], size, "" if rate is None else f"{rate:g} fps"]
        decoder = effective.get("decoder")
        words.append("" if decoder in (None, effective["codec"]) else f"by {decoder}")
        decode = effective.get("decode") or {}
        mode, state = decode.get("effective", ""), decode.get("state", "")
        words += [mode, "" if mode == "always" else state, effective.get("clock_source") or ""]
    every = effective["load"]["every"]
    words.append("" if every == 1 else f"1/{every}")
    return " ".join(word for word in words if word)


def _load(snapshot: dict[str, Json]) -> Text:
    load_, pressure = snapshot["load"], snapshot["pressure"]
    lanes, cores = percent(load_["lanes_busy"]), percent(load_["cpu_share"])
    text = Text(f"load: lanes {lanes} busy, cores {cores} in use")
    if pressure["quota_cores"] is not None:
        text.append(f", quota {pressure['quota_cores']:g} cores")
    if load_["level"]:
        words = f"; level {load_['level']} of {load_['levels']} ({load_['step']})"
        text.append(f"{words} for {duration(load_['since_s'])}: {load_['reason']}", style=_WARNING)
    else:
        text.append("; nothing is given up", style="green")
    return text


def _machine(pressure: dict[str, Json]) -> Text:
    words = []
    zones = sorted(pressure["zones"], key=lambda zone: (zone["limit_c"] is None, -zone["celsius"]))
    for zone in zones[:1]:
        limit = "" if zone["limit_c"] is None else f" of {zone['limit_c']:.0f}"
        words.append(f"{zone['name']} {zone['celsius']:.0f}{limit} °C")
    if pressure["mhz"] is not None:
        words.append(f"slowest core {pressure['mhz']} of {pressure['max_mhz']} MHz")
    if pressure["stalled"] is not None:
        scope = "this service" if pressure["stalled_scope"] == "service" else "the machine"
        words.append(f"{scope} waits for a core {percent(pressure['stalled'])} of the time")
    if pressure["load_1min"] is not None:
        words.append(f"load average {pressure['load_1min']:g}")
    return Text("machine: " + (", ".join(words) or "tells nothing about heat or waiting"))


def _footer(snapshot: dict[str, Json]) -> Text:
    outbox, broker = snapshot["outbox"], snapshot["broker"]
    oldest = outbox["oldest_s"]
    waiting = f"{outbox['depth']} waiting" + (
        f", oldest {duration(oldest)}" if outbox["depth"] and oldest is not None else ""
    )
    event = snapshot["latency_s"]["event"]
    text = Text(f"outbox: {waiting}, seq 1..{outbox['last_seq']}, {outbox['bytes'] / 1e6:.1f} MB")
    text.append(f"\njournal: {_journal(snapshot.get('journal'))}")
    text.append(f"\nbroker: {broker['url']} ")
    text.append(broker["state"], style="green" if broker["state"] == "connected" else _WARNING)
    text.append(f" for {duration(broker['since_s'])}")
    text.append(
        f"\nlatency to the broker's acknowledgement: p50 {milliseconds(event['p50'])}, "
        f"p99 {milliseconds(event['p99'])} over {event['n']} events"
    )
    return text


def _journal(kept: dict[str, Json] | None) -> str:
    """Return what is kept for replay, in a few words; None: nothing is, or an older agent."""
    if kept is None:
        return "keeps no tracks"
    room = f"{kept['bytes'] / 1e6:.1f} of {kept['max_bytes'] / 1e6:.0f} MB of tracks"
    oldest = "" if kept["oldest_s"] is None else f", oldest {duration(kept['oldest_s'])}"
    return f"{room}{oldest}, {kept['frames_s']:.1f} frames/s, {kept['lost']} left out"


def _warnings(snapshot: dict[str, Json]) -> Iterator[Text]:
    """Give a line for all that needs a look; a column would be too narrow over SSH."""
    pressure, broker = snapshot["pressure"], snapshot["broker"]
    if not snapshot["time_trusted"]:
        yield Text("! clock not synchronised: events say time_trusted false", style="yellow")
    if pressure["slowed_by"]:
        yield Text(f"! slowed down: {pressure['slowed_by']}", style=_WARNING)
    if (pressure["quota_hit"] or 0) > 0.1:
        share = percent(pressure["quota_hit"])
        yield Text(f"! the CPU quota runs dry in {share} of its periods", style=_WARNING)
    if broker["reason"]:
        yield Text(f"! broker: {broker['reason']}", style=_WARNING)
    for camera in snapshot["cameras"]:
        if camera["state"] == "resting":  # as its hours ask for
            continue
        if camera["state"] != "live":
            style = _STATE_STYLE.get(camera["state"], "")
            yield Text(f"! {camera['reason']}", style=style)
            continue
        decode = camera["effective"].get("decode") or {}
        if decode.get("reason"):
            text = f"! {camera['camera_id']}: decodes everything: {decode['reason']}"
            yield Text(text, style="yellow")
        slo = camera["effective"]["slo"]
        if slo["within"] is not None and slo["within"] < _IN_TIME:
            share = percent(slo["within"])
            text = f"! {camera['camera_id']}: only {share} of the frames within {slo['ms']:g} ms"
            yield Text(text, style="yellow")


def percent(share: float | None) -> str:
    """Return a share for people; a dash where nothing was measured."""
    return "–" if share is None else f"{share:.0%}"


def milliseconds(seconds: float | None) -> str:
    """Return a latency for people; a dash where nothing was measured."""
    return "–" if seconds is None else f"{seconds * 1e3:.0f} ms"


def duration(seconds: float) -> str:
    """Return a duration for people: 12 s, 3 min, 5 h, 8 d."""
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
