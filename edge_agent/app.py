"""The running agent: the only place where its parts are wired.

Starts in order (model, outbox, status, lanes, cameras) and stops in reverse, so that nothing
runs on a broken part and nothing that happened is lost.
"""

import logging
import random
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

from edge_agent import __version__
from edge_agent.clock import Clock, SystemClock
from edge_agent.config import dispatch_grid, journal_dir, model_manifest, ring_areas
from edge_agent.deliver import Delivery, Identity
from edge_agent.detect import OnnxDetector, open_detector
from edge_agent.health.meters import Meters
from edge_agent.health.metrics_server import MetricsServer
from edge_agent.health.notify import notify, watchdog_interval_s
from edge_agent.health.pressure import PressureReader
from edge_agent.health.snapshot import AgentHealth, Running
from edge_agent.health.status_socket import StatusServer
from edge_agent.hotloop.lanes import Lanes
from edge_agent.hotloop.listeners import open_listeners
from edge_agent.hotloop.load_gauge import LoadGauge
from edge_agent.hotloop.planning import Decision, plan_without_measuring
from edge_agent.hotloop.post import CameraPost, open_posts
from edge_agent.hotloop.shedding import Shedding
from edge_agent.hotloop.slots import SlotBoard
from edge_agent.hotloop.step import CameraPipeline
from edge_agent.hotloop.whereabouts import MovingCameras
from edge_agent.journal import Head, TrackJournal
from edge_agent.policy.severity import severity_of
from edge_agent.ports import Source
from edge_agent.settings import AgentSettings, CameraSettings, Plan
from edge_agent.source import open_source
from edge_agent.types import CameraChange, Event, EventKind, Json, Ring

log = logging.getLogger(__name__)

#: How long each part may take to stop; together under systemd's and the issue's 5 s.
_SOURCES_STOP_S = 1.5
_LANES_STOP_S = 1.0
_JOURNAL_STOP_S = 0.5
_DELIVERY_STOP_S = 1.5
#: Retained states tell rates and costs too; between changes they are said again this often.
_STATES_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class _Listener:
    """Passes a camera's changes to its pipeline, its health and its retained state."""

    app: "App"
    number: int
    camera: CameraSettings
    pipeline: CameraPipeline

    def camera_changed(self, change: CameraChange) -> None:
        self.app.health.cameras[self.camera.id].hear(change)
        self.pipeline.camera_changed(change)
        self.app.delivery.put_state(self.camera.id, self.app.health.camera_state(self.number))


class App:
    """One agent over one set of settings."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        state_dir: Path,
        status_socket: Path,
        decision: Decision | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Load the model and wire the parts; nothing runs yet.

        Args: `decision` is the plan; None takes the file's, or a lane a core where it has none.
        Raises: ModelError.
        """
        self.settings = settings
        self._clock = clock or SystemClock()
        boot_id = uuid.uuid4().hex
        decision = decision or plan_without_measuring(settings.model)
        self.meters = Meters({camera.id: camera.slo_s for camera in settings.camera})
        detector = open_detector(
            model_manifest(settings),
            plan=decision.plan,
            provider=decision.provider,
            meter=self.meters,
        )
        log.info("plan (%s): %s", decision.origin, decision.why)
        self.delivery = Delivery(
            broker=settings.broker,
            outbox=settings.outbox,
            identity=Identity(settings.agent_id, settings.site, boot_id),
            state_dir=state_dir,
            clock=self._clock,
            meter=self.meters,
            counts=settings.counts,
            ring_ages_h=settings.rings.ages_h(),
        )
        self._journal = self._open_journal(detector, boot_id, state_dir)
        self._wire_hot_loop(detector, decision.plan)
        self._wire_load(decision.plan, detector.provider)
        self._wire_places()
        self._sources = {
            camera.id: self._source(number, camera) for number, camera in enumerate(settings.camera)
        }
        running = self._running(boot_id, detector, decision)
        self.health = AgentHealth(settings, running, clock=self._clock, meters=self.meters)
        self._status = StatusServer(status_socket, self.health.snapshot)
        address = settings.service.metrics
        self._metrics = None if address is None else MetricsServer(address, self.health.snapshot)
        self._states_told_ns = self._clock.mono_ns()

    def _open_journal(
        self, detector: OnnxDetector, boot_id: str, state_dir: Path
    ) -> TrackJournal | None:
        """Return what keeps the tracks, None where the site file wants none kept."""
        if not self.settings.journal.enabled:
            return None
        cameras = tuple(camera.id for camera in self.settings.camera)
        return TrackJournal(
            self.settings.journal,
            folder=journal_dir(state_dir),
            head=Head(boot_id, detector.model_id, cameras, detector.classes),
            clock=self._clock,
        )

    def _wire_hot_loop(self, detector: OnnxDetector, plan: Plan) -> None:
        """Slots, lanes, and what each frame's detections go through."""
        cameras = self.settings.camera
        posts = open_posts(
            self.settings,
            classes=detector.classes,
            model_id=detector.model_id,
            grid=dispatch_grid(self.settings),
            clock=self._clock,
        )
        self._pipelines = [
            self._pipeline(camera, detector, post)
            for camera, post in zip(cameras, posts, strict=True)
        ]
        self._board = SlotBoard(cameras, plan=plan, clock=self._clock, meter=self.meters)
        self._lanes = Lanes(
            self._board,
            detector,
            lambda number, detections: self._pipelines[number].step_frame(detections),
            count=plan.lanes,
            clock=self._clock,
            meter=self.meters,
        )

    def _wire_load(self, plan: Plan, provider: str) -> None:
        """What measures how full the box is, and what gives up frames for it."""
        self._shedding = Shedding(
            self.settings.camera,
            self._pipelines,
            coast_s=self.settings.tracking.coast_s,
            enabled=self.settings.service.shed_load,
            events=self.delivery,
            clock=self._clock,
            meter=self.meters,
        )
        self._gauge = LoadGauge(
            self.settings.camera,
            plan=plan,
            on_cpu=provider == "cpu",
            meters=self.meters,
            came=self._shedding.came,
            behind=self._shedding.behind,
            at_work_ns=self._lanes.at_work_ns,
            oldest_waiting_ns=self._board.oldest_waiting_ns,
            pressure=PressureReader().read,
            clock=self._clock,
        )

    def _wire_places(self) -> None:
        """Where the cameras that move are, and who says so."""
        self._moving = MovingCameras(
            self.settings, ring_areas(self.settings), self._pipelines, clock=self._clock
        )
        self._listeners = open_listeners(
            self._moving, self.settings.broker, clock=self._clock, meter=self.meters
        )

    def _take_ring(self, number: int, ring: Ring) -> None:
        """Let all parts that go by a camera's ring go by its new one."""
        self._board.set_ring(number, ring)
        self._shedding.set_ring(number, ring)
        camera_id = self.settings.camera[number].id
        self.delivery.put_state(camera_id, self.health.camera_state(number))

    def _running(self, boot_id: str, detector: OnnxDetector, decision: Decision) -> Running:
        """Return what the snapshot asks the parts for."""
        return Running(
            boot_id=boot_id,
            model_id=detector.model_id,
            provider=detector.provider,
            plan=decision.plan,
            plan_origin=decision.origin,
            plan_why=decision.why,
            delivery=self.delivery.snapshot,
            effective={name: source.effective_state for name, source in self._sources.items()},
            load=self._shedding.snapshot,
            load_of=self._shedding.camera,
            pressure=lambda: self._gauge.pressure,
            place_of=self._moving.told,
        )

    def _pipeline(
        self, camera: CameraSettings, detector: OnnxDetector, post: CameraPost
    ) -> CameraPipeline:
        return CameraPipeline(
            camera,
            tracking=self.settings.tracking,
            classes=detector.classes,
            score_threshold=detector.score_threshold,
            model_id=detector.model_id,
            events=self.delivery,
            clock=self._clock,
            meter=self.meters,
            analysed=lambda ref, moving: self._sources[camera.id].frame_analysed(ref, moving),
            journal=self._journal,
            post=post,
        )

    def _source(self, number: int, camera: CameraSettings) -> Source:
        return open_source(
            camera,
            sink=self._shedding.gate(number, self._board.slot(number)),
            listener=_Listener(self, number, camera, self._pipelines[number]),
            meter=self.meters,
            clock=self._clock,
            rng=random.Random(),
        )

    def run(self, stop: threading.Event) -> bool:
        """Run until `stop` is set. Returns: False where a part did not stop in time."""
        self.delivery.start()
        try:
            self._status.start()
            if self._metrics is not None:
                self._metrics.start()
        except BaseException:
            self._status.stop()
            self.delivery.stop(0.0)
            raise
        self._announce_birth()
        for listener in self._listeners:
            listener.start()
        if self._journal is not None:
            self._journal.start()
        self._lanes.start()
        for source in self._sources.values():
            source.start()
        notify("READY=1")
        log.info("agent %s: running %d cameras", self.settings.agent_id, len(self._sources))
        watchdog_s = watchdog_interval_s()
        while not stop.wait(1.0):
            self._tick(watchdog_s)
        return self._stop()

    def _tick(self, watchdog_s: float | None) -> None:
        self.health.sample_rates()
        for number in self._moving.tick():
            self._take_ring(number, self._moving.ring(number))
        self._tell_states(at_once=self._shedding.look(self._gauge.read))
        for pipeline in self._pipelines:
            pipeline.end_held()
        if watchdog_s is None:
            return
        stuck_s = self._stuck_s()
        if stuck_s < watchdog_s / 2:
            notify("WATCHDOG=1")
        else:
            log.error("hot loop: no progress for %.1f s; the watchdog is not fed", stuck_s)

    def _tell_states(self, *, at_once: bool) -> None:
        """Say the retained states again from time to time: rates and costs move without a change.

        A state that says nothing new is not sent.
        """
        now_ns = self._clock.mono_ns()
        if not at_once and now_ns - self._states_told_ns < _STATES_EVERY_S * 1e9:
            return
        self._states_told_ns = now_ns
        self.delivery.put_state(None, {"load": self._shedding.snapshot()})
        for number, camera in enumerate(self.settings.camera):
            self.delivery.put_state(camera.id, self.health.camera_state(number))

    def _stuck_s(self) -> float:
        """Return for how long work has waited on a lane or on the outbox's writer."""
        last_turn_ns, queued = self.delivery.progress()
        writer_ns = self._clock.mono_ns() - last_turn_ns if queued else 0
        return max(self._lanes.stuck_ns(), writer_ns) / 1e9

    def _stop(self) -> bool:
        notify("STOPPING=1")
        log.info("agent %s: stopping", self.settings.agent_id)
        for source in self._sources.values():
            source.request_stop()
        for listener in self._listeners:
            listener.stop(0.0)
        until_ns = self._clock.mono_ns() + round(_SOURCES_STOP_S * 1e9)
        clean = True
        for camera_id, source in self._sources.items():
            if not source.join(max(0.0, (until_ns - self._clock.mono_ns()) / 1e9)):
                log.warning("camera %s: its reader did not end in time", camera_id)
                clean = False
        if not self._lanes.stop(_LANES_STOP_S):
            log.warning("hot loop: a lane did not end in time")
            clean = False
        for pipeline in self._pipelines:
            pipeline.stop()
        if self._journal is not None and not self._journal.stop(_JOURNAL_STOP_S):
            log.warning("journal: its thread did not end in time")
            clean = False
        self.delivery.put(self._agent_event(EventKind.STOP, {"clean": clean}))
        self.delivery.stop(_DELIVERY_STOP_S)
        self._status.stop()
        if self._metrics is not None:
            self._metrics.stop()
        log.info("agent %s: stopped", self.settings.agent_id)
        return clean

    def _announce_birth(self) -> None:
        cameras: list[Json] = [
            {"camera_id": c.id, "ring": c.ring.value, "layer": c.layer.value}
            for c in self.settings.camera
        ]
        data: dict[str, Json] = {
            "version": __version__,
            "model_id": self.health.model_id,
            "cameras": cameras,
        }
        self.delivery.put(self._agent_event(EventKind.BIRTH, data))

    def _agent_event(self, kind: EventKind, data: dict[str, Json]) -> Event:
        return Event(
            kind=kind,
            severity=severity_of(kind),
            wall_ns=self._clock.wall_ns(),
            time_trusted=self._clock.time_trusted(),
            data=data,
        )
