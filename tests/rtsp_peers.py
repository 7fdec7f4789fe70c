"""RTSP cameras for tests: a scripted one that misbehaves to order, and GStreamer's real one."""

import hashlib
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clips import AccessUnit, access_units

SYSTEM_PYTHON = "/usr/bin/python3"
GST_SCRIPT = Path(__file__).parents[1] / "edge_agent/stage/gst_rtsp_server.py"
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970, RFC 868
_MTU = 1400
_SSRC = 0x0BADCAFE
FIRST_STAMP = 90_000  # FFmpeg takes an RTP timestamp of 0 for none

DEFAULT_SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=scripted
c=IN IP4 0.0.0.0
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
a=control:track1
"""


class Wire:
    """What a script sends after PLAY: H.264 over RTP over the RTSP connection (RFC 6184, 7826)."""

    def __init__(self, peer: socket.socket, stopped: threading.Event) -> None:
        self._peer = peer
        self._stopped = stopped
        self._sequence = 1000
        self._packets = 0
        self._octets = 0

    def picture(
        self, unit: AccessUnit, *, timestamp: int | None = None, torn: bool = False
    ) -> None:
        """Send one coded picture; `torn` leaves out the middle of it."""
        stamp = unit.pts if timestamp is None else timestamp
        payloads = [p for nal in unit.nals for p in _payloads(nal)]
        if torn:
            payloads = [p[: len(p) // 2] for p in payloads[:1]] + payloads[2:]
        for index, payload in enumerate(payloads):
            self._rtp(payload, stamp, last=index == len(payloads) - 1)

    def pictures(
        self,
        units: tuple[AccessUnit, ...],
        *,
        start: int = FIRST_STAMP,
        pace_s: float = 0.04,
        torn: Callable[[int], bool] = lambda index: False,
    ) -> int:
        """Send `units` at `pace_s` with timestamps from `start`; return the next timestamp."""
        first = units[0].pts
        stamp = start
        for index, unit in enumerate(units):
            stamp = start + unit.pts - first
            self.picture(unit, timestamp=stamp, torn=torn(index))
            self.wait(pace_s)
        return stamp + 3600

    def sender_report(self, wall_ns: int, timestamp: int) -> None:
        """Send an RTCP sender report: `timestamp` was taken at `wall_ns` (RFC 3550, 6.4.1)."""
        seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
        ntp = ((seconds + _NTP_EPOCH_S) << 32) | (rest_ns << 32) // 1_000_000_000
        report = struct.pack(
            ">BBHIQIII", 0x80, 200, 6, _SSRC, ntp & (2**64 - 1), timestamp & 0xFFFFFFFF,
            self._packets, self._octets,
        )  # fmt: skip
        self._interleaved(1, report)

    def wait(self, seconds: float) -> None:
        """Wait; ends the script where the server stops."""
        if self._stopped.wait(seconds):
            raise ConnectionAbortedError

    def freeze(self) -> None:
        """Keep the connection open and send nothing until the server stops."""
        self._stopped.wait()
        raise ConnectionAbortedError

    def _rtp(self, payload: bytes, timestamp: int, *, last: bool) -> None:
        header = struct.pack(
            ">BBHII", 0x80, 96 | (0x80 if last else 0), self._sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF, _SSRC,
        )  # fmt: skip
        self._sequence += 1
        self._packets += 1
        self._octets += len(payload)
        self._interleaved(0, header + payload)

    def _interleaved(self, channel: int, data: bytes) -> None:
        self._peer.sendall(b"$" + struct.pack(">BH", channel, len(data)) + data)


def _payloads(nal: bytes) -> Iterator[bytes]:
    """Yield RTP payloads: the NAL unit whole, or as FU-A fragments (RFC 6184, 5.8)."""
    if len(nal) <= _MTU:
        yield nal
        return
    indicator, kind = (nal[0] & 0xE0) | 28, nal[0] & 0x1F
    body = nal[1:]
    for at in range(0, len(body), _MTU):
        start = 0x80 if at == 0 else 0
        end = 0x40 if at + _MTU >= len(body) else 0
        yield bytes((indicator, start | end | kind)) + body[at : at + _MTU]


def play_for_ever(wire: Wire) -> None:
    """The script of a camera that behaves."""
    stamp = FIRST_STAMP
    while True:
        stamp = wire.pictures(access_units(), start=stamp)


@dataclass
class ScriptedCamera:
    """An RTSP server on a free port of loopback, over TCP only, that does what it is told.

    `status` answers a method with an error; `say` sets how a request is answered altogether:
    "rtsp", "nothing" (accepts and is silent) or "trickle" (a byte of the answer at a time).
    `script` gets each connection's `Wire` after PLAY; when it returns, the connection closes.
    """

    script: Callable[[Wire], None] = play_for_ever
    say: str = "rtsp"
    status: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    sdp: str = DEFAULT_SDP
    login: tuple[str, str] | None = None
    requests: list[str] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "ScriptedCamera":
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._peers: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for peer in [*self._peers, self._listener]:
            with _ignored():
                peer.shutdown(socket.SHUT_RDWR)
            peer.close()
        for thread in self._threads:
            thread.join(5.0)

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def hang_up(self) -> None:
        """Close all connections, as a camera that reboots does."""
        for peer in self._peers:
            with _ignored():
                peer.shutdown(socket.SHUT_RDWR)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._peers.append(peer)
            self.connections += 1
            self._spawn(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        with _ignored():
            if self.say == "nothing":
                self._stopped.wait()
                return
            with peer.makefile("rb") as reader:
                while self._answer(peer, reader.readline, reader.read):
                    pass
        with _ignored():
            peer.shutdown(socket.SHUT_RDWR)
        peer.close()

    def _answer(self, peer: socket.socket, line: Callable[[], bytes], read: object) -> bool:
        request = line().decode("latin-1").strip()
        if not request:
            return False
        headers: dict[str, str] = {}
        while text := line().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        method = request.split()[0]
        self.requests.append(request)
        status, extra, body = self._reply(method, headers)
        reply = f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq', '0')}\r\n{extra}"
        if body:
            reply += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        self._send(peer, (reply + "\r\n" + body).encode())
        if method == "PLAY" and status.startswith("200"):
            self.script(Wire(peer, self._stopped))
            return False
        return True

    def _send(self, peer: socket.socket, data: bytes) -> None:
        if self.say != "trickle":
            peer.sendall(data)
            return
        for index in range(len(data)):
            peer.sendall(data[index : index + 1])
            if self._stopped.wait(0.2):
                raise ConnectionAbortedError

    def _reply(self, method: str, headers: Mapping[str, str]) -> tuple[str, str, str]:
        if self.login and method != "OPTIONS" and not self._may_enter(method, headers):
            challenge = 'WWW-Authenticate: Digest realm="scripted", nonce="f00d"\r\n'
            return "401 Unauthorized", challenge, ""
        if method in self.status:
            code, word = self.status[method]
            return f"{code} {word}", "", ""
        if method == "DESCRIBE":
            return "200 OK", f"Content-Base: {self.url}/\r\n", self.sdp.replace("\n", "\r\n")
        if method == "SETUP":
            if "TCP" not in headers.get("transport", ""):
                return "461 Unsupported Transport", "", ""
            transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            return "200 OK", transport + "Session: 1234;timeout=60\r\n", ""
        return "200 OK", "Session: 1234\r\nPublic: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""

    def _may_enter(self, method: str, headers: Mapping[str, str]) -> bool:
        """Return whether the digest is right (RFC 2617, 3.2.2, without qop)."""
        assert self.login is not None
        given = dict(re.findall(r'(\w+)="([^"]*)"', headers.get("authorization", "")))
        user, password = self.login
        ha1 = _md5(f"{user}:scripted:{password}")
        ha2 = _md5(f"{method}:{given.get('uri', '')}")
        return given.get("response") == _md5(f"{ha1}:f00d:{ha2}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@contextmanager
def _ignored() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError):
        return


@contextmanager
def black_hole() -> Iterator[int]:
    """Yield a port of loopback that never answers a SYN: a listener whose backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        time.sleep(0.05)  # the kernel completes the handshakes that fit
        yield port
        for filler in fillers:
            filler.close()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def gstreamer_missing() -> str | None:
    """Return why GStreamer's RTSP server cannot run here, naming its packages; else None."""
    check = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); "
        "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
        "assert Gst.ElementFactory.find('rtph264pay') and Gst.ElementFactory.find('h265parse')"
    )
    packages = (
        "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
    )
    if not shutil.which(SYSTEM_PYTHON):
        return f"needs {SYSTEM_PYTHON} and the Debian packages {packages}"
    found = subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, timeout=60)
    return None if found.returncode == 0 else f"needs the Debian packages {packages}"


class GstServer:
    """GStreamer's RTSP server in a process of its own; kill and start it at will."""

    def __init__(self, mounts: Mapping[str, Path]) -> None:
        self._mounts = mounts
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def url(self, name: str) -> str:
        return f"rtsp://127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start serving, on the same port as before; returns when it takes connections."""
        arguments = [f"--mount={name}={path}" for name, path in self._mounts.items()]
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(GST_SCRIPT), f"--port={self.port}", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("port "):
            raise RuntimeError(f"GStreamer's RTSP server did not start: {line!r}")
        self.port = int(line.split()[1])

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None


@contextmanager
def gst_server(mounts: Mapping[str, Path]) -> Iterator[GstServer]:
    """Serve each clip of `mounts` under its name until the block ends, looped, in real time.

    Skips the test where the Debian packages are absent.
    """
    if reason := gstreamer_missing():
        pytest.skip(reason)
    server = GstServer(mounts)
    server.start()
    try:
        yield server
    finally:
        server.kill()
