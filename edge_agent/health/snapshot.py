"""The one snapshot of the running agent, read by `status` (and later metrics and the page)."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.health.histogram import summarise
from edge_agent.health.meters import Meters, Rates
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.types import CameraChange, CameraState, Json


@dataclass(slots=True)
class CameraHealth:
    """The last word about one camera."""

    state: CameraState = CameraState.CONNECTING
    reason: str = "starting"
    since_ns: int = 0

    def hear(self, change: CameraChange) -> None:
        """Take over a change; `since` moves only when the state does."""
        if change.state is not self.state:
            self.since_ns = change.mono_ns
        self.state, self.reason = change.state, change.reason


class AgentHealth:
    """Gathers what the parts know into one JSON document."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        boot_id: str,
        model_id: str,
        clock: Clock,
        meters: Meters,
        delivery: Callable[[], dict[str, Json]],
        effective: Mapping[str, Callable[[], dict[str, Json]]],
    ) -> None:
        self._settings = settings
        self._boot_id = boot_id
        self.model_id = model_id
        self._clock = clock
        self._meters = meters
        self._delivery = delivery
        self._effective = effective
        self._started_ns = clock.mono_ns()
        self._rates = Rates()
        self.cameras = {
            camera.id: CameraHealth(since_ns=self._started_ns) for camera in settings.camera
        }

    def sample_rates(self) -> None:
        """Take a sample of the analysed frames; called once a second."""
        now_ns = self._clock.mono_ns()
        for camera in self._settings.camera:
            analysed = self._meters.counts(camera.id).get("frames_analysed", 0)
            self._rates.sample(camera.id, analysed, now_ns)

    def snapshot(self) -> dict[str, Json]:
        """Return everything as JSON values; durations in seconds, counts since the start."""
        cpu = os.times()
        plan = self._settings.model.plan
        counts = self._meters.counts(None)
        batches = counts.get("batches", 0)
        return {
            "version": __version__,
            "agent_id": self._settings.agent_id,
            "site": self._settings.site,
            "boot_id": self._boot_id,
            "pid": os.getpid(),
            "uptime_s": self._age_s(self._started_ns),
            "cpu_s": round(cpu.user + cpu.system, 3),
            "rss_mb": round(resident_bytes() / 1e6, 1),
            "time_trusted": self._clock.time_trusted(),
            "model_id": self.model_id,
            "plan": {"lanes": plan.lanes, "threads": plan.threads, "batch": plan.batch},
            "hotloop": {
                "batches": batches,
                "images": counts.get("images", 0),
                "mean_batch": round(counts.get("images", 0) / batches, 2) if batches else None,
                "inference_s": summarise(self._meters.buckets("inference")),
                "step_s": summarise(self._meters.buckets("step")),
            },
            "cameras": self._cameras(self._settings.camera),
            **self._delivery(),
            "latency_s": {
                name: self._distribution(f"latency_{name}") for name in ("event", "update")
            },
            "counts": counts,
            "drops": self._meters.drops(None),
        }

    def camera_state(self, camera: CameraSettings) -> dict[str, Json]:
        """Return what the retained state of a camera says."""
        health = self.cameras[camera.id]
        return {
            "ring": camera.ring.value,
            "layer": camera.layer.value,
            "state": health.state.value,
            "reason": health.reason,
            "effective": self._effective[camera.id](),
        }

    def _cameras(self, cameras: Sequence[CameraSettings]) -> list[dict[str, Json]]:
        return [
            {
                "camera_id": camera.id,
                **self.camera_state(camera),
                "since_s": self._age_s(self.cameras[camera.id].since_ns),
                "fps_target": camera.target_fps,
                "fps_analysed": round(self._rates.per_second(camera.id), 2),
                "counts": self._meters.counts(camera.id),
                "drops": self._meters.drops(camera.id),
                "latency_s": self._distribution("latency", camera.id),
            }
            for camera in cameras
        ]

    def _distribution(self, name: str, camera_id: str | None = None) -> dict[str, Json]:
        buckets = self._meters.buckets(name, camera_id)
        return {**summarise(buckets), "buckets": {str(k): n for k, n in buckets.items()}}

    def _age_s(self, since_ns: int) -> float:
        return round((self._clock.mono_ns() - since_ns) / 1e9, 1)


def resident_bytes() -> int:
    """Return the process's resident memory in bytes. Source: proc(5), /proc/self/statm."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
