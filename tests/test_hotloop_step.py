"""One camera between detections and events: order around losses, stops and held tracks."""

from dataclasses import replace

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
    FrameRef,
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
        self.heard: list[tuple[FrameRef, int]] = []
        self.meters = Meters({})
        self.clock = ManualClock()
        self.frame = 0
        self.pipeline = CameraPipeline(
            CameraSettings(id="yard", url="rtsp://h/1", ring="rural", layer="checkpoint"),
            tracking=TrackingSettings(stationary_after_s=2.0, stationary_hold_s=60.0),
            classes=CLASSES, score_threshold=0.5, model_id="m", events=self, clock=self.clock,
            meter=self.meters, analysed=lambda ref, moving: self.heard.append((ref, moving)),
        )  # fmt: skip

    def put(self, event: Event) -> None:
        self.events.append(event)

    def look(
        self,
        frames: int,
        *,
        person: bool = False,
        connection: int = 1,
        awake_s: float = 0.0,
        late: bool = False,
    ) -> None:
        for _ in range(frames):
            boxes, class_ids = [(300, 200, 400, 260)], [CAR]
            if person:
                left = 20 + self.frame * 6
                boxes.append((left, 100, left + 30, 180))
                class_ids.append(PERSON)
            ref = frame_ref("yard", self.clock.mono_ns(), index=self.frame, connection=connection)
            ref = replace(
                ref, mono_ns=self.clock.mono_ns(), awake_pts_ns=round(awake_s * 1e9), late=late
            )
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

    def change(self, kind: EventKind | None, state: CameraState) -> None:
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


def test_a_camera_that_rests_ends_its_moving_tracks_and_later_those_that_it_held(
    yard: Yard,
) -> None:
    yard.look(20, person=True)
    yard.events.clear()
    yard.change(None, CameraState.RESTING)
    assert yard.told() == [("end", "camera_rests")]
    under_way = yard.clock.mono_ns()
    yard.look(1)
    assert yard.heard[-1][0].mono_ns == under_way
    yard.clock.advance(61)
    yard.pipeline.end_held()
    assert yard.told() == [("end", "camera_rests")] * 2
    yard.look(20)
    assert yard.told()[-1] == ("start", None)  # the parked car, anew


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


def test_a_parked_car_neither_ends_nor_starts_again_over_nights_of_sleep(yard: Yard) -> None:
    yard.look(20)
    yard.events.clear()
    for _ in range(5):
        yard.clock.advance(3600)
        yard.look(20, awake_s=yard.clock.mono_ns() / 1e9, late=True)
    assert yard.told() == []


def test_a_parked_car_survives_a_loss_that_comes_while_the_camera_sleeps(yard: Yard) -> None:
    yard.look(20)
    yard.events.clear()
    yard.clock.advance(3600)
    yard.change(EventKind.CAMERA_LOST, CameraState.LOST)
    yard.clock.advance(20)
    yard.change(EventKind.CAMERA_LIVE, CameraState.LIVE)
    yard.look(20, connection=2, awake_s=yard.clock.mono_ns() / 1e9)
    assert yard.told() == [("camera_lost", None), ("camera_live", None)]


def test_the_reader_hears_how_many_tracks_move(yard: Yard) -> None:
    """Confirmed with the third frame; a car counts as parked after 2 s."""
    yard.look(30, person=True)
    assert [moving for _, moving in yard.heard[:3]] == [0, 0, 2]
    assert yard.heard[-1][1] == 1
    assert [ref.index for ref, _ in yard.heard] == list(range(30))


def test_late_frames_are_counted_apart_and_measured_by_nobody(yard: Yard) -> None:
    yard.look(10)
    yard.look(5, person=True, late=True)
    counts = yard.meters.counts("yard")
    assert (counts["frames_analysed"], counts["frames_caught_up"]) == (15, 5)
    assert sum(yard.meters.buckets("latency", "yard").values()) == 10
    starts = [event for event in yard.events if event.kind is EventKind.START]
    assert [event.mono_ns is None for event in starts] == [False, True]
    assert starts[1].pts_ns is not None


@pytest.mark.parametrize(("standing", "severity"), [(True, "warning"), (False, "notice")])
def test_a_fault_warns_and_its_end_is_a_notice(yard: Yard, standing: bool, severity: str) -> None:
    data = {"word": "dark", "text": "the picture is dark", "standing": standing}
    kind, state = EventKind.CAMERA_FAULT, CameraState.LIVE
    yard.pipeline.camera_changed(CameraChange("yard", kind, state, "it is dark", 1, 0, data))
    event = yard.events[-1]
    assert (event.kind, event.severity.value) == (kind, severity)
    assert event.data == data | {"state": "live", "reason": "it is dark"}


def test_the_stages_are_charged_to_the_camera_and_to_all(yard: Yard) -> None:
    yard.look(10, person=True)
    spent = yard.meters.spent_s("yard")
    assert set(spent) == {"track", "rules"}
    assert min(spent.values()) > 0
    assert yard.meters.spent_s(None) == spent
