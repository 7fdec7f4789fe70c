"""How long to wait before the next try. Pure but for the injected randomness."""

import random

FIRST_S = 0.5
LONGEST_S = 30.0


def backoff_s(failures: int, rng: random.Random, *, refused: bool = False) -> float:
    """Return the seconds to wait after the `failures`-th failure in a row (1, 2, …).

    The ceiling doubles from 0.5 s to 30 s, and the wait lies in its upper half, so that the
    cameras of a rebooted switch, or a county's agents after a broker's restart, do not come
    back in step. A peer that said no (`refused`) is asked every 15 to 30 s: many cameras lock
    an account after a few wrong passwords.
    Source: M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015 (equal
    jitter).
    """
    if failures < 1:
        raise ValueError(f"backoff: failures is {failures}, must be at least 1")
    ceiling = LONGEST_S if refused else min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 16))
    return max(FIRST_S, rng.uniform(ceiling / 2, ceiling))


class Backoff:
    """The waits of one row of failures."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        self.failures = 0

    def next_s(self, *, refused: bool = False) -> float:
        """Count a failure and return the seconds to wait after it."""
        self.failures += 1
        return backoff_s(self.failures, self._rng, refused=refused)

    def reset(self) -> None:
        """Begin again at the shortest wait."""
        self.failures = 0
