"""SVG plots for the bench's page: pure, numbers in, text out."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from edge_agent.health.histogram import seconds_of

_WIDTH = 840
_BAR = 26

#: Name, value, colour.
Part = tuple[str, float, str]


def draw_stack(parts: Sequence[Part]) -> str:
    """Return one bar of all parts, and a legend with their values and shares."""
    whole = sum(value for _, value, _ in parts) or 1.0
    x, bar, legend = 0.0, [], []
    rows = math.ceil(len(parts) / 2)
    for i, (name, value, colour) in enumerate(parts):
        width = value / whole * _WIDTH
        bar.append(
            f"<rect x='{x:.1f}' y='0' width='{width:.1f}' height='34' fill='{colour}'>"
            f"<title>{escape(name)} {value:.2f} ms</title></rect>"
        )
        x += width
        left, top = (i // rows) * _WIDTH / 2, 58 + (i % rows) * 20
        legend.append(
            f"<rect x='{left}' y='{top - 10}' width='11' height='11' fill='{colour}'/>"
            f"<text x='{left + 18}' y='{top}'>{escape(name)}</text>"
            f"<text x='{left + 230}' y='{top}' text-anchor='end'>{value:.2f} ms</text>"
            f"<text x='{left + 300}' y='{top}' text-anchor='end' class='soft'>"
            f"{value / whole:.1%}</text>"
        )
    height = 58 + rows * 20
    return _svg(height, "CPU by stage", "".join(bar + legend))


def draw_bars(parts: Sequence[Part]) -> str:
    """Return a horizontal bar for each part."""
    most = max((value for _, value, _ in parts), default=0.0) or 1.0
    drawn = []
    for i, (name, value, colour) in enumerate(parts):
        y, width = i * _BAR, value / most * (_WIDTH - 330)
        drawn.append(
            f"<text x='0' y='{y + 17}'>{escape(name)}</text>"
            f"<rect x='230' y='{y + 4}' width='{width:.1f}' height='18' fill='{colour}'/>"
            f"<text x='{236 + width:.1f}' y='{y + 17}'>{value:.1f}</text>"
        )
    return _svg(len(parts) * _BAR + 4, "CPU of the programs", "".join(drawn))


def draw_distribution(name: str, found: Mapping[str, Any], colour: str) -> str:
    """Return a histogram over a logarithmic axis of milliseconds with its quantiles marked."""
    points = [(seconds_of(int(bucket)) * 1e3, n) for bucket, n in found["buckets"].items()]
    low, high = min(ms for ms, _ in points) / 1.3, max(ms for ms, _ in points) * 1.3
    span = math.log(high / low)
    most = max(n for _, n in points)

    def at(ms: float) -> float:
        return math.log(ms / low) / span * _WIDTH

    width = max(2.0, math.log(1.05) / span * _WIDTH - 0.5)
    bars = "".join(
        f"<rect x='{at(ms) - width / 2:.1f}' y='{96 - n / most * 70:.1f}' width='{width:.1f}' "
        f"height='{n / most * 70:.1f}' fill='{colour}'/>"
        for ms, n in points
    )
    marks = "".join(
        f"<line x1='{at(found[q] * 1e3):.1f}' x2='{at(found[q] * 1e3):.1f}' y1='22' y2='100' "
        f"stroke='currentColor' stroke-dasharray='3 3'/>"
        f"<text x='{at(found[q] * 1e3) + 3:.1f}' y='20'>{q} {found[q] * 1e3:.0f}</text>"
        for q in ("p50", "p99")
    )
    axis = "".join(
        f"<line class='grid' x1='{at(ms):.1f}' x2='{at(ms):.1f}' y1='96' y2='101'/>"
        f"<text class='soft' x='{at(ms):.1f}' y='114' text-anchor='middle'>{ms:g} ms</text>"
        for ms in _ticks(low, high)
    )
    caption = f"<text x='0' y='12' class='soft'>{found['n']} {name}</text>"
    line = f"<line class='grid' x1='0' x2='{_WIDTH}' y1='96' y2='96'/>"
    return _svg(120, f"latency of {name}", line + bars + marks + axis + caption)


def _ticks(low: float, high: float) -> list[float]:
    """Return 1, 2, 5, 10, … within the bounds."""
    first = math.floor(math.log10(low))
    steps = [m * 10.0**e for e in range(first, math.ceil(math.log10(high)) + 1) for m in (1, 2, 5)]
    return [ms for ms in steps if low * 1.05 < ms < high / 1.05]


def _svg(height: float, label: str, inner: str) -> str:
    head = f"<svg viewBox='0 0 {_WIDTH} {height:g}' role='img' aria-label='{escape(label)}'>"
    return f"{head}{inner}</svg>"
