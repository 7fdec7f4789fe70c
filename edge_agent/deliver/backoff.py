"""How long to wait before the next try."""

import random

FIRST_S = 0.5
LONGEST_S = 30.0


class Backoff:
    """Waits that double from 0.5 s to 30 s, each shortened at random by up to a half.

    The jitter keeps a county's agents from returning to a restarted broker all at once.
    Source: Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015 (equal jitter).
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self.tries = 0

    def next_s(self) -> float:
        """Return the next wait in seconds."""
        whole = min(LONGEST_S, FIRST_S * 2.0 ** min(self.tries, 16))
        self.tries += 1
        return whole * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin again at the shortest wait."""
        self.tries = 0
