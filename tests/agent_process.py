"""The agent as a child process of a test, and a platform that listens to it.

The platform knows only the documented topics: it subscribes with a persistent session and
keeps what arrives.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.errors import StateError
from edge_agent.health.status_socket import ask_status
from tests.waiting import wait_until


class AgentProcess:
    """`edge-agent run` over a site file, with its status socket beside it."""

    def __init__(self, folder: Path, site_toml: str) -> None:
        self.folder = folder
        self.config = folder / "site.toml"
        self.socket = folder / "status.sock"
        self.log = folder / "agent.log"
        self.config.write_text(site_toml)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, env: dict[str, str] | None = None) -> None:
        """Start and wait until the status socket answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent", "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})},
            )  # fmt: skip
        wait_until(self._answers, f"the agent answers; its log: {self.log}", 30)

    def status(self) -> dict[str, Any]:
        return ask_status(self.socket)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; return the exit status. Fails where it takes longer than the promised 5 s."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(5)

    def __enter__(self) -> "AgentProcess":
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.status()["pid"] == self.process.pid
        except StateError:
            return False


class Platform:
    """A central platform: every message that has a `seq`, in order of arrival."""

    def __init__(self, port: int, client_id: str = "platform") -> None:
        self.messages: list[dict[str, Any]] = []
        self.retained: dict[str, dict[str, Any]] = {}
        self._connected = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self._client.loop_start()
        assert self._connected.wait(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def kinds(self) -> list[str]:
        """Return the kind of every `seq` once: QoS 1 may bring a message twice."""
        by_seq = {(m["stream_id"], m["seq"]): m["kind"] for m in list(self.messages)}
        return list(by_seq.values())

    def seqs(self, stream_id: str | None = None) -> list[int]:
        """Return every `seq` of a stream once, in order of first arrival."""
        seen = dict.fromkeys(
            m["seq"] for m in list(self.messages) if stream_id in (None, m["stream_id"])
        )
        return list(seen)

    def _on_connect(self, client: mqtt.Client, *args: object) -> None:
        client.subscribe([("edge/v1/#", 1)])
        self._connected.set()

    def _on_message(self, client: mqtt.Client, userdata: object, message: Any) -> None:
        body = json.loads(message.payload)
        if "/events/" in message.topic or message.topic.endswith("/gaps"):
            self.messages.append(body)
        else:
            self.retained[message.topic] = body


class Verifier:
    """`edge-agent verify` as a process, from its connection until `finish`."""

    def __init__(self, folder: Path, broker_url: str) -> None:
        self._log = folder / "verify.log"
        command = [sys.executable, "-m", "edge_agent", "verify", "--broker", broker_url]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--client-id", "verify", "--from-start", "--json"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self.wait_for_connection(1)

    def wait_for_connection(self, number: int) -> None:
        """Wait until verify has connected so many times; between two it waits up to 16 s."""
        wait_until(
            lambda: self._log.read_text().count(": connected") >= number,
            f"verify has connected {number} times", 60,
        )  # fmt: skip

    def finish(self) -> dict[str, Any]:
        """Press Ctrl-C and return the report; fails where verify does."""
        self._process.send_signal(signal.SIGINT)
        report, _ = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, report
        return json.loads(report)

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


@contextmanager
def platform(port: int) -> Iterator[Platform]:
    listener = Platform(port)
    try:
        yield listener
    finally:
        listener.close()


def site_toml(
    folder: Path, *, broker_port: int, manifest: Path, cameras: Sequence[tuple[str, str]],
    extra: str = "",
) -> str:  # fmt: skip
    """Return a site file for tests; cameras are (id, url)."""
    text = f"""
site = "test"
agent_id = "box-1"
state_dir = "{folder / "state"}"
[broker]
url = "mqtt://127.0.0.1:{broker_port}"
[model]
manifest = "{manifest}"
[model.plan]
lanes = 2
threads = 1
batch = 1
[tracking]
update_s = 0.5
[service]
status_socket = "{folder / "status.sock"}"
{extra}
"""
    rings = ["urban", "suburban", "rural"]
    layers = ["portrait", "checkpoint", "panoramic", "uav"]
    for i, (camera_id, url) in enumerate(cameras):
        text += (
            f'\n[[camera]]\nid = "{camera_id}"\nurl = "{url}"\nring = "{rings[i % 3]}"\n'
            f'layer = "{layers[i % 4]}"\nstall_timeout_s = 2.0\n'
        )
    return text
