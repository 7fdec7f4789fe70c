"""The bench's report as one page of HTML: no script, no network, plots as SVG."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from edge_agent.commands.bench.peers import peer_words
from edge_agent.commands.bench.plots import draw_bars, draw_distribution, draw_stack
from edge_agent.commands.bench.text import report_lines
from edge_agent.types import Json

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5d6672; --line: #d5dae1; --bg: #fff;
  --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa4b1; --line: #38414c;
  --bg: #14181d; --good: #5fce94; --bad: #ff8a80; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--bg);
  max-width: 880px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .75rem;
  margin: 1.2rem 0; }
.tile { border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.45rem; font-variant-numeric: tabular-nums; }
.good b { color: var(--good); } .bad b { color: var(--bad); }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .soft { fill: var(--soft); } svg .grid { stroke: var(--line); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); }
pre { white-space: pre-wrap; border: 1px solid var(--line); border-radius: 8px; padding: .8rem; }
"""
_COLOURS = ("#4c78a8", "#f58518", "#72b7b2", "#54a24b", "#e45756", "#b279a2", "#eeca3b",
            "#9d755d", "#7f7f7f", "#ff9da6", "#bab0ac", "#8cd17d")  # fmt: skip


def draw_page(report: Mapping[str, Json]) -> str:
    """Return the whole page of a report."""
    figures = report["figures"]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>edge-agent bench {escape(report['date'])}</title><style>{_STYLE}</style></head>",
        "<body><h1>What this machine carries</h1>",
        f"<p>{escape(report['load']['words'])}</p>",
        f"<p class='soft'>{escape(report['machine']['words'])} · {escape(report['date'])} · "
        f"edge-agent {escape(report['version'])} · model {escape(report['model'])}</p>",
        f"<div class='tiles'>{''.join(_tiles(report))}</div>",
        "<h2>CPU of a stream, milliseconds a second</h2>",
        _stages(figures["cpu_ms"]),
        "<h2>Latency from the analysed frame's last packet to the broker's PUBACK</h2>",
        *(_latencies(figures["latency_s"])),
        *_peers(report.get("peers") or [], figures["cpu_ms"]["all"]),
        "<h2>Everything in words</h2>",
        f"<pre>{escape(chr(10).join(report_lines(report)))}</pre>",
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _tiles(report: Mapping[str, Any]) -> Iterator[str]:
    figures = report["figures"]
    held = figures["sustained"]["held"]
    if (found := report.get("found")) is not None:
        yield _tile(str(found["most_held"]), "streams sustained")
    else:
        state = "sustained" if held else "not sustained"
        yield _tile(str(figures["streams"]), f"streams, {state}", "good" if held else "bad")
    yield _tile(f"{figures['cpu_ms']['all']:.1f} ms", "CPU a second and stream")
    event = figures["latency_s"]["event"]
    if event and event["n"]:
        yield _tile(f"{event['p50'] * 1e3:.0f} / {event['p99'] * 1e3:.0f} ms", "event p50 / p99")
    yield _tile(f"{figures['memory_mb']['all']:.0f} MB", "resident")
    if figures["energy"] is not None:
        yield _tile(f"{figures['energy']['watts']:.1f} W", "whole machine")


def _tile(value: str, caption: str, kind: str = "") -> str:
    return f"<div class='tile {kind}'><b>{escape(value)}</b>{escape(caption)}</div>"


def _stages(cpu: Mapping[str, Any]) -> str:
    told = [(name, ms) for name, ms in cpu["stages"].items() if ms is not None]
    if not told:
        return "<p class='soft'>This agent does not tell its CPU by stage.</p>"
    parts = [*told, ("everything else", cpu["rest"])]
    coloured = [(name, ms, _COLOURS[i % len(_COLOURS)]) for i, (name, ms) in enumerate(parts)]
    note = (
        f"<p class='soft'>At most {cpu['python_at_most']:.1f} ms held Python's lock: all but "
        "decode, look, preprocess and inference, which release it.</p>"
    )
    return draw_stack(coloured) + note


def _latencies(latency: Mapping[str, Any]) -> Iterator[str]:
    for name, colour in (("event", _COLOURS[0]), ("update", _COLOURS[1])):
        found = latency[name]
        if found and found["n"]:
            yield draw_distribution(f"{name}s", found, colour)
    if not any(latency[name] and latency[name]["n"] for name in ("event", "update")):
        yield "<p class='soft'>No event was sent in the measured time.</p>"


def _peers(peers: Sequence[Mapping[str, Any]], agent_ms: float) -> Iterator[str]:
    """Yield the plot of the programs that were measured beside the agent."""
    if not peers:
        return
    yield "<h2>The same streams in other programs, CPU milliseconds a second and stream</h2>"
    ran = [peer for peer in peers if peer.get("cpu_ms") is not None]
    agent = [("edge-agent", agent_ms, _COLOURS[1])]
    yield draw_bars(agent + [(peer["name"], peer["cpu_ms"], _COLOURS[0]) for peer in ran])
    rows = "".join(
        f"<tr><td>{escape(peer['name'])}</td><td>{escape(peer_words(peer))}</td></tr>"
        for peer in peers
    )
    yield f"<table>{rows}</table>"
