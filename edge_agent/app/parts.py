"""Which part is given to which: the only place where the agent's parts are wired."""

import logging
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config import dispatch_grid, journal_dir, model_manifest, ring_areas
from edge_agent.deliver import Delivery, Identity
from edge_agent.detect import OnnxDetector, open_detector
from edge_agent.health.meters import Meters
from edge_agent.health.pressure import PressureReader
from edge_agent.health.snapshot import AgentHealth, Running
from edge_agent.hotloop.lanes import Lanes
from edge_agent.hotloop.listeners import open_listeners
from edge_agent.hotloop.load_gauge import LoadGauge
from edge_agent.hotloop.planning import Decision
from edge_agent.hotloop.post import open_posts
from edge_agent.hotloop.shedding import Shedding
from edge_agent.hotloop.slots import SlotBoard
from edge_agent.hotloop.step import CameraPipeline
from edge_agent.hotloop.whereabouts import MovingCameras
from edge_agent.journal import Head, TrackJournal
from edge_agent.policy.schedule import hours_of, is_wanted, site_of
from edge_agent.ports import PositionListener, Source
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.source import open_source
from edge_agent.types import CameraChange, Json

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """All parts of one agent, given to one another; none runs yet."""

    meters: Meters
    delivery: Delivery
    journal: TrackJournal | None  # None: the site file wants no tracks kept
    pipelines: Sequence[CameraPipeline]  # in the order of the settings
    board: SlotBoard
    lanes: Lanes
    shedding: Shedding
    gauge: LoadGauge
    moving: MovingCameras
    listeners: Sequence[PositionListener]
    health: AgentHealth
    sources: Mapping[str, Source]  # by camera


@dataclass(frozen=True, slots=True)
class _Common:
    """What many parts are given."""

    settings: AgentSettings
    boot_id: str
    detector: OnnxDetector
    decision: Decision
    clock: Clock
    meters: Meters


@dataclass(frozen=True, slots=True)
class _Listener:
    """Passes a camera's changes to its pipeline, its health and its retained state."""

    number: int
    camera_id: str
    pipeline: CameraPipeline
    health: AgentHealth
    delivery: Delivery

    def camera_changed(self, change: CameraChange) -> None:
        self.health.cameras[self.camera_id].hear(change)
        self.pipeline.camera_changed(change)
        self.delivery.put_state(self.camera_id, self.health.camera_state(self.number))


def wire(settings: AgentSettings, *, state_dir: Path, decision: Decision, clock: Clock) -> Parts:
    """Load the model and give the parts to one another. Raises: ModelError."""
    meters = Meters({camera.id: camera.slo_s for camera in settings.camera})
    detector = open_detector(
        model_manifest(settings), plan=decision.plan, provider=decision.provider, meter=meters
    )
    log.info("plan (%s): %s", decision.origin, decision.why)
    common = _Common(settings, uuid.uuid4().hex, detector, decision, clock, meters)
    sources: dict[str, Source] = {}  # filled last: a reader needs all that comes after it
    delivery, journal = _delivery(common, state_dir), _journal(common, state_dir)
    pipelines = _pipelines(common, delivery, journal, sources)
    board = SlotBoard(settings.camera, plan=decision.plan, clock=clock, meter=meters)
    lanes = Lanes(
        board,
        detector,
        lambda number, detections: pipelines[number].step_frame(detections),
        count=decision.plan.lanes,
        clock=clock,
        meter=meters,
    )
    shedding = _shedding(common, pipelines, delivery)
    gauge = _gauge(common, shedding, lanes, board)
    moving = MovingCameras(settings, ring_areas(settings), pipelines, clock=clock)
    running = _running(common, delivery, journal, shedding, gauge, moving, sources)
    health = AgentHealth(settings, running, clock=clock, meters=meters)
    for number, camera in enumerate(settings.camera):
        listener = _Listener(number, camera.id, pipelines[number], health, delivery)
        sources[camera.id] = open_source(
            camera,
            sink=shedding.gate(number, board.slot(number)),
            listener=listener,
            meter=meters,
            clock=clock,
            rng=random.Random(),
            wanted=_wanted(camera, settings, clock),
        )
    listeners = open_listeners(moving, settings.broker, clock=clock, meter=meters)
    return Parts(
        meters, delivery, journal, pipelines, board, lanes, shedding, gauge, moving, listeners,
        health, sources,
    )  # fmt: skip


def _wanted(camera: CameraSettings, settings: AgentSettings, clock: Clock) -> Callable[[], bool]:
    """Return what tells whether it is within the camera's hours."""
    schedules = {schedule.id: schedule for schedule in settings.schedules}
    hours = hours_of(camera.hours, schedules, site_of(settings))
    return lambda: is_wanted(hours, clock.wall_ns())


def _delivery(common: _Common, state_dir: Path) -> Delivery:
    settings = common.settings
    return Delivery(
        broker=settings.broker,
        outbox=settings.outbox,
        identity=Identity(settings.agent_id, settings.site, common.boot_id),
        state_dir=state_dir,
        clock=common.clock,
        meter=common.meters,
        counts=settings.counts,
        ring_ages_h=settings.rings.ages_h(),
    )


def _journal(common: _Common, state_dir: Path) -> TrackJournal | None:
    if not common.settings.journal.enabled:
        return None
    cameras = tuple(camera.id for camera in common.settings.camera)
    detector = common.detector
    return TrackJournal(
        common.settings.journal,
        folder=journal_dir(state_dir),
        head=Head(common.boot_id, detector.model_id, cameras, detector.classes),
        clock=common.clock,
    )


def _pipelines(
    common: _Common,
    delivery: Delivery,
    journal: TrackJournal | None,
    sources: Mapping[str, Source],
) -> list[CameraPipeline]:
    """What each frame's detections go through, a camera each."""
    settings, detector = common.settings, common.detector
    posts = open_posts(
        settings,
        classes=detector.classes,
        model_id=detector.model_id,
        grid=dispatch_grid(settings),
        clock=common.clock,
    )

    def pipeline(camera: CameraSettings, number: int) -> CameraPipeline:
        return CameraPipeline(
            camera,
            tracking=settings.tracking,
            classes=detector.classes,
            score_threshold=detector.score_threshold,
            model_id=detector.model_id,
            events=delivery,
            clock=common.clock,
            meter=common.meters,
            analysed=lambda ref, moving: sources[camera.id].frame_analysed(ref, moving),
            journal=journal,
            post=posts[number],
        )

    return [pipeline(camera, number) for number, camera in enumerate(settings.camera)]


def _shedding(common: _Common, pipelines: Sequence[CameraPipeline], delivery: Delivery) -> Shedding:
    """What gives up frames while the box is full."""
    return Shedding(
        common.settings.camera,
        pipelines,
        coast_s=common.settings.tracking.coast_s,
        enabled=common.settings.service.shed_load,
        events=delivery,
        clock=common.clock,
        meter=common.meters,
    )


def _gauge(common: _Common, shedding: Shedding, lanes: Lanes, board: SlotBoard) -> LoadGauge:
    """What measures how full the box is."""
    return LoadGauge(
        common.settings.camera,
        plan=common.decision.plan,
        on_cpu=common.detector.provider == "cpu",
        meters=common.meters,
        came=shedding.came,
        behind=shedding.behind,
        at_work_ns=lanes.at_work_ns,
        oldest_waiting_ns=board.oldest_waiting_ns,
        pressure=PressureReader().read,
        clock=common.clock,
    )


def _running(
    common: _Common,
    delivery: Delivery,
    journal: TrackJournal | None,
    shedding: Shedding,
    gauge: LoadGauge,
    moving: MovingCameras,
    sources: Mapping[str, Source],
) -> Running:
    """What the snapshot asks the parts for."""
    return Running(
        boot_id=common.boot_id,
        model_id=common.detector.model_id,
        provider=common.detector.provider,
        plan=common.decision.plan,
        plan_origin=common.decision.origin,
        plan_why=common.decision.why,
        delivery=delivery.snapshot,
        effective={
            camera.id: partial(_effective, sources, camera.id) for camera in common.settings.camera
        },
        load=shedding.snapshot,
        load_of=shedding.camera,
        pressure=lambda: gauge.pressure,
        place_of=moving.told,
        journal=lambda: None if journal is None else journal.snapshot(),
    )


def _effective(sources: Mapping[str, Source], camera_id: str) -> dict[str, Json]:
    return sources[camera_id].effective_state()
