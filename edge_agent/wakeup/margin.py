"""How far above quiet a signal's limit stands: each false alarm widens it, quiet narrows it."""

_NARROW = 0.999  # a GOP: halves in some 700 GOPs


class Margin:
    """A factor of at least 1 over a signal's usual limit."""

    __slots__ = ("_most", "_step", "factor")

    def __init__(self, *, step: float, most: float) -> None:
        self._step, self._most = step, most
        self.factor = 1.0

    @property
    def exhausted(self) -> bool:
        """Whether false alarms went on up to the most: the signal is only noise here."""
        return self.factor >= self._most

    def widen(self) -> None:
        """Take a false alarm."""
        self.factor = min(self._most, self.factor * self._step)

    def narrow(self) -> None:
        """Take a quiet GOP."""
        self.factor = max(1.0, self.factor * _NARROW)
