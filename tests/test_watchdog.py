"""The watchdog is fed by the hot loop's own progress: a stuck session starves it."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge_agent.app import App, parts
from edge_agent.config import load
from edge_agent.types import DetectionBatch, Frame, ObjectClass
from tests.agent_process import site_toml
from tests.brokers import free_port
from tests.clips import Recipe, clip
from tests.waiting import wait_until

WATCHDOG_S = 4
STARVED = "the watchdog is not fed"


class HangingDetector:
    """Finds nothing, and hangs while `gate` is closed."""

    model_id = "hanging"
    provider = "cpu"
    classes = (ObjectClass("person"),)
    score_threshold = 0.5

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    def detect(self, frames: Sequence[Frame], lane: int) -> DetectionBatch:
        assert self.gate.wait(60)
        return DetectionBatch(
            tuple(frame.ref for frame in frames),
            np.zeros(len(frames) + 1, np.int32),
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.int32),
        )


class Manager:
    """The service manager's end of the notify socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(20)

    def hear(self) -> str:
        return self._socket.recv(256).decode()

    def take_all(self) -> list[str]:
        """Return what has been said and not heard yet, without waiting."""
        said = []
        self._socket.setblocking(False)
        try:
            while True:
                said.append(self.hear())
        except BlockingIOError:
            self._socket.settimeout(20)
        return said


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(WATCHDOG_S * 1_000_000))
    return Manager(tmp_path / "notify")


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> HangingDetector:
    hanging = HangingDetector()
    monkeypatch.setattr(parts, "open_detector", lambda *args, **kwargs: hanging)
    return hanging


@contextmanager
def agent_over(url: str, folder: Path, detector: HangingDetector) -> Iterator[App]:
    (folder / "model.toml").touch()
    toml = site_toml(
        folder,
        broker_port=free_port(),
        manifest=folder / "model.toml",
        cameras=[("yard", url)],
    )
    (folder / "site.toml").write_text(toml)
    app = App(
        load(folder / "site.toml", {}),
        state_dir=folder / "state",
        status_socket=folder / "status.sock",
    )
    stop = threading.Event()
    thread = threading.Thread(target=app.run, args=(stop,))
    thread.start()
    try:
        yield app
    finally:
        detector.gate.set()
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_a_stuck_session_starves_the_watchdog_until_it_answers(
    tmp_path: Path,
    manager: Manager,
    detector: HangingDetector,
    caplog: pytest.LogCaptureFixture,
) -> None:
    long_clip = clip(Recipe(frames=1500))  # a minute
    with agent_over(str(long_clip), tmp_path, detector) as app:
        assert [manager.hear(), manager.hear()] == ["READY=1", "WATCHDOG=1"]
        detector.gate.clear()
        wait_until(lambda: caplog.text.count(STARVED) == 1, "the loop counts as stuck", 20)
        manager.take_all()
        wait_until(lambda: caplog.text.count(STARVED) == 3, "it stays unfed", 20)
        assert manager.take_all() == []
        detector.gate.set()
        analysed = app.meters.counts("yard").get("frames_analysed", 0)
        wait_until(
            lambda: app.meters.counts("yard").get("frames_analysed", 0) > analysed, "it goes on"
        )
        assert manager.hear() == "WATCHDOG=1"


def test_a_dead_camera_is_no_stuck_loop(
    tmp_path: Path, manager: Manager, detector: HangingDetector
) -> None:
    with agent_over(f"rtsp://127.0.0.1:{free_port()}/x", tmp_path, detector) as app:
        assert [manager.hear() for _ in range(4)] == ["READY=1"] + ["WATCHDOG=1"] * 3
        assert app.health.cameras["yard"].state == "lost"
