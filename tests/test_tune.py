"""`edge-agent tune` and the first start: measured on the real lanes, remembered, told, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.clock import SystemClock
from edge_agent.config import load
from edge_agent.detect.plan_cache import FILE
from edge_agent.errors import ModelError
from edge_agent.hotloop import planning
from edge_agent.hotloop.measure import LanesBench, paint_frames
from edge_agent.hotloop.planning import known_plan, measure_plan
from tests.agent_process import AgentProcess, site_toml
from tests.brokers import free_port
from tests.toy_model import write_toy_yolox
from tests.waiting import wait_until

FORCED = "[model.plan]\nlanes = 2\nthreads = 1\nbatch = 1\n"


def tune(*options: str) -> tuple[int, str, str]:
    """Return the exit status, the output, and what was said beside it."""
    result = CliRunner().invoke(app, ["tune", *options])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def write_site(folder: Path, plan: str = "", **toy: object) -> Path:
    """Write a site file that forces no plan but what `plan` says."""
    text = site_toml(
        folder,
        broker_port=free_port(),
        manifest=write_toy_yolox(folder, **toy),
        cameras=[("yard", f"rtsp://127.0.0.1:{free_port()}/x")],
    )
    assert FORCED in text
    path = folder / "site.toml"
    path.write_text(text.replace(FORCED, plan))
    return path


# --- The command


def test_one_line_says_what_was_taken_and_the_agent_takes_it_over(tmp_path: Path) -> None:
    site = write_site(tmp_path, "[model.plan]\nthreads = 1\n", batch=1)
    status, out, err = tune("--config", str(site), "--seconds", "1", "--provider", "auto")
    assert status == 0
    *remarks, last = out.splitlines()
    assert last.startswith("plan: ")
    assert " × 1 × 1 on cpu (lanes × threads × batch): " in last
    assert "images/s" in last
    assert remarks[0] == "forced: threads = 1; only plans with it were measured"
    assert f"kept in {tmp_path / 'state'}; the agent's next start takes it" in err
    known = known_plan(load(site, {}), tmp_path / "state")
    assert known is not None
    assert known.origin == "cached"
    assert f"plan: {known.why}" == last
    assert known.plan.threads == known.plan.batch == 1
    assert known.plan.staleness_ms == 1000.0
    shown = CliRunner().invoke(app, ["check", "--config", str(site)])
    assert f"plan     {known.why} (measured before)" in shown.stdout


def test_the_table_marks_the_taken_plan(tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path)
    status, out, err = tune("--model", str(manifest), "--seconds", "8", "--lanes", "1", "--table")
    assert status == 0, err  # one second gave a loaded machine no plan at all
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["provider", "lanes", "threads", "batch", "images/s", "ms", "looks"]
    (taken,) = (row for row in rows if row[-1] == "taken")
    assert taken[:2] == ["cpu", "1"]
    assert f"plan: {taken[1]} × {taken[2]} × {taken[3]} on cpu" in out


def test_all_of_it_for_machines(tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path, dynamic_int8=True)
    given = ("--model", str(manifest), "--lanes", "1", "--threads", "1", "--seconds", "2", "--json")
    status, out, err = tune(*given)
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report["plan"] == {"provider": "cpu", "lanes": 1, "threads": 1, "batch": 1}
    assert report["images_s"] > 0
    (only,) = report["grid"]
    assert only["looks"] >= 1
    left_out = {row["batch"]: row["reason"] for row in report["left_out"]}
    assert set(left_out) == {4, 8}
    assert "dynamically quantised" in left_out[4]
    assert not (tmp_path / "state").exists()


def test_a_forced_batch_that_would_change_the_outputs_is_refused(tmp_path: Path) -> None:
    manifest = write_toy_yolox(tmp_path, dynamic_int8=True)
    with pytest.raises(ModelError, match="is not what single pictures give"):
        tune("--model", str(manifest), "--batch", "4", "--seconds", "1", "--json")


def test_a_plan_that_the_file_forces_is_measured_and_not_kept(tmp_path: Path) -> None:
    site = write_site(tmp_path, FORCED)
    _, out, err = tune("--config", str(site), "--seconds", "1")
    assert "plan: 2 × 1 × 1 on cpu" in out
    assert "not kept: the site file forces its plan" in err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "options", [("--lanes", "2"), ("--model", "x.toml"), ("--budget-ms", "50")]
)
def test_with_a_site_file_the_wishes_stand_in_it(options: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(Exception, match="the model and its wishes stand in the site file"):
        tune("--config", str(write_site(tmp_path)), *options)


def test_a_failing_inference_ends_the_measurement_of_its_plan(tmp_path: Path) -> None:
    from edge_agent.detect.manifest import load_manifest
    from edge_agent.detect.plan import Candidate

    bench = LanesBench(load_manifest(write_toy_yolox(tmp_path)), paint_frames()[:2])
    candidate = Candidate("cpu", 2, 1, 1)
    bench.prepare(candidate)
    assert bench.run(candidate, 0.01).images_s > 0
    detector = bench._detectors[candidate]

    def fail(*args: object) -> None:
        raise ModelError("the session broke")

    detector._session.run = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(ModelError, match="an inference failed"):
        bench.run(candidate, 0.01)


# --- The first start


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MEASURE_S", 1.0)


def decide(site: Path, folder: Path, stop: threading.Event | None = None, told: list | None = None):
    settings = load(site, {})
    known = known_plan(settings, folder / "state")
    if known is not None:
        return known
    return measure_plan(
        settings,
        folder / "state",
        clock=SystemClock(),
        stop=stop or threading.Event(),
        tell=lambda: None if told is None else told.append(1),
    )


@pytest.mark.usefixtures("_quick")
def test_the_first_start_measures_and_the_second_remembers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = write_site(tmp_path, "[model.plan]\nlanes = 1\nwindow_ms = 9\n", batch=1)
    told: list[int] = []
    first = decide(site, tmp_path, told=told)
    assert first.origin == "measured"
    assert first.provider == "cpu"
    assert (first.plan.lanes, first.plan.batch, first.plan.window_ms) == (1, 1, 9.0)
    assert "images/s" in first.why
    assert told
    second = decide(site, tmp_path, told=told)
    assert second.origin == "cached"
    assert (second.plan, second.why) == (first.plan, first.why)
    (tmp_path / "state" / FILE).write_text("{torn")
    third = decide(site, tmp_path)
    assert third.origin == "measured"
    assert "plans are measured again" in caplog.text


def test_a_forced_plan_needs_neither_model_nor_measurement(tmp_path: Path) -> None:
    site = write_site(tmp_path, FORCED)
    (tmp_path / "toy.onnx").unlink()
    decision = decide(site, tmp_path)
    assert decision.origin == "forced"
    assert (decision.plan.lanes, decision.plan.threads, decision.plan.batch) == (2, 1, 1)


@pytest.mark.usefixtures("_quick")
def test_a_measurement_that_fails_takes_a_lane_a_core_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = write_site(tmp_path)
    (tmp_path / "toy.onnx").write_bytes(b"another")
    decision = decide(site, tmp_path)
    assert decision.origin == "default"
    cores = len(os.sched_getaffinity(0))
    assert (decision.plan.lanes, decision.plan.threads, decision.plan.batch) == (cores, 1, 1)
    assert "sha256" in caplog.text
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("_quick")
def test_a_measurement_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(planning, "tune_command", lambda *args: hang)
    monkeypatch.setattr(planning, "MOST_S", 0.3)
    before = set(psutil.Process().children())  # of other tests, such as a resource tracker
    decision = decide(write_site(tmp_path), tmp_path)
    assert (decision.origin, decision.why) == ("default", "not measured: no answer within 0 s")
    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize("answer", ["", "{}", '{"plan": {"lanes": 2}}', "not JSON"])
def test_an_answer_that_cannot_be_read_is_no_plan(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = [sys.executable, "-c", f"print({answer!r})"]
    monkeypatch.setattr(planning, "tune_command", lambda *args: say)
    decision = decide(write_site(tmp_path), tmp_path)
    assert decision.origin == "default"
    assert "an answer that cannot be read" in decision.why


@pytest.mark.usefixtures("_quick")
def test_a_state_folder_that_cannot_be_written_costs_no_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = write_site(tmp_path, "[model.plan]\nlanes = 1\nthreads = 1\n", batch=1)
    (tmp_path / "state" / FILE).mkdir(parents=True)  # a folder where the file should be
    assert decide(site, tmp_path).origin == "measured"
    assert "the plan cannot be kept" in caplog.text


def test_a_start_that_measures_says_so_and_stops_at_once(tmp_path: Path) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(20)
    site = write_site(tmp_path)
    with AgentProcess(tmp_path, site.read_text()) as agent:
        agent.start({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert agent.process is not None
        assert "measuring the plan for at most 20 s" in agent.status()["starting"]
        command = [sys.executable, "-m", "edge_agent", "status", "--config", str(agent.config)]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.startswith("box-1 at test: measuring the plan")
        said = manager.recv(256).decode()
        assert said == "EXTEND_TIMEOUT_USEC=10000000\nSTATUS=measuring the plan"
        (child,) = psutil.Process(agent.process.pid).children()
        assert child.cmdline()[3] == "tune"
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(5) == 0
        wait_until(lambda: not child.is_running(), "the measuring child is gone")
        assert not agent.socket.exists()
    manager.close()
