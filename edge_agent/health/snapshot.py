"""The one snapshot of the running agent, which `status` and the metrics read."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.health.camera_figures import CameraFigures, CameraHealth
from edge_agent.health.cpu_times import ThreadTimes, resident_bytes
from edge_agent.health.histogram import summarise
from edge_agent.health.meters import Meters
from edge_agent.health.pressure import Pressure
from edge_agent.settings import AgentSettings, CameraSettings, Plan
from edge_agent.types import Json


@dataclass(frozen=True, slots=True)
class Running:
    """What runs and whom to ask about it."""

    boot_id: str
    model_id: str
    provider: str  # that runs the model, as the runtime calls it
    plan: Plan
    plan_origin: str  # forced, measured, cached or default
    plan_why: str  # one line with the figures
    delivery: Callable[[], dict[str, Json]]
    effective: Mapping[str, Callable[[], dict[str, Json]]]  # by camera
    load: Callable[[], dict[str, Json]]
    load_of: Callable[[int], dict[str, Json]]  # by the camera's place in the settings
    pressure: Callable[[], Pressure]
    place_of: Callable[[int], dict[str, Json]] = lambda number: {}  # as `load_of`; where it moves
    journal: Callable[[], dict[str, Json] | None] = lambda: None  # None: no tracks are kept


class AgentHealth:
    """Gathers what the parts know into one JSON document."""

    def __init__(
        self, settings: AgentSettings, running: Running, *, clock: Clock, meters: Meters
    ) -> None:
        self._settings = settings
        self._running = running
        self._clock = clock
        self._meters = meters
        self._started_ns = clock.mono_ns()
        self._figures = CameraFigures(settings.camera, meters, clock)
        self._threads = ThreadTimes()
        self.cameras = {
            camera.id: CameraHealth(since_ns=self._started_ns) for camera in settings.camera
        }

    @property
    def model_id(self) -> str:
        return self._running.model_id

    def sample_rates(self) -> None:
        """Take a sample of what only grows; called once a second."""
        self._figures.sample()

    def snapshot(self) -> dict[str, Json]:
        """Return everything as JSON values; durations in seconds, counts since the start."""
        cpu = os.times()
        running, plan = self._running, self._running.plan
        return {
            "version": __version__,
            "agent_id": self._settings.agent_id,
            "site": self._settings.site,
            "boot_id": running.boot_id,
            "pid": os.getpid(),
            "uptime_s": self._age_s(self._started_ns),
            "cpu_s": round(cpu.user + cpu.system, 3),
            "threads_cpu_s": self._threads.read(),
            "stages_cpu_s": {s: round(v, 6) for s, v in self._meters.spent_s(None).items()},
            "rss_mb": round(resident_bytes() / 1e6, 1),
            "time_trusted": self._clock.time_trusted(),
            "model_id": running.model_id,
            "provider": running.provider,
            "plan": {
                "lanes": plan.lanes,
                "threads": plan.threads,
                "batch": plan.batch,
                "origin": running.plan_origin,
                "why": running.plan_why,
            },
            "load": running.load(),
            "pressure": running.pressure().as_json(),
            "hotloop": self._hotloop(),
            "cameras": self._cameras(self._settings.camera),
            **running.delivery(),
            "journal": running.journal(),
            "latency_s": {
                name: self._figures.distribution(f"latency_{name}")
                for name in ("event", "update", "commit")
            },
            "counts": self._meters.counts(None),
            "drops": self._meters.drops(None),
        }

    def camera_state(self, number: int) -> dict[str, Json]:
        """Return what the retained state of a camera says, by its place in the settings."""
        camera = self._settings.camera[number]
        health = self.cameras[camera.id]
        return {
            "ring": camera.ring.value,
            "layer": camera.layer.value,
            "state": health.state.value,
            "reason": health.reason,
            "effective": self._effective(number, camera),
            **self._running.place_of(number),
        }

    def _effective(self, number: int, camera: CameraSettings) -> dict[str, Json]:
        """Return what the source says it does, and what the rest of the agent does with it."""
        return {
            **self._running.effective[camera.id](),
            "provider": self._running.provider,
            "target_fps": camera.target_fps,
            "analysed_fps": round(self._figures.fps_analysed(camera.id), 2),
            "cpu_ms_s": self._figures.cpu_ms_s(camera.id),
            "slo": self._figures.within_slo(camera),
            "load": self._running.load_of(number),
            "drops": self._meters.drops(camera.id),
        }

    def _hotloop(self) -> dict[str, Json]:
        counts = self._meters.counts(None)
        batches, images = counts.get("batches", 0), counts.get("images", 0)
        return {
            "batches": batches,
            "images": images,
            "mean_batch": round(images / batches, 2) if batches else None,
            "inference_s": summarise(self._meters.buckets("inference")),
            "step_s": summarise(self._meters.buckets("step")),
        }

    def _cameras(self, cameras: Sequence[CameraSettings]) -> list[dict[str, Json]]:
        return [
            {
                "camera_id": camera.id,
                **self.camera_state(number),
                "since_s": self._age_s(self.cameras[camera.id].since_ns),
                "fps_target": camera.target_fps,
                "fps_analysed": round(self._figures.fps_analysed(camera.id), 2),
                "counts": self._meters.counts(camera.id),
                "drops": self._meters.drops(camera.id),
                "stages_cpu_s": self._meters.spent_s(camera.id),
                "latency_s": self._figures.distribution("latency", camera.id),
            }
            for number, camera in enumerate(cameras)
        ]

    def _age_s(self, since_ns: int) -> float:
        return round((self._clock.mono_ns() - since_ns) / 1e9, 1)
