"""The camera's own timeline: timestamps that rise over the process's whole life. Pure."""

from dataclasses import dataclass
from fractions import Fraction

from edge_agent.source.ratio import Ratio

#: A stream that runs ahead of the clock by more than this has jumped.
JUMP_NS = 3_000_000_000
#: The least step of the timeline.
_STEP_NS = 1_000_000


@dataclass(slots=True)
class Placed:
    """Where a frame stands; `jump_ns` is how far the stream's own timestamps jumped, else None."""

    pts_ns: int
    jump_ns: int | None = None


class Timeline:
    """Maps a frame's pts (ticks) to `pts_ns`, strictly rising across connections and jumps.

    A new connection, and a jump within one, go on at the last frame's `pts_ns` plus the time
    that passed on the monotonic clock. Give it frames in display order: there a pts that
    falls is a jump, never the decoder's reordering of B-frames.
    """

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._last_mono_ns = 0
        self._tick_ns = Ratio(Fraction(1_000_000_000, 90_000))
        self._forward_jumps = True
        self._gap_ns: int | None = None
        self._anchor: tuple[int, int] | None = None  # (pts, pts_ns)
        self._last_pts = 0
        self._lead_ns = 0  # the most that pts_ns was ever ahead of the clock since the anchor

    def begin(
        self, time_base: Fraction, *, forward_jumps: bool = True, gap_ns: int | None = None
    ) -> None:
        """Begin a connection.

        Args: `time_base` seconds per tick; `forward_jumps` False where a long gap between
            timestamps is the content's own (files); `gap_ns` the step to the first frame,
            None for the time that passes until it comes.
        """
        self._tick_ns = Ratio(time_base * 1_000_000_000)
        self._forward_jumps = forward_jumps
        self._gap_ns = gap_ns
        self._anchor = None

    def place(self, pts: int, mono_ns: int) -> Placed | None:
        """Return where the frame at `pts` ticks, arrived at `mono_ns`, stands.

        None for a frame with its forerunner's pts: it has no time of its own.
        """
        if self._anchor is None:
            return self._anchor_at(pts, mono_ns, self._gap_ns)
        if pts <= self._last_pts:
            waited_ns = mono_ns - self._last_mono_ns
            if pts == self._last_pts and waited_ns <= JUMP_NS:
                return None
            return self._jump(pts, mono_ns, self._tick_ns.of(pts - self._last_pts) - waited_ns)
        pts_ns = self._anchor[1] + self._tick_ns.of(pts - self._anchor[0])
        lead_ns = pts_ns - mono_ns
        ahead_ns = lead_ns - self._lead_ns
        if self._forward_jumps and ahead_ns > JUMP_NS:
            return self._jump(pts, mono_ns, ahead_ns)
        if self._last_ns is not None and pts_ns <= self._last_ns:
            return None
        if ahead_ns > 0:
            self._lead_ns = lead_ns
        return self._keep(pts, pts_ns, mono_ns)

    def _jump(self, pts: int, mono_ns: int, jump_ns: int) -> Placed:
        placed = self._anchor_at(pts, mono_ns, None)
        return Placed(placed.pts_ns, jump_ns)

    def _anchor_at(self, pts: int, mono_ns: int, gap_ns: int | None) -> Placed:
        if self._last_ns is None:
            pts_ns = 0
        else:
            step_ns = mono_ns - self._last_mono_ns if gap_ns is None else gap_ns
            pts_ns = self._last_ns + max(step_ns, _STEP_NS)
        self._anchor = (pts, pts_ns)
        self._lead_ns = pts_ns - mono_ns
        return self._keep(pts, pts_ns, mono_ns)

    def _keep(self, pts: int, pts_ns: int, mono_ns: int) -> Placed:
        self._last_pts = pts
        self._last_ns = pts_ns
        self._last_mono_ns = mono_ns
        return Placed(pts_ns)
