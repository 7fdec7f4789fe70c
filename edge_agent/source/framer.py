"""From decoded pictures to the frames that are analysed: when they were taken, which to take."""

from dataclasses import dataclass, field
from fractions import Fraction

import av

from edge_agent.clock import Clock
from edge_agent.settings import CameraSettings
from edge_agent.source.grid import PtsGrid
from edge_agent.source.picture import AvPicture
from edge_agent.source.ring import Arrival
from edge_agent.source.timeline import Timeline
from edge_agent.source.wall import Arrived, ClockChange, WallMapping, WallTime
from edge_agent.types import ClockSource, Frame, FrameRef, Wh


@dataclass(slots=True)
class Taken:
    """What became of one picture: a frame to analyse if the grid chose it, and what changed."""

    pts_ns: int | None = None  # where it stands, if the grid chose it
    frame: Frame | None = None
    resized: tuple[Wh, Wh] | None = None  # from, to
    jump_ns: int | None = None
    clock_change: ClockChange | None = None


@dataclass(slots=True)
class Framer:
    """Frames of one camera; the timeline outlives its connections, the rest does not."""

    camera: CameraSettings
    clock: Clock
    connection: int = 0
    wh: Wh | None = None
    _timeline: Timeline = field(default_factory=Timeline)
    _mapping: WallMapping = field(default_factory=WallMapping)
    _grid: PtsGrid | None = None
    _index: int = 0
    _slept: bool = False
    _awake_pts_ns: int = 0

    @property
    def clock_source(self) -> ClockSource | None:
        """What wall times rest on now; None before a connection's first frame."""
        return self._mapping.source

    def begin(self, connection: int, time_base: Fraction, *, gap_ns: int | None = None) -> None:
        """Begin connection number `connection`; `gap_ns` as in `Timeline.begin`, for files."""
        self.connection = connection
        self._timeline.begin(time_base, forward_jumps=gap_ns is None, gap_ns=gap_ns)
        self._mapping = WallMapping()
        self._grid = PtsGrid(self.camera.target_fps, time_base)
        self._index = 0
        self.wh = None

    def sleep(self) -> None:
        """Take note that pictures are passed over from here on, until the next one is taken."""
        self._slept = True

    def take(
        self, picture: av.VideoFrame, pts: int | None, arrival: Arrival, *, late: bool = False
    ) -> Taken | None:
        """Return what `picture`, at `pts` ticks, comes to; None: nothing, as of most of them.

        Pictures in display order.
        """
        taken = self._place(pts, arrival)
        before, self.wh = self.wh, (picture.width, picture.height)
        if before is not None and before != self.wh:
            taken = taken or Taken()
            taken.resized = (before, self.wh)
        if taken is not None and (pts_ns := taken.pts_ns) is not None:
            wall = self._wall(taken, pts_ns, arrival)
            if self._slept:
                self._slept, self._awake_pts_ns = False, pts_ns
            ref = self._ref(self.wh, pts_ns, arrival, wall, late)
            taken.frame = Frame(ref, AvPicture(picture))
            self._index += 1
        return taken

    def pass_over(self, pts: int, arrival: Arrival) -> Taken | None:
        """Let a picture go by that is not decoded, as `take` would: the clock and the grid go on.

        So the frames that are chosen afterwards are those that full decoding would choose.
        """
        taken = self._place(pts, arrival)
        if taken is not None and taken.pts_ns is not None:
            self._wall(taken, taken.pts_ns, arrival)
            self._index += 1
        return taken

    def _place(self, pts: int | None, arrival: Arrival) -> Taken | None:
        """Return the place of the picture at `pts`; None: not chosen, and no jump."""
        placed = None if pts is None else self._timeline.place(pts, arrival.mono_ns)
        if pts is None or placed is None or self._grid is None:
            return None
        if placed.jump_ns is not None:
            self._mapping.restart(placed.jump_ns)
            self._grid.restart()  # so it chooses this one
        return Taken(placed.pts_ns, jump_ns=placed.jump_ns) if self._grid.choose(pts) else None

    def _wall(self, taken: Taken, pts_ns: int, arrival: Arrival) -> WallTime:
        agent_ns = self.clock.wall_ns() - self.clock.mono_ns()
        arrived = Arrived(pts_ns, arrival.mono_ns, arrival.reported_wall_ns)
        wall = self._mapping.place(arrived, agent_ns)
        taken.clock_change = wall.change
        return wall

    def _ref(self, wh: Wh, pts_ns: int, arrival: Arrival, wall: WallTime, late: bool) -> FrameRef:
        return FrameRef(
            camera_id=self.camera.id,
            connection=self.connection,
            index=self._index,
            pts_ns=pts_ns,
            mono_ns=arrival.mono_ns,
            wall_ns=wall.wall_ns,
            clock_source=wall.source,
            time_trusted=wall.near_agent and self.clock.time_trusted(),
            wh=wh,
            awake_pts_ns=self._awake_pts_ns,
            late=late,
        )
