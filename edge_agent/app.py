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
from edge_agent.deliver import Delivery, Identity
from edge_agent.detect import OnnxDetector, open_detector
from edge_agent.errors import ConfigError
from edge_agent.health.meters import Meters
from edge_agent.health.notify import notify, watchdog_interval_s
from edge_agent.health.snapshot import AgentHealth
from edge_agent.health.status_socket import StatusServer
from edge_agent.hotloop.lanes import Lanes
from edge_agent.hotloop.slots import SlotBoard
from edge_agent.hotloop.step import CameraPipeline
from edge_agent.policy.severity import severity_of
from edge_agent.ports import Source
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.source import open_source
from edge_agent.types import CameraChange, Event, EventKind, Json

log = logging.getLogger(__name__)

#: How long each part may take to stop; together under systemd's and the issue's 5 s.
_SOURCES_STOP_S = 1.5
_LANES_STOP_S = 1.0
_DELIVERY_STOP_S = 1.5


@dataclass(frozen=True, slots=True)
class _Listener:
    """Passes a camera's changes to its pipeline, its health and its retained state."""

    app: "App"
    camera: CameraSettings
    pipeline: CameraPipeline

    def camera_changed(self, change: CameraChange) -> None:
        self.app.health.cameras[self.camera.id].hear(change)
        self.pipeline.camera_changed(change)
        self.app.delivery.put_state(self.camera.id, self.app.health.camera_state(self.camera))


class App:
    """One agent over one set of settings."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        state_dir: Path,
        status_socket: Path,
        clock: Clock | None = None,
    ) -> None:
        """Load the model and wire the parts; nothing runs yet. Raises: ConfigError, ModelError."""
        if settings.model.manifest is None:
            raise ConfigError(
                "model.manifest is not set: name a model's TOML manifest; not started"
            )
        self.settings = settings
        self._clock = clock or SystemClock()
        boot_id = uuid.uuid4().hex
        plan = settings.model.plan
        detector = open_detector(
            settings.model.manifest, plan=plan, provider=settings.model.provider
        )
        self.meters = Meters()
        self.delivery = Delivery(
            broker=settings.broker,
            outbox=settings.outbox,
            identity=Identity(settings.agent_id, settings.site, boot_id),
            state_dir=state_dir,
            clock=self._clock,
            meter=self.meters,
        )
        self._pipelines = [self._pipeline(camera, detector) for camera in settings.camera]
        self._board = SlotBoard(settings.camera, plan=plan, clock=self._clock, meter=self.meters)
        self._lanes = Lanes(
            self._board,
            detector,
            lambda number, detections: self._pipelines[number].step_frame(detections),
            count=plan.lanes,
            clock=self._clock,
            meter=self.meters,
        )
        self._sources = {
            camera.id: self._source(number, camera) for number, camera in enumerate(settings.camera)
        }
        self.health = AgentHealth(
            settings,
            boot_id=boot_id,
            model_id=detector.model_id,
            clock=self._clock,
            meters=self.meters,
            delivery=self.delivery.snapshot,
            effective={name: source.effective_state for name, source in self._sources.items()},
        )
        self._status = StatusServer(status_socket, self.health.snapshot)

    def _pipeline(self, camera: CameraSettings, detector: OnnxDetector) -> CameraPipeline:
        return CameraPipeline(
            camera,
            tracking=self.settings.tracking,
            classes=detector.classes,
            score_threshold=detector.score_threshold,
            model_id=detector.model_id,
            events=self.delivery,
            clock=self._clock,
            meter=self.meters,
        )

    def _source(self, number: int, camera: CameraSettings) -> Source:
        return open_source(
            camera,
            sink=self._board.slot(number),
            listener=_Listener(self, camera, self._pipelines[number]),
            meter=self.meters,
            clock=self._clock,
            rng=random.Random(),
        )

    def run(self, stop: threading.Event) -> bool:
        """Run until `stop` is set. Returns: False where a part did not stop in time."""
        self.delivery.start()
        try:
            self._status.start()
        except BaseException:
            self.delivery.stop(0.0)
            raise
        self._announce_birth()
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
        for pipeline in self._pipelines:
            pipeline.end_held()
        if watchdog_s is None:
            return
        stuck_s = self._stuck_s()
        if stuck_s < watchdog_s / 2:
            notify("WATCHDOG=1")
        else:
            log.error("hot loop: no progress for %.1f s; the watchdog is not fed", stuck_s)

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
        self.delivery.put(self._agent_event(EventKind.STOP, {"clean": clean}))
        self.delivery.stop(_DELIVERY_STOP_S)
        self._status.stop()
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
