"""Tracks given by hand, through a camera's rules and post, as a site file has them."""

import numpy as np

from edge_agent.clock import ManualClock
from edge_agent.geometry.cells import Grid
from edge_agent.health.meters import Meters
from edge_agent.hotloop.post import open_posts
from edge_agent.hotloop.step import CameraPipeline
from edge_agent.settings import AgentSettings
from edge_agent.types import (
    ClockSource,
    Detections,
    Event,
    FrameRef,
    IdArray,
    ObjectClass,
    Point,
    Tracks,
)

SHANGHAI = "Asia/Shanghai"
CLASSES = (ObjectClass("person"), ObjectClass("vehicle", "car"))
FRAME_NS = 200_000_000
WH = (1000, 1000)


class Given:
    """Gives the tracks that the test wants instead of tracking."""

    def __init__(self) -> None:
        self.tracks: Tracks | None = None

    def step(self, detections: Detections) -> Tracks:
        assert self.tracks is not None
        return self.tracks

    def lose_moving(self) -> IdArray:
        return np.empty(0, np.int64)

    def clear(self) -> IdArray:
        return np.empty(0, np.int64)


class Walk:
    """One camera of a site at 5 fps, from a wall time on; its events come back from each call."""

    def __init__(
        self, settings: AgentSettings, wall_ns: int, *, grid: Grid | None = None, number: int = 0
    ) -> None:
        self.clock = ManualClock(wall_ns=wall_ns)
        self.events: list[Event] = []
        self.given = Given()
        self.posts = open_posts(
            settings, classes=CLASSES, model_id="m", grid=grid, clock=self.clock
        )
        self.camera = settings.camera[number]
        self.pipeline = CameraPipeline(
            self.camera, tracking=settings.tracking, classes=CLASSES, score_threshold=0.5,
            model_id="m", events=self, clock=self.clock, meter=Meters({}), follower=self.given,
            post=self.posts[number],
        )  # fmt: skip
        self.frame = 0
        self.skew_ns = 0  # of the camera's clock
        self.steps: dict[int, int] = {}

    def put(self, event: Event) -> None:
        self.events.append(event)

    def person(self, frames: int, *, stationary: bool = False) -> list[Event]:
        """Let a person walk on from where it is for some frames."""
        return self.walk(frames, class_id=0, stationary=stationary)

    def vehicle(self, frames: int) -> list[Event]:
        """Let a vehicle drive on from where it is for some frames."""
        return self.walk(frames, class_id=1)

    def walk(self, frames: int, *, class_id: int, stationary: bool = False) -> list[Event]:
        began = len(self.events)
        for _ in range(frames):
            step = self.steps[1] = self.steps.get(1, 0) + (not stationary)
            self.look({1: (0.1 + 0.005 * step, 0.5)}, class_id=class_id, stationary=stationary)
        return self.events[began:]

    def look(
        self, places: dict[int, Point], *, class_id: int = 0, stationary: bool = False
    ) -> list[Event]:
        """Show one frame with a track at each of `places`, by id, in 0..1; return its events."""
        began = len(self.events)
        ids = sorted(places)
        n = len(ids)
        anchors = np.array([places[i] for i in ids], np.float32).reshape(-1, 2) * WH[0]
        half, height = 10.0, 40.0
        boxes = np.stack(
            (anchors[:, 0] - half, anchors[:, 1] - height, anchors[:, 0] + half, anchors[:, 1]), 1
        ).astype(np.float32)
        pts_ns = self.frame * FRAME_NS
        ref = FrameRef(
            self.camera.id, 1, self.frame, pts_ns, self.clock.mono_ns(),
            self.clock.wall_ns() + self.skew_ns, ClockSource.ARRIVAL, True, WH,
        )  # fmt: skip
        self.given.tracks = Tracks(
            ref=ref,
            track_id=np.array(ids, np.int64),
            xyxy=boxes,
            class_id=np.full(n, class_id, np.int32),
            score=np.full(n, 0.9, np.float32),
            det_row=np.arange(n, dtype=np.int32),
            confirmed=np.ones(n, np.bool_),
            stationary=np.full(n, stationary, np.bool_),
            first_pts_ns=np.zeros(n, np.int64),
            last_pts_ns=np.full(n, pts_ns, np.int64),
            removed_id=np.empty(0, np.int64),
        )
        none = np.empty(0, np.float32)
        self.pipeline.step_frame(Detections(ref, none.reshape(0, 4), none, np.empty(0, np.int32)))
        self.frame += 1
        self.clock.advance(FRAME_NS / 1e9)
        return self.events[began:]
