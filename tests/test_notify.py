"""The service manager hears what the agent says, over path and abstract sockets."""

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.health.notify import notify, watchdog_interval_s


@contextmanager
def manager_at(address: str) -> Iterator[socket.socket]:
    """A service manager's socket, bound to a path or, with a leading NUL, an abstract name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        server.settimeout(5)
        yield server


@pytest.mark.parametrize(
    "state", ["READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=4 cameras, 1 lost"]
)
def test_a_path_socket_gets_the_state(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with manager_at(path) as server:
        assert notify(state)
        assert server.recv(4096).decode() == state


def test_an_abstract_socket_gets_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"edge-agent-test-{uuid.uuid4()}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with manager_at(f"\0{name}") as server:
        assert notify("READY=1\nSTATUS=starting")
        assert server.recv(4096) == b"READY=1\nSTATUS=starting"


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1234", "/nowhere/at/all"])
def test_without_a_manager_nothing_happens(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify("READY=1")


def test_a_manager_that_does_not_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setattr("edge_agent.health.notify._SEND_TIMEOUT_S", 0.02)
    with manager_at(path):
        sent = [notify("WATCHDOG=1") for _ in range(1 + queue_length())]
    assert sent[0]
    assert not sent[-1]


def queue_length() -> int:
    """How many datagrams a socket holds before senders wait."""
    return int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 1


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", None, 30.0),
        ("30000000", "own", 30.0),
        ("500000", "", 0.5),
        ("30000000", "1", None),  # meant for another process
        ("0", None, None),
        ("", None, None),
        (None, None, None),
        ("soon", None, None),
        ("30000000", "me", None),
    ],
)
def test_watchdog_interval(
    usec: str | None, pid: str | None, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid}
    for name, value in values.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert watchdog_interval_s() == expected
