"""The search for the largest number of streams that a machine holds: few trials, then an answer."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """The bounds that the trials gave: `most_held` streams held, `least_failed` did not."""

    most_held: int  # 0: not even one
    least_failed: int | None  # None: nothing failed up to the limit
    trials: int

    def words(self) -> str:
        """Return the answer in one line."""
        tail = f"{self.trials} trials"
        if self.least_failed is None:
            return f"sustained streams: at least {self.most_held}, the limit asked for ({tail})"
        if self.most_held == 0:
            return f"sustained streams: none; {self.least_failed} did not hold ({tail})"
        return f"sustained streams: {self.most_held}; {self.least_failed} did not hold ({tail})"


def search(
    holds: Callable[[int], bool],
    first: int,
    limit: int,
    *,
    most_trials: int = 8,
    grain: float = 0.06,
) -> Found:
    """Return the largest number that holds, within `grain` of it (or to 1) and `most_trials`.

    Doubles from `first` until one fails, or halves until one holds, then halves the gap.
    `holds` is asked once for each number.
    """  # fmt: skip
    held, failed, trials = 0, None, 0
    number = max(1, min(first, limit))
    while trials < most_trials:
        trials += 1
        if holds(number):
            held = number
            if held == limit:
                break
        else:
            failed = number
        if failed is not None and failed - held <= max(1, grain * held):
            break
        number = min(limit, held * 2) if failed is None else max(1, (held + failed) // 2)
    return Found(held, failed, trials)
