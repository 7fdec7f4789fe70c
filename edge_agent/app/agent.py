"""Starts the parts in order (outbox, status, lanes, cameras) and stops them in reverse.

So nothing runs on a broken part, and nothing that happened is lost.
"""

import logging
import threading
from pathlib import Path

from edge_agent import __version__
from edge_agent.app.parts import wire
from edge_agent.clock import Clock, SystemClock
from edge_agent.health.heap import Heap, spare_the_collector
from edge_agent.health.metrics_server import MetricsServer
from edge_agent.health.notify import notify, watchdog_interval_s
from edge_agent.health.status_socket import StatusServer
from edge_agent.hotloop.planning import Decision, plan_without_measuring
from edge_agent.policy.severity import severity_of
from edge_agent.settings import AgentSettings
from edge_agent.types import Event, EventKind, Json, Ring

log = logging.getLogger(__name__)

#: How long each part may take to stop; together under systemd's and the issue's 5 s.
_SOURCES_STOP_S = 1.5
_LANES_STOP_S = 1.0
_JOURNAL_STOP_S = 0.5
_DELIVERY_STOP_S = 1.5
#: Retained states tell rates and costs too; between changes they are said again this often.
_STATES_EVERY_S = 60.0
_TRIM_EVERY_S = 120.0  # one takes 60 ms with 64 cameras
#: What ends a decoder, whose memory can then go: nothing else leaves much behind.
_ENDINGS = ("falls_asleep", "reconnects")


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
        self._heap = Heap()
        decision = decision or plan_without_measuring(settings.model)
        self._parts = wire(settings, state_dir=state_dir, decision=decision, clock=self._clock)
        self.meters, self.health = self._parts.meters, self._parts.health
        self.delivery = self._parts.delivery
        self._status = StatusServer(status_socket, self.health.snapshot)
        address = settings.service.metrics
        self._metrics = None if address is None else MetricsServer(address, self.health.snapshot)
        self._states_told_ns = self._trimmed_ns = self._clock.mono_ns()

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
        spare_the_collector()
        self._trim()  # what loading the model has left, before pictures are in the heap
        for listener in self._parts.listeners:
            listener.start()
        if self._parts.journal is not None:
            self._parts.journal.start()
        self._parts.lanes.start()
        for source in self._parts.sources.values():
            source.start()
        notify("READY=1")
        log.info("agent %s: running %d cameras", self.settings.agent_id, len(self._parts.sources))
        watchdog_s = watchdog_interval_s()
        while not stop.wait(1.0):
            self._tick(watchdog_s)
        return self._stop()

    def _tick(self, watchdog_s: float | None) -> None:
        self.health.sample_rates()
        for number in self._parts.moving.tick():
            self._take_ring(number, self._parts.moving.ring(number))
        self._tell_states(at_once=self._parts.shedding.look(self._parts.gauge.read))
        for pipeline in self._parts.pipelines:
            pipeline.end_held()
        if self._clock.mono_ns() - self._trimmed_ns >= _TRIM_EVERY_S * 1e9:
            self._trim()
        if watchdog_s is None:
            return
        stuck_s = self._stuck_s()
        if stuck_s < watchdog_s / 2:
            notify("WATCHDOG=1")
        else:
            log.error("hot loop: no progress for %.1f s; the watchdog is not fed", stuck_s)

    def _trim(self) -> None:
        """Give memory back, some milliseconds; other threads allocate meanwhile."""
        self._trimmed_ns = self._clock.mono_ns()
        counts = (self.meters.counts(camera.id) for camera in self.settings.camera)
        self._heap.give_back(sum(row.get(name, 0) for row in counts for name in _ENDINGS))

    def _take_ring(self, number: int, ring: Ring) -> None:
        """Let all parts that go by a camera's ring go by its new one."""
        self._parts.board.set_ring(number, ring)
        self._parts.shedding.set_ring(number, ring)
        camera_id = self.settings.camera[number].id
        self.delivery.put_state(camera_id, self.health.camera_state(number))

    def _tell_states(self, *, at_once: bool) -> None:
        """Say the retained states again from time to time: rates and costs move without a change.

        A state that says nothing new is not sent.
        """
        now_ns = self._clock.mono_ns()
        if not at_once and now_ns - self._states_told_ns < _STATES_EVERY_S * 1e9:
            return
        self._states_told_ns = now_ns
        self.delivery.put_state(None, {"load": self._parts.shedding.snapshot()})
        for number, camera in enumerate(self.settings.camera):
            self.delivery.put_state(camera.id, self.health.camera_state(number))

    def _stuck_s(self) -> float:
        """Return for how long work has waited on a lane or on the outbox's writer."""
        last_turn_ns, queued = self.delivery.progress()
        writer_ns = self._clock.mono_ns() - last_turn_ns if queued else 0
        return max(self._parts.lanes.stuck_ns(), writer_ns) / 1e9

    def _stop(self) -> bool:
        notify("STOPPING=1")
        log.info("agent %s: stopping", self.settings.agent_id)
        for source in self._parts.sources.values():
            source.request_stop()
        for listener in self._parts.listeners:
            listener.stop(0.0)
        until_ns = self._clock.mono_ns() + round(_SOURCES_STOP_S * 1e9)
        clean = True
        for camera_id, source in self._parts.sources.items():
            if not source.join(max(0.0, (until_ns - self._clock.mono_ns()) / 1e9)):
                log.warning("camera %s: its reader did not end in time", camera_id)
                clean = False
        if not self._parts.lanes.stop(_LANES_STOP_S):
            log.warning("hot loop: a lane did not end in time")
            clean = False
        for pipeline in self._parts.pipelines:
            pipeline.stop()
        if self._parts.journal is not None and not self._parts.journal.stop(_JOURNAL_STOP_S):
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
