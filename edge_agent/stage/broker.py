"""An MQTT 5 broker for the stage: Mosquitto where it is installed, else iotcore from PyPI."""

import os
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from edge_agent.errors import UsageError
from edge_agent.stage.child import Child, answers, free_port, start_child

BrokerKind = Literal["mosquitto", "iotcore"]

_READY_S = 15.0

#: As configs/broker has it: an offline subscriber's queue has no bound and outlives the broker,
#: and no PUBACK waits 40 ms for Nagle.
_MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 5
max_queued_messages 0
set_tcp_nodelay true
log_dest stderr
"""

#: iotcore's own default speaks 3.1.1, binds 0.0.0.0 and drops connections at 20 kB payloads.
_IOTCORE = """\
id = 0

[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 16777216
max_segment_count = 10

[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 100
"""


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker on loopback without passwords."""

    kind: BrokerKind
    port: int
    child: Child

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it; Mosquitto writes its queues down first."""
        self.child.stop()


def find_mosquitto() -> str | None:
    """Return Mosquitto's path; Debian keeps it where a user's PATH does not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def choose_broker() -> BrokerKind:
    """Return the kind that this machine offers. Raises: UsageError where there is none."""
    if find_mosquitto():
        return "mosquitto"
    if find_spec("iotcore"):
        return "iotcore"
    raise UsageError(
        "broker: neither mosquitto nor the Python package iotcore is installed; "
        "make setup installs the latter"
    )


def start_broker(
    folder: Path,
    port: int = 0,
    *,
    kind: BrokerKind | None = None,
    cores: Collection[int] = (),
) -> RunningBroker:
    """Start a broker on loopback and wait until it answers.

    Args: `folder` takes its settings, state and log; `port` 0 means a free one; `kind` None
        means what is installed; `cores` pins it.
    Raises: UsageError where no broker is installed, AgentError where it does not come up.
    """
    kind = kind or choose_broker()
    port = port or free_port()
    command = _mosquitto(folder, port) if kind == "mosquitto" else _iotcore(folder, port)
    child = start_child(f"broker {kind}", command, folder, cores=cores)
    try:
        child.wait_until(lambda: answers(port), _READY_S, f"listening on port {port}")
    except BaseException:
        child.stop()
        raise
    return RunningBroker(kind, port, child)


def _mosquitto(folder: Path, port: int) -> list[str]:
    path = find_mosquitto()
    if path is None:
        raise UsageError("broker: mosquitto is not installed")
    text = _MOSQUITTO.format(port=port, folder=folder.absolute())
    if os.geteuid() == 0:  # else it drops to its own user, who cannot write here
        text += "user root\n"
    config = folder / "mosquitto.conf"
    config.write_text(text)
    return [path, "-c", str(config)]


def _iotcore(folder: Path, port: int) -> list[str]:
    config = folder / "iotcore.toml"
    config.write_text(_IOTCORE.format(port=port))
    # Below CRITICAL it writes a line for every packet.
    return [sys.executable, "-P", "-m", "iotcore", "--config", str(config), "--log-level=CRITICAL"]
