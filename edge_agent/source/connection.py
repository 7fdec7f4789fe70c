"""One open connection to a camera, or one reading of a file."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from edge_agent.settings import CameraSettings
from edge_agent.source.address import host_port, is_network, with_credentials
from edge_agent.source.failure import Failure, FailureWord, file_failure, open_failure
from edge_agent.source.hangup import HangUp


@dataclass(slots=True, eq=False)
class Connection:
    """An open container and its video stream; only the thread that opened it may close it."""

    container: InputContainer
    stream: VideoStream
    hang_up: HangUp | None  # None for a file
    read_timeout_s: float

    @property
    def time_base(self) -> Fraction:
        """Seconds per tick of the packets' timestamps."""
        return self.stream.time_base or Fraction(1, 90_000)

    @property
    def declared_fps(self) -> float | None:
        """The rate that the stream's own headers tell, None where they tell none."""
        rate = self.stream.codec_context.framerate or self.stream.guessed_rate
        return round(float(rate), 3) if rate and 0 < rate <= 240 else None

    def packets(self) -> "Iterator[av.Packet[VideoStream]]":
        """Yield the video's packets; the last one is empty and drains the decoder.

        Raises: av.FFmpegError where reading fails; a killed server ends it without.
        """
        return self.container.demux(self.stream)

    def close(self) -> None:
        """Close the container, then let go of its socket."""
        with contextlib.suppress(av.FFmpegError):
            self.container.close()
        if self.hang_up is not None:
            self.hang_up.release()


def resolve(camera: CameraSettings) -> HangUp | Failure | None:
    """Return the handle to hang up with; None for a file, a Failure for an unknown host."""
    if not is_network(camera.read_url):
        return None
    try:
        host, port = host_port(camera.read_url)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as error:
        return Failure(FailureWord.UNREACHABLE, str(error))
    except OSError as error:
        return Failure(FailureWord.UNREACHABLE, f"not reachable: {error.strerror}")
    return HangUp(host, port, frozenset(str(entry[4][0]) for entry in found))


def open_connection(camera: CameraSettings, hang_up: HangUp | None) -> Connection | Failure:
    """Open the camera's stream (blocking, at most `connect_timeout_s`) or say why not."""
    try:
        if hang_up is None:
            return _checked(_open_file(camera), camera, None)
        return _open_network(camera, hang_up)
    except (av.FFmpegError, OSError) as error:
        return file_failure(error)


def _open_file(camera: CameraSettings) -> InputContainer:
    return av.open(camera.read_url)


def _open_network(camera: CameraSettings, hang_up: HangUp) -> Connection | Failure:
    """Open an RTSP address; both time-outs are needed, see docs/design/time.md."""
    timeout_s = camera.connect_timeout_s
    password = camera.password.get_secret_value() if camera.password else None
    socket_timeout_s = max(timeout_s, camera.stall_timeout_s)
    options = {
        "rtsp_transport": camera.transport.value,
        "timeout": str(int(socket_timeout_s * 1e6)),
        "allowed_media_types": "video",  # sound would hide a frozen picture from the time-outs
        "fpsprobesize": "0",  # measuring the rate would hold the first frames back for 0.8 s
    }
    began = time.monotonic()
    try:
        with hang_up.opening(timeout_s):
            container = av.open(
                with_credentials(camera.read_url, camera.username, password),
                options=options,
                timeout=(timeout_s, camera.stall_timeout_s / 2),
            )
    except (av.FFmpegError, OSError) as error:
        elapsed_s = time.monotonic() - began
        hang_up.release()
        return open_failure(
            error, elapsed_s=elapsed_s, timeout_s=timeout_s, username=camera.username
        )
    return _checked(container, camera, hang_up)


def _checked(
    container: InputContainer, camera: CameraSettings, hang_up: HangUp | None
) -> Connection | Failure:
    """Return the connection if it has video with a size, else close it and say what it lacks."""
    failure = _lack(container, camera)
    if failure is None:
        read_timeout_s = camera.stall_timeout_s / 2
        return Connection(container, container.streams.video[0], hang_up, read_timeout_s)
    container.close()
    if hang_up is not None:
        hang_up.release()
    return failure


def _lack(container: InputContainer, camera: CameraSettings) -> Failure | None:
    if not container.streams.video:
        return Failure(FailureWord.NO_VIDEO, "no video in its description")
    context = container.streams.video[0].codec_context
    if context is None:
        return Failure(FailureWord.NO_VIDEO, "its video has a codec that cannot be decoded")
    if context.width == 0:
        told = f"no picture within {camera.connect_timeout_s:.1f} s of playing"
        return Failure(FailureWord.NO_VIDEO, told)
    return None
