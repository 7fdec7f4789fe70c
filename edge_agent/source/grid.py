"""The pts grid: which frames are analysed. Pure, in integers of the stream's time base."""

from fractions import Fraction

from edge_agent.source.ratio import Ratio


class PtsGrid:
    """Chooses the first frame at or after each k / target_fps of one connection.

    The decision depends on timestamps only, so replay chooses the same frames. Everything is
    counted in the time base: 1 / 6 s is no whole number of nanoseconds, and a grid in
    nanoseconds would slip by a frame now and then.
    """

    def __init__(self, target_fps: float, time_base: Fraction) -> None:
        if target_fps <= 0 or time_base <= 0:
            raise ValueError(f"pts grid: {target_fps} fps in time base {time_base}")
        # Grid points per tick; str() so that 29.97 is 2997/100 and not its binary neighbour.
        self._rate = Ratio(Fraction(str(target_fps)) * time_base)
        self._origin: int | None = None
        self._cell = -1

    @property
    def origin(self) -> int | None:
        """The pts of grid point 0; None before the first frame."""
        return self._origin

    def restart(self) -> None:
        """Forget the origin: the next frame is grid point 0 (after a jump of the timestamps)."""
        self._origin = None
        self._cell = -1

    def choose(self, pts: int) -> bool:
        """Return whether the frame at `pts` (ticks, rising) is the first in a cell of the grid."""
        if self._origin is None:
            self._origin = pts
        cell = self._rate.of(pts - self._origin)
        if cell <= self._cell:
            return False
        self._cell = cell
        return True
