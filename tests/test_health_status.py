"""The snapshot of an agent, and the screen that is drawn from it."""

import json
from typing import Any

import pytest
from rich.console import Console

from edge_agent.clock import ManualClock
from edge_agent.commands.status import does, draw
from edge_agent.health.meters import Meters
from edge_agent.health.pressure import Heat, Pressure, Zone
from edge_agent.health.snapshot import AgentHealth, Running
from edge_agent.settings import AgentSettings, CameraSettings, Plan
from edge_agent.types import CameraChange, CameraState, DropReason

CALM = Pressure(Heat.NONE, None, 0.02, "service", None, None, 0.5, (), None, None)
HOT = Pressure(
    Heat.THROTTLED, "cpu-thermal is at 86 °C, its limit is 85", 0.6, "machine", 1.5, 0.4, 7.5,
    (Zone("modem", 90.0, None), Zone("cpu-thermal", 86.0, 85.0)), 600, 2400,
)  # fmt: skip
EFFECTIVE = {
    "codec": "h264", "wh": [1920, 1080], "declared_fps": 25.0, "measured_fps": 24.9,
    "decoder": "h264_v4l2m2m", "clock_source": "rtcp",
    "decode": {"effective": "on_demand", "state": "asleep", "reason": None},
}  # fmt: skip


class Box:
    """An agent's health over two cameras, fed by hand."""

    def __init__(self, effective: dict[str, Any] = EFFECTIVE, pressure: Pressure = CALM) -> None:
        cameras = (
            CameraSettings(id="gate", url="rtsp://h/1", ring="urban", layer="checkpoint"),
            CameraSettings(id="field", url="rtsp://h/2", ring="rural", layer="panoramic"),
        )
        self.clock = ManualClock()
        self.meters = Meters({camera.id: camera.slo_s for camera in cameras})
        self.load = {
            "level": 0, "levels": 9, "step": "all", "reason": "", "since_s": 3.0,
            "lanes_busy": 0.42, "cpu_share": 0.3,
        }  # fmt: skip
        self.journal: dict[str, Any] | None = None
        running = Running(
            boot_id="b", model_id="toy@1", provider="cpu", plan=Plan(lanes=2),
            plan_origin="forced", plan_why="by the file",
            delivery=lambda: {
                "outbox": {"depth": 0, "oldest_s": 0.0, "last_seq": 7, "bytes": 1000},
                "broker": {"url": "mqtt://b", "state": "connected", "since_s": 9.0, "reason": None},
            },
            effective={"gate": lambda: effective, "field": lambda: {"codec": None}},
            load=lambda: self.load,
            load_of=lambda number: {"every": 1 + 3 * number, "quiet": True, "update_stretch": 1.0},
            pressure=lambda: pressure,
            journal=lambda: self.journal,
        )  # fmt: skip
        settings = AgentSettings(site="s", agent_id="a", camera=cameras)
        self.health = AgentHealth(settings, running, clock=self.clock, meters=self.meters)
        change = CameraChange("gate", None, CameraState.LIVE, "live: h264", 1, 0)
        self.health.cameras["gate"].hear(change)

    def pass_time(self, seconds: int) -> None:
        """Let both cameras work: the gate 5 frames a second, the field 1."""
        for _ in range(seconds):
            for camera_id, frames in (("gate", 5), ("field", 1)):
                self.meters.count("frames_analysed", frames, camera_id=camera_id)
                for i in range(frames):
                    self.meters.observe("latency", 0.3 if i == 0 else 0.02, camera_id=camera_id)
                self.meters.spend("decode", 40_000_000, camera_id=camera_id)
            self.meters.spend("infer", 60_000_000)
            self.clock.advance(1.0)
            self.health.sample_rates()

    def screen(self, width: int = 200) -> str:
        console = Console(width=width, no_color=True, record=True, file=None, quiet=False)
        with console.capture() as capture:
            console.print(draw(self.health.snapshot()))
        return capture.get()


def test_a_camera_tells_what_it_really_gets_and_costs() -> None:
    box = Box()
    box.pass_time(30)
    gate, field = (camera["effective"] for camera in box.health.snapshot()["cameras"])
    assert gate["provider"] == "cpu"
    assert (gate["target_fps"], gate["analysed_fps"]) == (5.0, pytest.approx(5.0))
    # 60 ms a second for all, five sixths of the frames are the gate's
    assert gate["cpu_ms_s"] == {"decode": 40.0, "analyse": 50.0, "all": 90.0}
    assert field["cpu_ms_s"] == {"decode": 40.0, "analyse": 10.0, "all": 50.0}
    # one frame in five takes 0.3 s: too long for a checkpoint, soon enough for a panorama
    assert gate["slo"] == {"ms": 250.0, "within": 0.8, "within_ever": 0.8}
    assert field["slo"] == {"ms": 1000.0, "within": 1.0, "within_ever": 1.0}
    assert gate["drops"] == {}
    assert field["load"]["every"] == 4


def test_the_share_in_time_is_of_the_last_minute() -> None:
    box = Box()
    box.pass_time(10)
    for _ in range(70):
        box.meters.observe("latency", 0.02, camera_id="gate")
        box.clock.advance(1.0)
        box.health.sample_rates()
    slo = box.health.snapshot()["cameras"][0]["effective"]["slo"]
    assert slo["within"] == 1.0
    assert slo["within_ever"] == pytest.approx((40 + 70) / 120, abs=1e-3)


def test_stages_add_up_once_and_the_snapshot_is_json() -> None:
    box = Box()
    box.pass_time(10)
    box.meters.spend("look", 5_000_000, camera_id="field")
    snapshot = json.loads(json.dumps(box.health.snapshot()))
    assert snapshot["stages_cpu_s"] == {"decode": 0.8, "infer": 0.6, "look": 0.005}
    plan = {"lanes": 2, "threads": 1, "batch": 1, "origin": "forced", "why": "by the file"}
    assert snapshot["plan"] == plan
    assert set(snapshot["threads_cpu_s"]) == {
        "source", "lane", "outbox", "sender", "main", "other",
    }  # fmt: skip


def test_the_retained_state_says_the_same() -> None:
    box = Box()
    box.pass_time(10)
    state = box.health.camera_state(0)
    assert state["state"] == "live"
    assert state["effective"] == box.health.snapshot()["cameras"][0]["effective"]


def test_a_calm_box_is_one_line_a_camera_and_no_warning_but_the_lost_one() -> None:
    box = Box()
    box.pass_time(5)
    lines = [line.rstrip() for line in box.screen().splitlines()]
    gate = next(line for line in lines if line.startswith("gate"))
    for word in ("live", "5.0", "90 ms/s", "h264 1920x1080 24.9 fps by h264_v4l2m2m", "rtcp"):
        assert word in gate
    assert "on_demand asleep" in gate
    field = next(line.split() for line in lines if line.startswith("field"))
    assert field[-2:] == ["1/4", "none"]
    assert "load: lanes 42% busy, cores 30% in use; nothing is given up" in lines
    assert "machine: this service waits for a core 2% of the time, load average 0.5" in lines
    assert [line for line in lines if line.startswith("!")] == [
        "! gate: only 80% of the frames within 250 ms",
        "! starting",
    ]


def test_a_camera_that_rests_needs_no_look() -> None:
    box = Box({**EFFECTIVE, "decode": {"effective": "none", "reason": "outside of its hours"}})
    box.health.cameras["gate"].hear(
        CameraChange("gate", None, CameraState.RESTING, "outside of its hours", 1, 0)
    )
    lines = [line.rstrip() for line in box.screen().splitlines()]
    assert "resting" in next(line for line in lines if line.startswith("gate"))
    assert [line for line in lines if line.startswith("!")] == ["! starting"]


def test_a_box_in_trouble_says_why_after_the_cameras() -> None:
    box = Box({**EFFECTIVE, "decode": {"effective": "always", "reason": "no keyframe"}}, HOT)
    box.clock.trusted = False
    box.load |= {"level": 3, "step": "rural 1/2", "reason": "the lanes are busy 99% of the time"}
    box.meters.drop(DropReason.SHED, 12, camera_id="gate")
    text = box.screen()
    for line in (
        "quota 1.5 cores; level 3 of 9 (rural 1/2) for 3 s: the lanes are busy 99% of the time",
        "machine: cpu-thermal 86 of 85 °C, slowest core 600 of 2400 MHz, the machine waits for a "
        "core 60% of the time, load average 7.5",
        "! clock not synchronised",
        "! slowed down: cpu-thermal is at 86 °C, its limit is 85",
        "! the CPU quota runs dry in 40% of its periods",
        "! gate: decodes everything: no keyframe",
    ):
        assert line in text
    assert "shed 12" in text
    assert text.index("! clock") > text.index("broker:")


def test_kept_tracks_are_told_with_their_age_and_what_was_left_out() -> None:
    box = Box()
    assert "journal: keeps no tracks" in box.screen()
    box.journal = {
        "bytes": 12_340_000, "max_bytes": 500_000_000, "oldest_s": 10_800.0, "frames": 900,
        "frames_s": 10.0, "lost": 3,
    }  # fmt: skip
    line = "journal: 12.3 of 500 MB of tracks, oldest 3 h, 10.0 frames/s, 3 left out"
    assert line in box.screen()
    assert box.health.snapshot()["journal"] == box.journal


def test_what_a_camera_does_is_told_as_far_as_it_is_known() -> None:
    load = {"load": {"every": 1}}
    assert does(load) == ""
    assert does({**load, "codec": "hevc", "decode": {"effective": "always"}}) == "hevc always"
    assert does({"load": {"every": 10}}) == "1/10"
