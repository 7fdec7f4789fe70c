"""`edge-agent run` as a process: starts whole or not at all, stops in time, feeds the watchdog."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent_process import AgentProcess, site_toml
from tests.brokers import free_port
from tests.clips import clip
from tests.toy_model import write_toy_yolox
from tests.waiting import wait_until


@pytest.fixture
def agent(tmp_path: Path):
    """An agent over a looping file, with no broker anywhere."""
    camera = ("yard", str(clip()))
    toml = site_toml(
        tmp_path, broker_port=free_port(), manifest=write_toy_yolox(tmp_path), cameras=[camera]
    )
    with AgentProcess(tmp_path, toml + "loop = true\n") as running:
        yield running


def run_to_its_end(agent: AgentProcess) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", "run", "--config", str(agent.config)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_without_a_broker_it_analyses_and_sigterm_stops_it_in_time(agent: AgentProcess) -> None:
    agent.start()
    wait_until(
        lambda: agent.status()["cameras"][0]["counts"].get("frames_analysed", 0) > 5,
        "frames are analysed",
    )
    status = agent.status()
    assert status["broker"]["state"] != "connected"
    assert status["outbox"]["last_seq"] >= 3  # stream_start, birth, camera_live
    assert agent.stop() == 0  # fails after 5 s
    assert not agent.socket.exists()
    assert "agent box-1: stopped" in agent.log.read_text()


def test_outside_of_its_hours_a_camera_is_read_and_not_decoded(agent: AgentProcess) -> None:
    agent.config.write_text(agent.config.read_text() + 'hours = "never"\n')
    agent.start()
    wait_until(
        lambda: agent.status()["cameras"][0]["counts"].get("frames_received", 0) > 20,
        "packets are read",
    )
    (camera,) = agent.status()["cameras"]
    assert camera["state"] == "resting"
    assert camera["effective"]["decode"]["state"] == "resting"
    assert camera["counts"].get("frames_decoded", 0) == 0
    assert agent.stop() == 0


def test_a_second_sigterm_ends_it_at_once(agent: AgentProcess) -> None:
    agent.start()
    assert agent.process is not None
    agent.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in agent.log.read_text(), "it says that it stops")
    agent.process.send_signal(signal.SIGTERM)
    # By the handler, by the system where the interpreter already took its handlers down, or
    # clean where the first signal was through before the second came.
    assert agent.process.wait(5) in (128 + signal.SIGTERM, -signal.SIGTERM, 0)


def test_a_second_agent_on_the_same_state_is_refused(agent: AgentProcess) -> None:
    agent.start()
    second = run_to_its_end(agent)
    assert second.returncode == 1
    assert "state" in second.stderr
    assert str(agent.process.pid) in second.stderr
    assert agent.status()["pid"] == agent.process.pid  # the first one keeps its socket


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (('ring = "urban"', 'ring = "downtown"'), "urban, suburban, rural"),
        (("manifest = ", "manifesto = "), "manifest"),
        (('url = "mqtt://', 'url = "http://'), "mqtt"),
    ],
)
def test_nothing_starts_on_a_broken_config(
    agent: AgentProcess, broken: tuple[str, str], said: str
) -> None:
    agent.config.write_text(agent.config.read_text().replace(*broken))
    ended = run_to_its_end(agent)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not (agent.folder / "state").exists()


def test_a_changed_model_file_is_refused_before_anything_runs(agent: AgentProcess) -> None:
    (model,) = agent.folder.glob("*.onnx")
    model.write_bytes(model.read_bytes() + b"\0")
    ended = run_to_its_end(agent)
    assert ended.returncode == 2
    assert "sha256" in ended.stderr
    assert not (agent.folder / "state").exists()


def test_systemd_hears_ready_alive_and_stopping(agent: AgentProcess, tmp_path: Path) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(20)
    agent.start({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"})
    said = [manager.recv(256).decode()]
    assert said == ["READY=1"]
    assert manager.recv(256).decode() == "WATCHDOG=1"
    assert agent.stop() == 0
    while said[-1] != "STOPPING=1":
        said.append(manager.recv(256).decode())
    manager.close()


def test_status_draws_the_installers_screen(agent: AgentProcess) -> None:
    agent.start()
    wait_until(lambda: agent.status()["cameras"][0]["state"] == "live", "the camera is live")
    command = [sys.executable, "-m", "edge_agent", "status", "--config", str(agent.config)]
    shown = subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={**os.environ, "COLUMNS": "200"}
    )
    assert shown.returncode == 0, shown.stderr
    for word in ("box-1 at test", "yard", "urban", "portrait", "live", "outbox:", "broker: mqtt"):
        assert word in shown.stdout
    agent.stop()
    nobody = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert nobody.returncode == 1
    assert "no agent answers there" in nobody.stderr
