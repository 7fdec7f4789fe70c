"""Two reports beside each other: what changed, and whether it became worse."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edge_agent.types import Json

#: Figure -> (name for people, tolerance as a share). For all of them less is better but where
#: `_MORE` has them. Latencies' tails wander more than means do.
_WATCHED = {
    ("cpu_ms", "all"): ("CPU, ms a second and stream", 0.10),
    ("cpu_ms", "python_at_most"): ("CPU with Python's lock at most, ms", 0.15),
    ("track_ms_an_image",): ("tracker, ms an image", 0.25),
    ("latency_s", "event", "p50"): ("event latency p50, s", 0.25),
    ("latency_s", "event", "p99"): ("event latency p99, s", 0.50),
    ("memory_mb", "all"): ("resident memory, MB", 0.05),
    ("memory_mb", "a_stream"): ("memory a stream, MB", 0.15),
    ("energy", "joules_a_stream_s"): ("energy, J a second and stream", 0.10),
    ("analysed_fps", "mean"): ("analysed a second and stream", 0.02),
}
_MORE = {("analysed_fps", "mean")}


@dataclass(frozen=True, slots=True)
class Change:
    """One figure then and now."""

    name: str
    old: float
    new: float
    tolerance: float
    worse: bool

    def line(self) -> str:
        """Return the change in one line."""
        step = (self.new - self.old) / self.old if self.old else 0.0
        word = f"WORSE, more than {self.tolerance:.0%} allows" if self.worse else "within bounds"
        return f"{self.name}: {self.old:g} -> {self.new:g} ({step:+.1%}): {word}"


def compare(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    """Yield the change of each watched figure that both reports have."""
    for path, (name, tolerance) in _WATCHED.items():
        then, now = _at(old["figures"], path), _at(new["figures"], path)
        if then is None or now is None:
            continue
        grew = now / then - 1 if then else 0.0
        worse = -grew > tolerance if path in _MORE else grew > tolerance
        yield Change(name, then, now, tolerance, worse)
    then, now = (bool(report["figures"]["sustained"]["held"]) for report in (old, new))
    yield Change("sustained (1 yes, 0 no)", then, now, 0.0, then and not now)


def unlike(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
    """Return in what the two loads and machines differ: their figures then compare little."""
    said = []
    for part in ("load", "machine"):
        for key in sorted(set(old[part]) | set(new[part])):
            then, now = old[part].get(key), new[part].get(key)
            if key != "words" and then != now:
                said.append(f"{part}, {key}: {then} then, {now} now")
    return said


def _at(tree: Json, path: tuple[str, ...]) -> float | None:
    for part in path:
        if tree is None:
            return None
        tree = tree.get(part)
    return None if tree is None else float(tree)
