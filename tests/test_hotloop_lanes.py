"""The lanes with real threads: order, failure, stop, and what counts as stuck."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from edge_agent.clock import SystemClock
from edge_agent.errors import ModelError
from edge_agent.health.meters import Meters
from edge_agent.hotloop.lanes import Lanes
from edge_agent.hotloop.slots import SlotBoard
from edge_agent.settings import CameraSettings, Plan
from edge_agent.types import DetectionBatch, Detections, Frame, ObjectClass
from tests.frames import blank_frame
from tests.waiting import wait_until


class ScriptedDetector:
    """Finds nothing; `gate` holds every call back, `fail` makes the next call raise."""

    model_id = "scripted"
    classes = (ObjectClass("person"),)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.fail = False
        self.entered = threading.Event()

    def detect(self, frames: Sequence[Frame], lane: int) -> DetectionBatch:
        self.entered.set()
        assert self.gate.wait(10)
        if self.fail:
            self.fail = False
            raise ModelError("scripted: the session broke")
        n = len(frames)
        return DetectionBatch(
            tuple(f.ref for f in frames), np.zeros(n + 1, np.int32), np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32), np.zeros(0, np.int32),
        )  # fmt: skip


class Loop:
    def __init__(self, count: int = 2, lanes: int = 2) -> None:
        clock, self.meters = SystemClock(), Meters()
        settings = [
            CameraSettings(id=f"c{i}", url="rtsp://h/1", ring="urban", layer="portrait")
            for i in range(count)
        ]
        self.board = SlotBoard(settings, plan=Plan(), clock=clock, meter=self.meters)
        self.detector = ScriptedDetector()
        self.seen: list[tuple[int, int]] = []
        self.lanes = Lanes(
            self.board, self.detector, self._step, count=lanes, clock=clock, meter=self.meters
        )

    def _step(self, number: int, detections: Detections) -> None:
        self.seen.append((number, detections.ref.pts_ns))


@pytest.fixture
def loop():
    loop = Loop()
    loop.lanes.start()
    yield loop
    loop.detector.gate.set()
    assert loop.lanes.stop(5)


def test_frames_of_a_camera_are_stepped_in_order(loop: Loop) -> None:
    for pts in range(50):
        loop.board.offer(0, blank_frame("c0", pts))
        loop.board.offer(1, blank_frame("c1", pts))
        wait_until(lambda pts=pts: {(0, pts), (1, pts)} <= set(loop.seen), "both frames stepped")
    assert [pts for number, pts in loop.seen if number == 0] == list(range(50))


def test_a_failing_batch_costs_only_itself(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.detector.fail = True
    loop.board.offer(0, blank_frame("c0", 1))
    wait_until(lambda: loop.meters.drops("c0") == {"inference_failed": 1}, "the drop is counted")
    loop.board.offer(0, blank_frame("c0", 2))
    wait_until(lambda: loop.seen == [(0, 2)], "the lane goes on")
    assert "the session broke on frames of c0; dropped, going on" in caplog.text


def test_a_slow_camera_does_not_hold_another_back(loop: Loop) -> None:
    loop.detector.gate.clear()
    loop.board.offer(0, blank_frame("c0", 1))
    assert loop.detector.entered.wait(5)
    loop.board.offer(0, blank_frame("c0", 2))
    loop.board.offer(0, blank_frame("c0", 3))  # replaces 2; offering never waits for the lane
    assert loop.meters.drops("c0") == {"replaced": 1}
    loop.detector.gate.set()
    wait_until(lambda: (0, 3) in loop.seen, "the newest frame is analysed")


def test_only_waiting_work_counts_as_stuck(loop: Loop) -> None:
    assert loop.lanes.stuck_ns() == 0  # no camera offers anything: dead cameras are no stuck loop
    loop.detector.gate.clear()
    loop.board.offer(0, blank_frame("c0", 1))
    wait_until(lambda: loop.lanes.stuck_ns() > 20_000_000, "a hanging session counts as stuck")
    loop.detector.gate.set()
    wait_until(lambda: loop.lanes.stuck_ns() == 0, "and no longer once it answers")
