"""An overloaded box on a clock that moves only when told to: what is left out, and the way back.

The board, the schedule, the gates, the gauge and the meters are the real ones; one scripted lane
answers in so and so many milliseconds.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.clock import ManualClock
from edge_agent.health.meters import Meters
from edge_agent.health.pressure import Pressure, PressureReader
from edge_agent.hotloop.load_gauge import LoadGauge
from edge_agent.hotloop.shedding import Gate, Shedding
from edge_agent.hotloop.slots import SlotBoard
from edge_agent.policy.ladder import FLOOR_S
from edge_agent.policy.load import Heat
from edge_agent.settings import CameraSettings, Plan
from edge_agent.types import Event, EventKind, Frame, Severity
from tests.frames import blank_frame

MS, NS = 1_000_000, 1_000_000_000
NOWHERE = Path("/nonexistent")


@dataclass
class Pipeline:
    """Stands for a camera's pipeline: quiet or not, as the test says."""

    quiet: bool = False
    stretch: float = 1.0

    def stretch_updates(self, factor: float) -> None:
        self.stretch = factor


@dataclass
class Events:
    put_so_far: list[Event] = field(default_factory=list)

    def put(self, event: Event) -> None:
        self.put_so_far.append(event)


@dataclass
class Kept:
    """A slot that keeps every frame."""

    frames: list[Frame] = field(default_factory=list)
    caught_up: list[Frame] = field(default_factory=list)

    def offer(self, frame: Frame) -> None:
        self.frames.append(frame)

    def room(self) -> int:
        return 7

    def catch_up(self, frame: Frame) -> None:
        self.caught_up.append(frame)

    def waiting(self) -> int:
        return 3


def camera(
    name: str, ring: str = "urban", layer: str = "portrait", fps: float = 5.0
) -> CameraSettings:
    return CameraSettings(id=name, url="rtsp://h/1", ring=ring, layer=layer, target_fps=fps)


class Box:
    """One lane over a real board behind real gates; a look at the load every second."""

    def __init__(self, *cameras: CameraSettings, quiet: set[str] = frozenset(), shed: bool = True):
        self.cameras = cameras
        self.clock = ManualClock()
        self.meters = Meters({each.id: each.slo_s for each in cameras})
        self.events = Events()
        self.pipelines = [Pipeline(each.id in quiet) for each in cameras]
        self.board = SlotBoard(cameras, plan=Plan(), clock=self.clock, meter=self.meters)
        self.shedding = Shedding(
            cameras, self.pipelines, coast_s=2.0, enabled=shed,
            events=self.events, clock=self.clock, meter=self.meters,
        )  # fmt: skip
        self.gates = [self.shedding.gate(i, self.board.slot(i)) for i in range(len(cameras))]
        # Nothing below an empty root: the machine that runs the test has no say.
        self.pressure: Pressure = PressureReader(NOWHERE).read()
        self.gauge = LoadGauge(
            cameras, plan=Plan(), on_cpu=True, meters=self.meters, came=self.shedding.came,
            behind=lambda: 0,
            at_work_ns=self._at_work_ns,
            oldest_waiting_ns=self.board.oldest_waiting_ns, pressure=lambda: self.pressure,
            clock=self.clock,
        )  # fmt: skip
        self.served: dict[str, list[int]] = {each.id: [] for each in cameras}
        self.levels: list[int] = []
        self._offers = heapq.merge(*[self._paced(i) for i in range(len(cameras))])
        self._next_offer = next(self._offers)
        self._busy_with: tuple[int, int] | None = None
        self._free_ns = 0

    def run(self, seconds: int, image_ms: float) -> None:
        """Let time pass; each image costs the lane `image_ms`."""
        now_ns = self.clock.mono_ns()
        for look_ns in range(now_ns + NS, now_ns + seconds * NS + 1, NS):
            self._until(look_ns, round(image_ms * MS))
            self.shedding.look(lambda: replace(self.gauge.read(), cpu=0.0))
            self.levels.append(self.shedding.snapshot()["level"])

    def fps(self, name: str, last_s: int) -> float:
        since_ns = self.clock.mono_ns() - last_s * NS
        return sum(at_ns > since_ns for at_ns in self.served[name]) / last_s

    def gaps_s(self, name: str) -> list[float]:
        times = [0, *self.served[name], self.clock.mono_ns()]
        return [(b - a) / NS for a, b in pairwise(times)]

    def told(self) -> list[tuple[Severity, int]]:
        return [(event.severity, event.data["level"]) for event in self.events.put_so_far]

    def _until(self, end_ns: int, cost_ns: int) -> None:
        while min(self._next_offer[0], self._free_ns if self._waits else end_ns) < end_ns:
            lane_is_next = self._waits and self._free_ns <= self._next_offer[0]
            now_ns = self._free_ns if lane_is_next else self._next_offer[0]
            self.clock.advance((now_ns - self.clock.mono_ns()) / NS)
            if not lane_is_next:
                at_ns, number = self._next_offer
                self.gates[number].offer(blank_frame(self.cameras[number].id, at_ns))
                self._next_offer = next(self._offers)
            self._turn(now_ns, cost_ns)
        self.clock.advance((end_ns - self.clock.mono_ns()) / NS)

    def _turn(self, now_ns: int, cost_ns: int) -> None:
        if self._busy_with is not None:
            number, began_ns = self._busy_with
            if self._free_ns > now_ns:
                return
            self.board.release([number])
            self.served[self.cameras[number].id].append(now_ns)
            self.meters.observe("inference", (now_ns - began_ns) / NS)
            self.meters.count("images")
            self._busy_with = None
        batch, _ = self.board.take()
        if batch:
            self._busy_with = (batch[0][0], now_ns)
            self._free_ns = now_ns + cost_ns

    def _at_work_ns(self) -> int:
        began_ns = None if self._busy_with is None else self._busy_with[1]
        return 0 if began_ns is None else self.clock.mono_ns() - began_ns

    @property
    def _waits(self) -> bool:
        return self._busy_with is not None

    def _paced(self, number: int) -> Iterator[tuple[int, int]]:
        k = 0
        while True:
            yield round((k / self.cameras[number].target_fps + 0.013 * number) * NS), number
            k += 1


def county() -> tuple[CameraSettings, ...]:
    return (
        camera("town"), camera("edge", "suburban"), camera("field-1", "rural"),
        camera("field-2", "rural"), camera("gate", "rural", "checkpoint"),
    )  # fmt: skip


def test_a_box_that_has_enough_gives_nothing_up() -> None:
    box = Box(*county())
    box.run(30, image_ms=30)  # 25 images a second of 30 ms: 0.75 of the lane
    assert set(box.levels) == {0}
    assert all(box.meters.drops(each.id) == {} for each in box.cameras)
    assert box.told() == []


def test_quiet_rural_frames_go_first_and_are_enough_for_a_small_overload() -> None:
    box = Box(*county(), quiet={"field-1", "field-2", "edge"})
    box.run(30, image_ms=41)  # 1.03 of the lane; 0.82 once the quiet fields are halved
    assert box.shedding.snapshot()["step"] == "quiet rural"
    shed = {each.id: box.meters.drops(each.id).get("shed", 0) for each in box.cameras}
    assert shed["field-1"] > 50
    assert shed["field-2"] > 50
    assert shed["town"] == shed["edge"] == shed["gate"] == 0
    assert box.fps("town", last_s=10) == pytest.approx(5.0, abs=0.2)
    assert box.fps("field-1", last_s=10) == pytest.approx(2.5, abs=0.2)
    assert {pipeline.stretch for pipeline in box.pipelines} == {3.0}


def test_a_heavy_overload_leaves_the_checkpoint_last_and_starves_nobody() -> None:
    box = Box(*county())
    box.run(60, image_ms=90)  # 25 × 90 ms: 2.25 lanes
    rates = {each.id: box.fps(each.id, last_s=20) for each in box.cameras}
    assert rates["gate"] == pytest.approx(5.0, abs=0.3)
    assert rates["town"] >= rates["edge"] >= rates["field-1"]
    for each in box.cameras:
        assert max(box.gaps_s(each.id)) <= FLOOR_S + 0.2, each.id


def test_a_hopeless_overload_still_looks_at_every_camera() -> None:
    """At 150 ms an image the floors of five moving cameras take 0.75 of the lane."""
    box = Box(*county())
    box.run(90, image_ms=150)
    for each in box.cameras:
        assert box.fps(each.id, last_s=30) >= 0.5
        assert max(box.gaps_s(each.id)) <= FLOOR_S + 0.5, each.id


def test_it_recovers_by_itself_and_tells_both() -> None:
    box = Box(*county())
    box.run(30, image_ms=90)
    degraded = box.shedding.snapshot()
    assert degraded["level"] > 0
    assert degraded["reason"]
    assert degraded["thinned_cameras"]
    box.run(180, image_ms=20)
    well = box.shedding.snapshot()
    assert (well["level"], well["reason"], well["thinned_cameras"]) == (0, "", [])
    assert box.fps("field-1", last_s=10) == pytest.approx(5.0, abs=0.2)
    assert {pipeline.stretch for pipeline in box.pipelines} == {1.0}
    told = box.told()
    assert told[0][0] is Severity.WARNING
    assert told[0][1] > 0
    assert told[-1] == (Severity.NOTICE, 0)
    assert {event.kind for event in box.events.put_so_far} == {EventKind.LOAD_CHANGE}
    assert len(told) <= 6  # not one for each rung


def test_every_frame_is_analysed_or_counted_also_while_shedding() -> None:
    box = Box(*county())
    box.run(40, image_ms=90)
    for number, each in enumerate(box.cameras):
        drops = box.meters.drops(each.id)
        waiting = box.gates[number].came - len(box.served[each.id]) - sum(drops.values())
        assert waiting in (0, 1, 2), f"{each.id}: {drops}"


def test_heat_alone_degrades_and_is_told_even_where_nothing_may_be_given_up() -> None:
    box = Box(*county(), shed=False)
    box.run(5, image_ms=10)
    cool = box.pressure
    box.pressure = replace(cool, heat=Heat.THROTTLED, slowed_by="cpu-thermal is at 86 °C")
    box.run(30, image_ms=10)
    assert set(box.levels) == {0}
    box.pressure = cool
    box.run(30, image_ms=10)
    told = [(e.severity, e.data["heat"], e.data["reason"]) for e in box.events.put_so_far]
    assert told == [
        (Severity.WARNING, "throttled", "cpu-thermal is at 86 °C"),
        (Severity.NOTICE, "none", ""),
    ]


def test_a_site_with_an_unpaced_file_is_never_thinned() -> None:
    fast = CameraSettings(
        id="f", url="/v.mp4", ring="rural", layer="portrait", realtime=False, target_fps=5.0
    )
    box = Box(fast, camera("town"))
    box.run(30, image_ms=150)
    assert set(box.levels) == {0}
    assert "shed" not in box.meters.drops("f")


def gate(fps: float, strides: tuple[int, int], *, quiet: bool = False) -> tuple[Gate, Kept, Meters]:
    kept, meters = Kept(), Meters()
    made = Gate(camera("c", fps=fps), kept, Pipeline(quiet), meters)
    made.strides = strides
    return made, kept, meters


def passed(fps: float, stride: int, times_ns: list[int]) -> list[int]:
    made, kept, _ = gate(fps, (stride, stride))
    for at_ns in times_ns:
        made.offer(blank_frame("c", at_ns))
    return [frame.ref.pts_ns for frame in kept.frames]


def test_a_gate_lets_every_nth_point_of_the_grid_through() -> None:
    grid = [k * 200 * MS for k in range(20)]
    assert passed(5.0, 1, grid) == grid
    assert passed(5.0, 4, grid) == grid[::4]


def test_new_strides_begin_staggered_by_the_cameras_number() -> None:
    first = []
    for number in range(6):
        kept = Kept()
        made = Gate(camera("c"), kept, Pipeline(), Meters(), number=number)
        made.offer(blank_frame("c", 0))
        made.strides = (4, 4)
        for k in range(1, 20):
            made.offer(blank_frame("c", k * 200 * MS))
        points = [frame.ref.pts_ns // (200 * MS) for frame in kept.frames]
        first.append(points[1])
        assert {b - a for a, b in pairwise(points[1:])} == {4}
    assert first == [4, 3, 2, 1, 4, 3]


def test_the_same_frames_pass_on_a_stream_that_comes_in_bursts() -> None:
    """A 12 fps camera on a 5 fps grid: its frames lie unevenly behind the points."""
    uneven = [k * 200 * MS + (k * 37 % 80) * MS for k in range(30)]
    assert passed(5.0, 3, uneven) == uneven[::3]


def test_a_camera_that_offers_little_keeps_what_its_stride_allows() -> None:
    """Asleep, only a keyframe comes every 2 s: at a stride of ten grid points all of them pass."""
    keyframes = [k * 2_000 * MS for k in range(5)]
    assert passed(5.0, 10, keyframes) == keyframes


@given(
    st.floats(0.5, 60.0),
    st.data(),
    st.lists(st.integers(1, 3), min_size=5, max_size=200),
)
def test_no_gate_keeps_a_camera_waiting_beyond_its_stride(
    fps: float, data: st.DataObject, steps: list[int]
) -> None:
    """Whatever grid points a camera skips, the next frame after n periods always passes."""
    stride = data.draw(st.integers(1, max(1, int(fps * FLOOR_S))))
    period_ns = round(NS / fps)
    times_ns, at = [], 0
    for step in steps:
        times_ns.append(at * period_ns)
        at += step
    kept = passed(fps, stride, times_ns)
    assert kept[0] == times_ns[0]
    for before, after in zip(kept, [*kept[1:], None], strict=True):
        later = [t for t in times_ns if t > before and (after is None or t < after)]
        assert all(t - before < stride * period_ns for t in later)


def test_a_wake_up_passes_with_the_stride_of_a_moving_camera() -> None:
    made, kept, meters = gate(5.0, (1, 4), quiet=True)
    for k in range(8):
        made.catch_up(blank_frame("c", k * 200 * MS))
    assert len(kept.caught_up) == 8
    for k in range(8, 16):
        made.offer(blank_frame("c", k * 200 * MS))
    assert [frame.ref.pts_ns // (200 * MS) for frame in kept.frames] == [11, 15]
    assert meters.drops("c") == {"shed": 6}
    assert (made.room(), made.waiting()) == (7, 3)


def test_the_gauge_reads_the_last_seconds_only() -> None:
    box = Box(*county())
    box.run(20, image_ms=36)
    busy = box.gauge.read()
    assert busy.busy == pytest.approx(0.9, abs=0.05)
    assert busy.image_s == pytest.approx(0.036, rel=0.01)
    assert busy.rates == pytest.approx((5.0,) * 5, abs=0.4)
    box.run(5, image_ms=4)
    assert box.gauge.read().busy == pytest.approx(0.1, abs=0.03)


def test_pictures_that_take_longer_than_a_reading_looks_back_still_fill_the_lane() -> None:
    box = Box(*county())
    box.run(6, image_ms=5000)
    assert box.gauge.read().busy == pytest.approx(1.0, abs=0.01)
    box.run(20, image_ms=5000)
    assert box.levels[-1] > 0


def test_levels_move_only_when_something_changes() -> None:
    box = Box(*county())
    box.run(120, image_ms=60)
    assert Counter(box.levels).most_common(1)[0][1] > 80
