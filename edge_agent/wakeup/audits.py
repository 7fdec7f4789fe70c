"""Audits: short stretches of sleep decoded at random, to measure what the signals miss."""

import random

from edge_agent.wakeup.proof import wilson

_NS = 1_000_000_000
#: How long an audit lasts at least; it ends with a GOP.
AUDIT_S = 1.5
_EVERY_S, _OFTEN_S = 600.0, 60.0  # on average
TRUSTED_AFTER = 5  # audits; until then little is known
#: An audit decodes its own length and half a GOP; a moving object that it meets was on its way
#: for some seconds, so its track stands for that much sleep.
_ENOUGH_MISSES = 2
_WORST_SHARE = 0.02  # of sleep with unseen movement, by the interval's lower end


class Audits:
    """When to audit one camera, and what the audits found."""

    __slots__ = (
        "_next_ns", "_recent", "_recent_misses", "_rng", "asleep_ns", "audits", "careful",
        "misses", "moving_ns",
    )  # fmt: skip

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._next_ns: int | None = None
        self._recent = self._recent_misses = 0  # since trust was last given back
        self.audits = self.misses = 0
        self.careful = False  # an audit missed something lately
        self.asleep_ns = 0  # how long the camera slept
        self.moving_ns = 0  # for how long movement was tracked

    def begin_sleep(self, stream_ns: int) -> None:
        """Draw the next audit: sleep begins, or the stream's time does."""
        every_s = _EVERY_S if self.settled else _OFTEN_S
        self._next_ns = stream_ns + int(self._rng.expovariate(1 / every_s) * _NS)

    def due(self, stream_ns: int) -> bool:
        """Return whether the drawn time has come; False until sleep begins again."""
        if self._next_ns is None or stream_ns < self._next_ns:
            return False
        self._next_ns = None
        return True

    def take(self, *, missed: bool) -> None:
        """Take an audit's outcome: whether something moved that no signal had announced."""
        self.audits += 1
        self._recent += 1
        if missed:
            self.misses += 1
            self._recent_misses += 1
            self.careful = True
        elif self.careful and self._recent >= 10 * self._recent_misses:
            self.careful = False

    @property
    def settled(self) -> bool:
        """Whether enough audits were held, and none has missed anything lately."""
        return self.audits >= TRUSTED_AFTER and not self.careful

    @property
    def too_many(self) -> bool:
        """Whether the signals miss too much to be slept on."""
        if self._recent_misses < _ENOUGH_MISSES:
            return False
        return wilson(self._recent_misses, self._recent)[0] > _WORST_SHARE

    def forgive(self) -> None:
        """Trust again: the signals have proved themselves since, or an hour has passed."""
        self._recent = self._recent_misses = 0
        self.careful = True

    def miss_share(self) -> tuple[float, float, float] | None:
        """Return the share of moving time that was slept through, and its 95 % interval.

        None before the first audit. Time with unseen movement is the audits' share of misses
        times all sleep; time with tracked movement is known.
        """
        if not self.audits:
            return None
        low, high = wilson(self.misses, self.audits)
        return (
            self._of_moving(self.misses / self.audits),
            self._of_moving(low),
            self._of_moving(high),
        )

    def _of_moving(self, share: float) -> float:
        unseen_ns = share * self.asleep_ns
        whole_ns = unseen_ns + self.moving_ns
        return unseen_ns / whole_ns if whole_ns else 0.0
