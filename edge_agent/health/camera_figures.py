"""What each camera really gets and costs: rates over the last seconds, its share within the SLO."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.clock import Clock
from edge_agent.health.histogram import summarise
from edge_agent.health.meters import Meters, Rates
from edge_agent.settings import CameraSettings
from edge_agent.types import CameraChange, CameraState, Json

#: Rates over a few keyframes; the SLO over long enough that one burst is not the whole picture.
_RATE_SPAN_S, _SLO_SPAN_S = 10.0, 60.0


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


class CameraFigures:
    """Samples the meters once a second and turns them into figures of each camera."""

    def __init__(self, cameras: Sequence[CameraSettings], meters: Meters, clock: Clock) -> None:
        self._cameras = cameras
        self._meters = meters
        self._clock = clock
        self._rates = Rates(_RATE_SPAN_S)
        self._slo = Rates(_SLO_SPAN_S)

    def sample(self) -> None:
        """Take a sample of everything that only grows; called once a second."""
        now_ns = self._clock.mono_ns()
        for camera in self._cameras:
            analysed = self._meters.counts(camera.id).get("frames_analysed", 0)
            self._rates.sample(f"{camera.id} analysed", analysed, now_ns)
            for stage, seconds in self._meters.spent_s(camera.id).items():
                self._rates.sample(f"{camera.id} {stage}", seconds, now_ns)
            soon, measured = self._meters.within_slo(camera.id)
            self._slo.sample(f"{camera.id} soon", soon, now_ns)
            self._slo.sample(f"{camera.id} all", measured, now_ns)
        self._rates.sample("shared", self._shared_s(), now_ns)

    def _shared_s(self) -> float:
        """Return the CPU seconds of the stages that no camera counts for itself."""
        own = {stage for camera in self._cameras for stage in self._meters.spent_s(camera.id)}
        spent = self._meters.spent_s(None)
        return sum(seconds for stage, seconds in spent.items() if stage not in own)

    def fps_analysed(self, camera_id: str) -> float:
        """Return the frames analysed a second."""
        return self._rates.per_second(f"{camera_id} analysed")

    def cpu_ms_s(self, camera_id: str) -> dict[str, float]:
        """Return CPU milliseconds a second: the camera's own stages, `analyse` and `all`.

        `analyse` is the camera's part, by frames analysed, of the stages that serve all together.
        """
        own = {
            stage: self._rates.per_second(f"{camera_id} {stage}")
            for stage in self._meters.spent_s(camera_id)
        }
        everybody = sum(self.fps_analysed(camera.id) for camera in self._cameras)
        part = self.fps_analysed(camera_id) / everybody if everybody else 0.0
        own["analyse"] = self._rates.per_second("shared") * part
        own["all"] = sum(own.values())
        return {stage: round(seconds * 1e3, 1) for stage, seconds in own.items()}

    def within_slo(self, camera: CameraSettings) -> dict[str, Json]:
        """Return the SLO in ms and the share of frames that kept it: last minute, since start."""
        soon, measured = self._meters.within_slo(camera.id)
        recent = self._slo.per_second(f"{camera.id} all")
        return {
            "ms": round(camera.slo_s * 1000, 1),
            "within": _share(self._slo.per_second(f"{camera.id} soon"), recent),
            "within_ever": _share(soon, measured),
        }

    def distribution(self, name: str, camera_id: str | None = None) -> dict[str, Json]:
        """Return count, quantiles, sum and buckets of a distribution, in seconds."""
        buckets = self._meters.buckets(name, camera_id)
        return {
            **summarise(buckets),
            "sum": round(self._meters.total_s(name, camera_id), 6),
            "buckets": {str(k): n for k, n in buckets.items()},
        }


def _share(part: float, whole: float) -> float | None:
    return round(min(1.0, part / whole), 4) if whole else None
