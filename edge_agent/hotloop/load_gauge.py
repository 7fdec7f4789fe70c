"""How full the box is, from what the meters, the board and the machine say. Once a second."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.clock import Clock
from edge_agent.health.cpu_times import process_cpu_s, usable_cores
from edge_agent.health.meters import Meters
from edge_agent.health.pressure import Pressure
from edge_agent.policy.load import LoadReading
from edge_agent.settings import CameraSettings, Plan

#: A reading is taken over this many of the last looks: long enough for a camera at 1 fps, short
#: enough to be over when the strain is.
_LOOKS = 3
_PRESSURE_EVERY_S = 5.0
#: What a lane's thread does, and what runs the lanes' sessions on the CPU.
_LANE_STAGES = ("preprocess", "infer", "postprocess", "track", "rules")


@dataclass(frozen=True, slots=True)
class _Sample:
    """Everything that only grows, at one look."""

    at_ns: int
    lanes_s: float
    lanes_cpu_s: float
    images: int
    came: tuple[int, ...]
    left_out: int
    too_late: int
    cpu_s: float


class LoadGauge:
    """Takes readings; remembers the last few looks."""

    def __init__(
        self,
        cameras: Sequence[CameraSettings],
        *,
        plan: Plan,
        on_cpu: bool,
        meters: Meters,
        came: Callable[[], tuple[int, ...]],
        behind: Callable[[], int],
        at_work_ns: Callable[[], int],
        oldest_waiting_ns: Callable[[], int | None],
        pressure: Callable[[], Pressure],
        clock: Clock,
    ) -> None:
        """Remember whom to ask.

        Args: `on_cpu` whether the processor's cores do the inference; `came` frames that each
        camera has offered; `behind` those of wake-ups that are not analysed yet; `at_work_ns`
        how long the lanes have been at their present batches; `oldest_waiting_ns` of the board.
        """
        self._camera_ids = [camera.id for camera in cameras]
        self._patience_s = max(camera.slo_s for camera in cameras)
        self._lanes = plan.lanes
        self._threads = plan.threads
        self._on_cpu = on_cpu
        self._meters = meters
        self._came = came
        self._behind = behind
        self._at_work_ns = at_work_ns
        self._oldest_waiting_ns = oldest_waiting_ns
        self._ask_pressure = pressure
        self._clock = clock
        self._samples: deque[_Sample] = deque(maxlen=_LOOKS + 1)
        self.pressure = pressure()
        self._asked_ns = clock.mono_ns()

    def read(self) -> LoadReading:
        """Return what was measured over the last looks."""
        now_ns = self._clock.mono_ns()
        if now_ns - self._asked_ns >= _PRESSURE_EVERY_S * 1e9:
            self.pressure, self._asked_ns = self._ask_pressure(), now_ns
        self._samples.append(self._sample(now_ns))
        first, last = self._samples[0], self._samples[-1]
        span_s = (last.at_ns - first.at_ns) / 1e9
        if span_s <= 0:
            return LoadReading(lanes=float(self._lanes))
        came = [after - before for before, after in zip(first.came, last.came, strict=True)]
        passed = sum(came) - (last.left_out - first.left_out)
        cores = min(usable_cores(), self.pressure.quota_cores or usable_cores())
        lanes_s, lanes = self._work(first, last, cores)
        images = last.images - first.images
        image_s = lanes_s / images if images else None
        return LoadReading(
            busy=min(1.0, lanes_s / (span_s * lanes)),
            late=min(1.0, (last.too_late - first.too_late) / max(1, passed)),
            waiting=(self._oldest_waiting_ns() or 0) / 1e9 / self._patience_s,
            backlog_s=self._behind() * (image_s or 0.0) / lanes,
            cpu=min(1.0, (last.cpu_s - first.cpu_s) / (span_s * cores)),
            stalled=self.pressure.stalled or 0.0,
            heat=self.pressure.heat,
            slowed_by=self.pressure.slowed_by or "",
            image_s=image_s,
            lanes=lanes,
            rates=tuple(frames / span_s for frames in came),
        )

    def _work(self, first: _Sample, last: _Sample, cores: float) -> tuple[float, float]:
        """Return seconds at work between two looks, and how many lanes can truly work at once.

        Lanes that share cores are at work twice as long for the same images: their time says
        that they wait for one another, not that the box is full. Then CPU time counts, and as
        many lanes as there are cores for.
        """
        if self._on_cpu and self._lanes * self._threads > cores:
            return last.lanes_cpu_s - first.lanes_cpu_s, cores / self._threads
        # A batch that failed is taken back: it was under way and never done.
        return max(0.0, last.lanes_s - first.lanes_s), float(self._lanes)

    def _sample(self, now_ns: int) -> _Sample:
        # What is under way counts too: a picture may take longer than a reading looks back.
        under_way_s = self._at_work_ns() / 1e9
        drops = [self._meters.drops(camera_id) for camera_id in self._camera_ids]
        spent = self._meters.spent_s(None)
        done_s = self._meters.total_s("inference") + self._meters.total_s("step")
        return _Sample(
            at_ns=now_ns,
            lanes_s=done_s + under_way_s,
            lanes_cpu_s=sum(spent.get(stage, 0.0) for stage in _LANE_STAGES) / self._threads,
            images=self._meters.counts(None).get("images", 0),
            came=self._came(),
            left_out=sum(d.get("shed", 0) for d in drops),
            too_late=sum(d.get("replaced", 0) + d.get("stale", 0) for d in drops),
            cpu_s=process_cpu_s(),
        )
