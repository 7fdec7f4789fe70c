"""Multiplying whole numbers by a fraction, exactly and for each packet."""

from fractions import Fraction


class Ratio:
    """Multiplies whole numbers; `Fraction` asks for its parts in Python, each time."""

    __slots__ = ("_above", "_below")

    def __init__(self, fraction: Fraction) -> None:
        self._above, self._below = fraction.numerator, fraction.denominator

    def of(self, whole: int) -> int:
        """Return the fraction of `whole`, rounded down."""
        return whole * self._above // self._below
