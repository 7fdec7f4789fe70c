"""One camera between detections and events: order around losses, stops and held tracks."""

import numpy as np
import pytest

from edge_agent.clock import ManualClock
from edge_agent.health.meters import Meters
from edge_agent.hotloop.step import CameraPipeline, group_of
from edge_agent.settings import CameraSettings, TrackingSettings
from edge_agent.types import (
    CameraChange,
    CameraState,
    Detections,
    Event,
    EventKind,
    ObjectClass,
    Severity,
)
from tests.frames import frame_ref

CLASSES = (ObjectClass("person"), ObjectClass("vehicle", "car"), ObjectClass("vehicle", "bus"))
CAR, PERSON = 1, 0
FRAME_NS = 200_000_000


class Yard:
    """A camera at 5 fps on a manual clock; a parked car and, when asked, a walking person."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.clock = ManualClock()
        self.frame = 0
        self.pipeline = CameraPipeline(
            CameraSettings(id="yard", url="rtsp://h/1", ring="rural", layer="checkpoint"),
            tracking=TrackingSettings(stationary_after_s=2.0, stationary_hold_s=60.0),
            classes=CLASSES, score_threshold=0.5, model_id="m", events=self, clock=self.clock,
            meter=Meters(),
        )  # fmt: skip

    def put(self, event: Event) -> None:
        self.events.append(event)

    def look(self, frames: int, *, person: bool = False, connection: int = 1) -> None:
        for _ in range(frames):
            boxes, class_ids = [(300, 200, 400, 260)], [CAR]
            if person:
                left = 20 + self.frame * 6
                boxes.append((left, 100, left + 30, 180))
                class_ids.append(PERSON)
            ref = frame_ref("yard", self.clock.mono_ns(), index=self.frame, connection=connection)
            self.pipeline.step_frame(
                Detections(
                    ref,
                    np.array(boxes, np.float32),
                    np.full(len(boxes), 0.9, np.float32),
                    np.array(class_ids, np.int32),
                )
            )
            self.frame += 1
            self.clock.advance(FRAME_NS / 1e9)

    def change(self, kind: EventKind, state: CameraState) -> None:
        self.pipeline.camera_changed(
            CameraChange("yard", kind, state, "said why", 1, self.clock.mono_ns(), {"more": 1})
        )

    def told(self) -> list[tuple[str, str | None]]:
        return [
            (e.kind.value, e.tracks[0].end_reason.value if e.kind is EventKind.END else None)
            for e in self.events
            if e.kind is not EventKind.UPDATE
        ]


@pytest.fixture
def yard() -> Yard:
    return Yard()


def test_a_loss_ends_the_moving_tracks_first_and_holds_the_parked_car(yard: Yard) -> None:
    yard.look(20, person=True)
    yard.events.clear()
    yard.change(EventKind.CAMERA_LOST, CameraState.LOST)
    assert yard.told() == [("end", "camera_lost"), ("camera_lost", None)]
    assert yard.events[0].tracks[0].object_class.name == "person"
    lost = yard.events[1]
    assert (lost.severity, lost.ring, lost.layer) == (Severity.WARNING, "rural", "checkpoint")
    assert lost.data == {"more": 1, "state": "lost", "reason": "said why"}
    yard.events.clear()
    yard.clock.advance(20)
    yard.change(EventKind.CAMERA_LIVE, CameraState.LIVE)
    yard.look(20, connection=2)
    assert yard.told() == [("camera_live", None)]  # the parked car neither ended nor began again


def test_held_tracks_end_when_the_camera_stays_away(yard: Yard) -> None:
    yard.look(20)
    yard.change(EventKind.CAMERA_LOST, CameraState.LOST)
    yard.events.clear()
    yard.clock.advance(59)
    yard.pipeline.end_held()
    assert yard.told() == []
    yard.clock.advance(2)
    yard.pipeline.end_held()
    yard.pipeline.end_held()
    assert yard.told() == [("end", "camera_lost")]


def test_a_stop_ends_every_track(yard: Yard) -> None:
    yard.look(20, person=True)
    yard.events.clear()
    yard.pipeline.stop()
    assert yard.told() == [("end", "agent_stopped")] * 2


def test_a_file_that_ends_ends_its_tracks(yard: Yard) -> None:
    yard.look(20)
    yard.events.clear()
    yard.change(EventKind.CAMERA_ENDED, CameraState.ENDED)
    assert yard.told() == [("end", "left"), ("camera_ended", None)]


def test_groups_are_the_class_names() -> None:
    assert group_of(CLASSES).tolist() == [0, 1, 1]
