"""The bench's figures as text, and what each means."""

from collections.abc import Iterator, Mapping
from typing import Any

from edge_agent.types import Json

_NOT_TOLD = "not told"
_LATENCIES = {
    "event": "start, end and rule events: last packet to PUBACK",
    "update": "updates, which wait to be sent together",
    "commit": "commit to the outbox",
    "frame": "last packet to the end of the frame's step",
}


def report_lines(report: Mapping[str, Json]) -> Iterator[str]:
    """Yield the lines that the bench prints for a report."""
    figures = report["figures"]
    yield f"{report['load']['words']}"
    yield f"machine: {report['machine']['words']}"
    held = figures["sustained"]
    yield f"sustained: {'yes' if held['held'] else 'NO'} ({held['why']})"
    if (found := report.get("found")) is not None:
        yield found["words"]
    yield (
        f"analysed a second and stream: {figures['analysed_fps']['mean']:g}, "
        f"least {figures['analysed_fps']['least']:g}"
    )
    yield from _cpu(figures)
    for name, meaning in _LATENCIES.items():
        yield f"latency, {meaning}: {_distribution(figures['latency_s'][name])}"
    memory = figures["memory_mb"]
    yield (
        f"memory: {memory['all']:g} MB resident, {memory['a_stream']:g} MB a stream beyond the "
        f"{memory['before_cameras']:g} MB before the cameras"
    )
    yield f"energy: {_energy(figures['energy'])}"
    if set(figures["awake"]) != {"awake"}:
        words = ", ".join(f"{n} {word}" for word, n in sorted(figures["awake"].items()))
        yield f"cameras at the end: {words}"


def _cpu(figures: Mapping[str, Json]) -> Iterator[str]:
    cpu = figures["cpu_ms"]
    yield f"CPU: {figures['cores']:g} cores, {cpu['all']:g} ms a second and stream, of which"
    for name, ms in cpu["stages"].items():
        yield f"  {name:<16}{_ms(ms, cpu['all'])}"
    yield f"  {'everything else':<16}{_ms(cpu['rest'], cpu['all'])}"
    yield (
        f"  with Python's lock at most {_ms(cpu['python_at_most'], cpu['all']).strip()} (all but "
        "decode, look, preprocess and inference, which release it)"
    )
    yield f"  (the streams' servers beside it: {figures['feeders_cores']:g} cores)"


def _ms(ms: float | None, all_ms: float) -> str:
    if ms is None:
        return f"{_NOT_TOLD:>10}"
    return f"{ms:10.2f} ms {ms / all_ms if all_ms else 0:6.1%}"


def _distribution(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return _NOT_TOLD
    if not found["n"]:
        return "none happened"
    p50, p90, p99 = (found[name] * 1e3 for name in ("p50", "p90", "p99"))
    return f"p50 {p50:.1f} ms, p90 {p90:.1f}, p99 {p99:.1f} over {found['n']}"


def _energy(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "no RAPL or INA sensor here"
    return (
        f"{found['watts']:g} W of the whole machine, {found['joules_a_stream_s']:g} J a second "
        f"and stream ({found['source']})"
    )
