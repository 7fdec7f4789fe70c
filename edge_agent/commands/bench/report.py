"""What the overhead's rounds measured, and the lines that say it."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from edge_agent.types import Json

#: The two sides did equal work where neither images nor frames lie further apart than this.
_EQUAL_WORK = 0.02


@dataclass(frozen=True, slots=True)
class Side:
    """What one program did within the measured time; None is what it does not tell."""

    cpu_s: float  # user + system
    images: int
    frames: int | None  # decoded
    infer_cpu_s: float | None = None  # of `cpu_s`, within the session's calls
    memory_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """The agent and the bare program, one after the other."""

    agent: Side
    bare: Side
    asked: int  # images that the streams' pts grids ask for

    @property
    def ratio(self) -> float:
        return self.agent.cpu_s / self.bare.cpu_s

    @property
    def apart(self) -> float:
        """How far the sides' images or frames lie apart, the larger, as a share of the bare's."""
        frames = (self.agent.frames or 0, self.bare.frames or 0)
        return max(
            abs(self.agent.images - self.bare.images) / max(1, self.bare.images),
            abs(frames[0] - frames[1]) / max(1, frames[1]),
        )

    @property
    def equal_work(self) -> bool:
        return self.apart <= _EQUAL_WORK


def round_line(number: int, measured: Round) -> str:
    """Return the line of a round."""
    agent, bare = measured.agent, measured.bare
    line = (
        f"round {number}: agent {agent.cpu_s:.2f} s CPU, {agent.images} images, "
        f"{agent.frames} frames; bare {bare.cpu_s:.2f} s CPU, {bare.images} images, "
        f"{bare.frames} frames; ratio {measured.ratio:.3f}"
    )
    if not measured.equal_work:
        line += f"; not equal work: {measured.apart:.1%} apart, {measured.asked} images asked"
    return line


def counted(rounds: Sequence[Round]) -> list[Round]:
    """Return the rounds that count: those of equal work, all where there is none."""
    return [measured for measured in rounds if measured.equal_work] or list(rounds)


def warning(rounds: Sequence[Round]) -> str | None:
    """Return what must be known before the overhead is believed; None where all is well."""
    unequal = sum(not measured.equal_work for measured in rounds)
    if not unequal:
        return None
    said = f"{unequal} of {len(rounds)} rounds did not do equal work"
    if unequal == len(rounds):
        return (
            f"{said}, and nothing is scaled: the overhead below says little; run it again while "
            "the machine does nothing else"
        )
    return f"{said} and do not count"


def overhead(rounds: Sequence[Round]) -> float:
    """Return the median of the counted rounds' ratios."""
    return statistics.median(measured.ratio for measured in counted(rounds))


def as_json(rounds: Sequence[Round], setting: dict[str, Json]) -> dict[str, Json]:
    """Return everything for a file: the setting, each round, the overhead."""
    return {
        "overhead": round(overhead(rounds), 4),
        "rounds_of_equal_work": sum(measured.equal_work for measured in rounds),
        **setting,
        "rounds": [{**asdict(measured), "ratio": round(measured.ratio, 4)} for measured in rounds],
    }
