"""Rules over the camera itself: tamper and a loss that lasts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from edge_agent.clock import ManualClock
from edge_agent.contract import encode_event, parse_message
from edge_agent.health.meters import Meters
from edge_agent.hotloop.step import CameraPipeline
from edge_agent.settings import TrackingSettings
from edge_agent.types import (
    CameraChange,
    CameraState,
    Detections,
    Envelope,
    Event,
    EventKind,
    FrameRef,
    Severity,
)
from tests.frames import frame_ref
from tests.mot_support import CLASSES
from tests.rules_support import camera


@dataclass
class Gate:
    """One camera's pipeline on a manual clock, and what leaves it."""

    rules: list[dict[str, Any]]
    night: bool = True
    events: list[Event] = field(default_factory=list)
    heard: list[tuple[FrameRef, int]] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.pipeline = CameraPipeline(
            camera(*self.rules), tracking=TrackingSettings(confirm_hits=1), classes=CLASSES,
            score_threshold=0.5, model_id="m", events=self, clock=self.clock, meter=Meters({}),
            analysed=lambda ref, moving: self.heard.append((ref, moving)),
            is_active=lambda name, wall_ns: self.night,
        )  # fmt: skip

    def put(self, event: Event) -> None:
        self.events.append(event)

    def fault(self, word: str, *, standing: bool) -> None:
        data = {"word": word, "text": f"it is {word}", "standing": standing}
        self.change(EventKind.CAMERA_FAULT, CameraState.LIVE, data)

    def change(
        self, kind: EventKind | None, state: CameraState, data: dict[str, Any] | None = None
    ) -> None:
        mono_ns = self.clock.mono_ns()
        self.pipeline.camera_changed(
            CameraChange("gate", kind, state, "said why", 1, mono_ns, data or {})
        )

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.pipeline.end_held()

    def look(self, seconds: float, *boxes: tuple[int, int, int, int]) -> None:
        for index in range(round(seconds * 5)):
            ref = frame_ref("gate", self.clock.mono_ns(), index=index)
            n = len(boxes)
            self.pipeline.step_frame(
                Detections(
                    ref, np.array(boxes, np.float32).reshape(-1, 4), np.full(n, 0.9, np.float32),
                    np.zeros(n, np.int32),
                )
            )  # fmt: skip
            self.clock.advance(0.2)

    def ruled(self) -> list[Event]:
        """Return the rules' events."""
        return [event for event in self.events if "rule" in event.data]


TAMPER: dict[str, Any] = {"kind": "tamper"}


def test_a_tamper_stands_and_is_over_once_each() -> None:
    gate = Gate([TAMPER])
    gate.fault("covered", standing=True)
    gate.change(None, CameraState.LIVE)
    gate.fault("covered", standing=False)
    begins, ends = gate.ruled()
    assert begins.data == {
        "rule": "tamper", "zone": None, "standing": True, "fault": "covered",
        "text": "it is covered", "left_out": 0,
    }  # fmt: skip
    assert (begins.kind, begins.severity) == (EventKind.TAMPER, Severity.CRITICAL)
    assert (ends.data["standing"], ends.severity) == (False, Severity.NOTICE)


@pytest.mark.parametrize("word", ["frozen", "bitrate_changed", "dark"])
def test_faults_that_a_rule_does_not_name_are_no_tamper(word: str) -> None:
    gate = Gate([{**TAMPER, "faults": ["covered", "moved"]}])
    gate.fault(word, standing=True)
    assert gate.ruled() == []


def test_a_tamper_is_silent_by_day_and_its_end_goes_with_its_beginning() -> None:
    gate = Gate([{**TAMPER, "schedule": "night"}], night=False)
    gate.fault("dark", standing=True)
    gate.fault("dark", standing=False)
    assert gate.ruled() == []
    gate.night = True
    gate.fault("dark", standing=True)
    gate.night = False
    gate.fault("dark", standing=False)
    assert [event.data["standing"] for event in gate.ruled()] == [True, False]


def test_a_loss_is_told_by_a_rule_once_it_has_lasted() -> None:
    gate = Gate([{"kind": "camera_lost", "for_s": 30, "severity": "critical"}])
    gate.change(EventKind.CAMERA_LOST, CameraState.LOST)
    gate.wait(20)
    gate.change(None, CameraState.LOST)  # tried again, in vain
    assert gate.ruled() == []
    gate.wait(40)
    (event,) = gate.ruled()
    assert (event.kind, event.severity) == (EventKind.CAMERA_LOST, Severity.CRITICAL)
    assert (event.data["rule"], event.data["lost_s"], event.data["state"]) == (
        "camera_lost", 30.0, "lost",
    )  # fmt: skip
    gate.change(EventKind.CAMERA_LIVE, CameraState.LIVE)
    gate.change(EventKind.CAMERA_LOST, CameraState.LOST)
    gate.wait(29)
    assert len(gate.ruled()) == 1


def test_a_loss_that_is_mended_in_time_is_not_told() -> None:
    gate = Gate([{"kind": "camera_lost", "for_s": 30}])
    gate.change(EventKind.CAMERA_LOST, CameraState.LOST)
    gate.wait(20)
    gate.change(EventKind.CAMERA_LIVE, CameraState.LIVE)
    gate.wait(60)
    assert gate.ruled() == []


def test_the_pipeline_tells_rules_after_the_tracks_and_with_their_severity() -> None:
    gate = Gate([{"kind": "presence", "severity": "critical"}, {"kind": "enter", "zone": "yard"}])
    gate.look(1, (400, 200, 420, 300))
    assert [e.kind for e in gate.events][:3] == [
        EventKind.START, EventKind.PRESENCE, EventKind.ENTER,
    ]  # fmt: skip
    assert [event.severity for event in gate.ruled()] == [Severity.CRITICAL, Severity.NOTICE]
    gate.pipeline.stop()
    assert gate.ruled()[-1].data["reason"] == "agent_stopped"
    for number, event in enumerate(gate.ruled()):
        told = encode_event(event, Envelope("e", "a", "s", "b", "st", number + 1))
        assert parse_message(*told).kind == event.kind


def test_a_camera_whose_rule_waits_counts_as_moving() -> None:
    gate = Gate([{"kind": "absence", "for_s": 10}])
    gate.look(5)
    assert {moving for _, moving in gate.heard} == {1}
    gate.look(6)
    assert gate.heard[-1][1] == 0
