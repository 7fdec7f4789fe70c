"""What the load gauge makes of lanes that share cores."""

import pytest

from edge_agent.clock import ManualClock
from edge_agent.health.meters import Meters
from edge_agent.health.pressure import Pressure
from edge_agent.hotloop import load_gauge
from edge_agent.hotloop.load_gauge import LoadGauge
from edge_agent.policy.load import Heat, LoadReading
from edge_agent.settings import CameraSettings, Plan
from edge_agent.types import Layer, Ring

CAMERA = CameraSettings(id="gate", url="gate.mp4", ring=Ring.URBAN, layer=Layer.PORTRAIT)
NO_PRESSURE = Pressure(Heat.NONE, None, None, None, None, None, None, (), None, None)
IMAGES, CPU_S, WALL_S = 10, 0.05, 0.18  # in one second


def reading(monkeypatch: pytest.MonkeyPatch, *, cores: int, on_cpu: bool = True) -> LoadReading:
    """What a second of ten images reads on two lanes of one thread."""
    monkeypatch.setattr(load_gauge, "usable_cores", lambda: cores)
    clock, meters = ManualClock(), Meters()
    gauge = LoadGauge(
        [CAMERA], plan=Plan(lanes=2), on_cpu=on_cpu, meters=meters, came=lambda: (0,),
        behind=lambda: 4, at_work_ns=lambda: 0, oldest_waiting_ns=lambda: None,
        pressure=lambda: NO_PRESSURE, clock=clock,
    )  # fmt: skip
    gauge.read()
    for _ in range(IMAGES):
        meters.observe("inference", WALL_S)
        meters.spend("infer", round(CPU_S * 1e9))
    meters.count("images", IMAGES)
    clock.advance(1.0)
    return gauge.read()


def test_lanes_with_a_core_each_are_busy_by_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = reading(monkeypatch, cores=2)
    assert found.busy == pytest.approx(IMAGES * WALL_S / 2)
    assert (found.lanes, found.image_s) == (2, pytest.approx(WALL_S))


def test_lanes_that_share_a_core_are_busy_by_their_cpu_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = reading(monkeypatch, cores=1)
    assert found.busy == pytest.approx(IMAGES * CPU_S)
    assert (found.lanes, found.image_s) == (1, pytest.approx(CPU_S))
    assert found.backlog_s == pytest.approx(4 * CPU_S)


def test_a_lane_that_waits_for_a_gpu_is_busy_by_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reading(monkeypatch, cores=1, on_cpu=False).busy == pytest.approx(IMAGES * WALL_S / 2)
