"""From the camera's timeline to wall time: one mapping a connection, its changes told. Pure.

`docs/design/time.md` says why the bounds are what they are.
"""

from dataclasses import dataclass

from edge_agent.types import ClockSource

#: A clock that is off by more than this has jumped; less is followed without a word.
JUMP_NS = 1_000_000_000
#: How far the camera's and the agent's clock may differ for the camera's to be trusted.
TRUST_NS = 10_000_000_000
_FOLLOW = 64  # an RTCP offset moves by 1/64 of what a frame shows it to be off
_STALE_NS = 15_000_000_000  # three of the usual intervals between sender reports
_LEAK_PPM = 500  # how fast the arrival mapping may fall behind a camera whose clock runs slow


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The mapping changed: frames from here on are `offset_ns` later than the old one says."""

    before: ClockSource
    after: ClockSource
    offset_ns: int
    cause: str  # "first sender report", "camera clock jumped", "agent clock set"


@dataclass(frozen=True, slots=True)
class WallTime:
    """A frame's wall time (UTC ns) and what it rests on."""

    wall_ns: int
    source: ClockSource
    near_agent: bool  # within 10 s of the agent's clock
    change: ClockChange | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """What is known of a frame: its place, its arrival, and its wall time by sender reports."""

    pts_ns: int
    mono_ns: int
    reported_wall_ns: int | None = None


class WallMapping:
    """Maps `pts_ns` to UTC for one connection.

    Until the first RTCP sender report a frame's wall time is its arrival's; from it on, the
    camera's own. Small corrections are followed; a jump is told as a `ClockChange` and holds
    for the frames that come, never for those that went.
    """

    def __init__(self) -> None:
        self._source: ClockSource | None = None
        self._rtcp_ns = 0  # wall = pts + this
        self._delay_ns: int | None = None  # mono of the swiftest arrival = pts + this
        self._agent_ns = 0  # wall = mono + this
        self._last_pts_ns = 0
        self._stale: tuple[int, int] | None = None  # (offset by old reports, until pts_ns)

    @property
    def source(self) -> ClockSource | None:
        """What the mapping rests on; None before the first frame."""
        return self._source

    def restart(self, jump_ns: int) -> None:
        """Take note that the stream's timestamps jumped and the timeline was anchored anew.

        What the demuxer computes from the last sender report is off by that jump until the
        next report comes, so it is not believed until it changes, or 15 s have passed.
        """
        self._delay_ns = None
        if self._source is ClockSource.RTCP:
            self._stale = (self._rtcp_ns + jump_ns, self._last_pts_ns + _STALE_NS)

    def place(self, frame: Arrived, agent_wall_minus_mono_ns: int) -> WallTime:
        """Return the wall time of `frame`; `agent_wall_minus_mono_ns` from the clock, now."""
        before = self._source
        stepped_ns = agent_wall_minus_mono_ns - self._agent_ns
        self._agent_ns = agent_wall_minus_mono_ns
        arrival_ns = frame.pts_ns + self._follow_arrival(frame) + self._agent_ns
        change = None
        if frame.reported_wall_ns is not None:
            change = self._follow_rtcp(frame.pts_ns, frame.reported_wall_ns, arrival_ns)
        elif before is None:
            self._source = ClockSource.ARRIVAL
        elif before is ClockSource.ARRIVAL and abs(stepped_ns) > JUMP_NS:
            change = ClockChange(before, before, stepped_ns, "agent clock set")
        if self._source is ClockSource.RTCP:
            wall_ns = frame.pts_ns + self._rtcp_ns
            near = abs(wall_ns - arrival_ns) <= TRUST_NS
            return WallTime(wall_ns, ClockSource.RTCP, near, change)
        return WallTime(arrival_ns, ClockSource.ARRIVAL, True, change)

    def _follow_arrival(self, frame: Arrived) -> int:
        """Return the delay of the swiftest arrival: nothing arrives before it was taken."""
        delay_ns = frame.mono_ns - frame.pts_ns
        if self._delay_ns is not None:
            leak_ns = (frame.pts_ns - self._last_pts_ns) * _LEAK_PPM // 1_000_000
            delay_ns = min(delay_ns, self._delay_ns + leak_ns)
        self._delay_ns = delay_ns
        self._last_pts_ns = frame.pts_ns
        return delay_ns

    def _follow_rtcp(self, pts_ns: int, wall_ns: int, arrival_ns: int) -> ClockChange | None:
        measured_ns = wall_ns - pts_ns
        rtcp = ClockSource.RTCP
        if self._source is not rtcp:
            before, self._source, self._rtcp_ns = self._source, rtcp, measured_ns
            if before is None:
                return None
            return ClockChange(before, rtcp, wall_ns - arrival_ns, "first sender report")
        if self._stale is not None:
            stale_ns, until_ns = self._stale
            if abs(measured_ns - stale_ns) <= JUMP_NS and pts_ns < until_ns:
                return None
            self._stale = None
        off_ns = measured_ns - self._rtcp_ns
        if abs(off_ns) > JUMP_NS:
            self._rtcp_ns = measured_ns
            return ClockChange(rtcp, rtcp, off_ns, "camera clock jumped")
        self._rtcp_ns += off_ns // _FOLLOW
        return None
