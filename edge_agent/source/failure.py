"""Why a camera could not be opened or read, told apart and put into words. Pure."""

import errno
from dataclasses import dataclass
from enum import StrEnum

import av

from edge_agent.errors import SourceError, SourceRefused, SourceStalled
from edge_agent.source.address import redact_url


class FailureWord(StrEnum):
    """What went wrong, for programs; stands in a CAMERA_LOST event's data."""

    UNREACHABLE = "unreachable"  # no way to the host, or its name is unknown
    PORT_CLOSED = "port_closed"  # the host is there, nobody listens on the port
    NO_ANSWER = "no_answer"  # connected or not, nothing came within the time-out
    CREDENTIALS = "credentials"  # 401 or 403
    PATH = "path"  # 404
    REFUSED = "refused"  # another refusal, or an answer that is no RTSP
    NO_VIDEO = "no_video"  # no video in the description, or none was sent
    CLOSED = "closed"  # the camera ended the connection
    STALLED = "stalled"  # a stream that ran has stopped
    FILE = "file"  # a file that cannot be read


_REFUSALS = {
    FailureWord.CREDENTIALS,
    FailureWord.PATH,
    FailureWord.REFUSED,
    FailureWord.NO_VIDEO,
}
_STALLS = {FailureWord.NO_ANSWER, FailureWord.STALLED}


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened to one connection; `text` holds no credential."""

    word: FailureWord
    text: str

    @property
    def refused(self) -> bool:
        """Whether the camera answered and said no."""
        return self.word in _REFUSALS

    def error(self, subject: str) -> SourceError:
        """Return the failure as an error of the tree."""
        text = f"{subject}: {self.text}"
        if self.refused:
            return SourceRefused(text)
        return SourceStalled(text) if self.word in _STALLS else SourceError(text)


def open_failure(
    error: Exception, *, elapsed_s: float, timeout_s: float, username: str | None
) -> Failure:
    """Return why an `av.open` of an RTSP address raised `error` after `elapsed_s`.

    A blocked open raises InvalidDataError, ExitError or TimeoutError as it happens, so the
    elapsed time decides what is a time-out.
    """
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        code = (
            "401 Unauthorized" if isinstance(error, av.HTTPUnauthorizedError) else "403 Forbidden"
        )
        who = f"user {username!r} and its password" if username else "no user name was given"
        return Failure(FailureWord.CREDENTIALS, f"{code} ({who})")
    if isinstance(error, av.HTTPNotFoundError):
        return Failure(FailureWord.PATH, "404 Not Found: the address has no such path")
    if elapsed_s >= 0.9 * timeout_s or isinstance(error, av.TimeoutError):
        return Failure(FailureWord.NO_ANSWER, f"no answer for {elapsed_s:.1f} s")
    if isinstance(error, av.ConnectionRefusedError):
        return Failure(FailureWord.PORT_CLOSED, "connection refused: nobody listens on the port")
    if isinstance(error, av.HTTPError | av.HTTPClientError):
        return Failure(FailureWord.REFUSED, f"refused: {error_text(error)}")
    if isinstance(error, av.InvalidDataError):
        return Failure(FailureWord.REFUSED, "the answer is no RTSP, or the connection was closed")
    if isinstance(error, av.ConnectionResetError | av.BrokenPipeError | av.EOFError):
        return Failure(FailureWord.CLOSED, "the connection was closed while it was opened")
    if getattr(error, "errno", None) == errno.EPROTONOSUPPORT:  # 461 to its SETUP
        return Failure(FailureWord.REFUSED, "the camera does not offer this transport (tcp, udp)")
    return Failure(FailureWord.UNREACHABLE, f"not reachable: {error_text(error)}")


def file_failure(error: Exception) -> Failure:
    """Return why a file could not be opened or read."""
    return Failure(FailureWord.FILE, f"cannot be read: {error_text(error)}")


def read_failure(error: Exception | None, *, silent_s: float, stall_timeout_s: float) -> Failure:
    """Return why a connection that was open ended.

    Args: `error` what the demuxer raised, None where it came to an end without a word (as it
        does when the server is killed); `silent_s` since the last packet.
    """
    if silent_s >= 0.8 * stall_timeout_s:
        return Failure(FailureWord.STALLED, f"no frame for {silent_s:.1f} s")
    if error is None:
        return Failure(FailureWord.CLOSED, "the camera ended the connection")
    return Failure(FailureWord.CLOSED, f"the connection broke: {error_text(error)}")


def error_text(error: Exception) -> str:
    """Return what `error` says, without its number, address and credentials."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return redact_url(str(said))
