"""Brokers for the tests: a real Mosquitto, and an MQTT 5 peer that answers as it is told."""

import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.waiting import wait_until

REPO = Path(__file__).parents[1]
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="needs the Debian package mosquitto")

#: Settings of configs/broker that concern a real site's users and certificates, not delivery.
_SITE_ONLY = (
    "allow_anonymous",
    "password_file",
    "acl_file",
    "listener",
    "cafile",
    "certfile",
    "keyfile",
    "tls_version",
    "persistence_location",
)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def delivery_settings() -> list[str]:
    """Return the lines of configs/broker/mosquitto.conf that a test's broker shares."""
    lines = (REPO / "configs/broker/mosquitto.conf").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    return [line for line in wanted if line.split()[0] not in _SITE_ONLY]


class Mosquitto:
    """A Mosquitto on loopback that can be stopped, started and killed; its state is kept."""

    def __init__(self, folder: Path, port: int, extra: list[str]) -> None:
        self.port = port
        self.url = f"mqtt://127.0.0.1:{port}"
        self._folder = folder
        self._config = folder / "mosquitto.conf"
        state = folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        lines = [*delivery_settings(), f"persistence_location {state}/", "log_dest stderr"]
        if not any(line.startswith("listener ") for line in extra):
            lines += [f"listener {port} 127.0.0.1"]
        if not any(line.startswith(("allow_anonymous", "password_file")) for line in extra):
            lines += ["allow_anonymous true"]
        if os.geteuid() == 0:  # else it drops to its own user, who cannot write here
            lines += ["user root"]
        self._config.write_text("\n".join([*lines, *extra]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._config)], stderr=log)
        wait_until(self._answers, f"mosquitto answers on {self.port}")

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            pytest.fail(f"mosquitto ended: {(self._folder / 'mosquitto.log').read_text()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.5).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@contextmanager
def mosquitto(
    folder: Path, port: int = 0, extra: list[str] | None = None, *, start: bool = True
) -> Iterator[Mosquitto]:
    """Run Mosquitto with the delivery settings of configs/broker."""
    broker = Mosquitto(folder, port or free_port(), extra or [])
    if start:
        broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@dataclass
class Received:
    """One PUBLISH that the scripted peer got."""

    connection: int
    packet_id: int
    topic: str
    payload: bytes
    retain: bool
    unanswered: int  # QoS 1 messages unanswered when it came, itself included


@dataclass
class Script:
    """How the scripted peer behaves; may be changed while it runs."""

    connack: int = 0
    receive_maximum: int | None = None
    maximum_packet: int | None = None
    maximum_qos: int | None = None
    #: The PUBACK code for a message; None: no answer.
    puback: Callable[[Received], int | None] = lambda message: 0
    #: Whether to cut the connection after a message instead of answering it.
    cut_after: Callable[[Received], bool] = lambda message: False
    silent: bool = False  # accept, and never answer CONNECT


@dataclass
class ScriptedPeer:
    """An MQTT 5 peer on loopback that answers as its script says, one thread a connection."""

    script: Script = field(default_factory=Script)

    def __post_init__(self) -> None:
        self.received: list[Received] = []
        self.connects: list[dict[str, object]] = []
        self.disconnects: list[int] = []  # reason codes of clean ends
        self._held: list[tuple[socket.socket, Received]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "ScriptedPeer":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for sock in self._sockets:
            _shut(sock)

    def cut_all(self) -> None:
        """End all connections without a word."""
        for sock in self._sockets:
            _shut(sock)

    def answer_held(self, code: int = 0) -> int:
        """Answer the messages that were held back; return how many."""
        with self._lock:
            held, self._held = self._held, []
        for sock, message in held:
            _send_puback(sock, message.packet_id, code)
        return len(held)

    @property
    def held(self) -> int:
        return len(self._held)

    def rows(self) -> list[Received]:
        """Return what came on the topics that share the sequence."""
        return [m for m in self.received if "/events/" in m.topic or m.topic.endswith("/gaps")]

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        stream = sock.makefile("rb")
        try:
            while (packet := _read_packet(stream)) is not None:
                head, body = packet
                match head >> 4:
                    case 1:
                        if not self._connect(sock, body):
                            return
                    case 3:
                        if not self._publish(sock, head, body):
                            return
                    case 12:
                        sock.sendall(b"\xd0\x00")
                    case 14:
                        self.disconnects.append(body[0] if body else 0)
                        return
        except OSError:
            return
        finally:
            _shut(sock)

    def _connect(self, sock: socket.socket, body: bytes) -> bool:
        flags = body[7]
        self.connects.append({"clean_start": bool(flags & 2), "will": bool(flags & 4)})
        if self.script.silent:
            return True
        properties = b""
        if self.script.receive_maximum is not None:
            properties += b"\x21" + struct.pack(">H", self.script.receive_maximum)
        if self.script.maximum_packet is not None:
            properties += b"\x27" + struct.pack(">I", self.script.maximum_packet)
        if self.script.maximum_qos is not None:
            properties += b"\x24" + bytes([self.script.maximum_qos])
        answer = bytes([0, self.script.connack, len(properties)]) + properties
        sock.sendall(bytes([0x20, len(answer)]) + answer)
        return self.script.connack == 0

    def _publish(self, sock: socket.socket, head: int, body: bytes) -> bool:
        (length,) = struct.unpack_from(">H", body)
        topic = body[2 : 2 + length].decode()
        (packet_id,) = struct.unpack_from(">H", body, 2 + length)
        at = 4 + length
        properties_length, used = _varint(body, at)
        payload = body[at + used + properties_length :]
        with self._lock:
            unanswered = sum(held is sock for held, _ in self._held) + 1
            message = Received(
                len(self.connects), packet_id, topic, payload, bool(head & 1), unanswered
            )
            self.received.append(message)
        if self.script.cut_after(message):
            return False
        code = self.script.puback(message)
        if code is None:
            with self._lock:
                self._held.append((sock, message))
        else:
            _send_puback(sock, packet_id, code)
        return True


def _send_puback(sock: socket.socket, packet_id: int, code: int) -> None:
    try:
        sock.sendall(struct.pack(">BBHBB", 0x40, 4, packet_id, code, 0))
    except OSError:
        return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, used = 0, 0
    while True:
        byte = data[at + used]
        value |= (byte & 127) << (7 * used)
        used += 1
        if not byte & 128:
            return value, used


def _read_packet(stream) -> tuple[int, bytes] | None:  # type: ignore[no-untyped-def]
    head = stream.read(1)
    if not head:
        return None
    length, shift = 0, 0
    while True:
        byte = stream.read(1)
        if not byte:
            return None
        length |= (byte[0] & 127) << shift
        shift += 7
        if not byte[0] & 128:
            break
    body = stream.read(length)
    return (head[0], body) if len(body) == length else None


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
