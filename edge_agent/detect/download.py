"""Fetching a published file: goes on where it stopped, and is checked before anyone may use it.

The standard library's opener honours `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, verifies TLS and
follows redirects. The hash decides in the end; the ETag only spares a wrong end to a part.
Source: RFC 9110, sections 13.1.5 (If-Range) and 14 (range requests).
"""

import contextlib
import errno
import fcntl
import hashlib
import http.client
import os
import random
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from edge_agent import __version__
from edge_agent.backoff import Backoff
from edge_agent.config.problems import shown_url
from edge_agent.errors import DownloadError

_CHUNK = 1 << 16
_TIMEOUT_S = 20.0  # without a byte
_TRIES = 5  # in a row without a byte gained
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
_REASONS = {
    401: "wants a password, which a published file does not",
    403: "refuses the file",
    404: "has no such file any more",
    407: "is reached through a proxy that wants a password: write it into HTTPS_PROXY",
    410: "has no such file any more",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as its publisher offers it."""

    url: str
    sha256: str
    size: int  # bytes


def fetch(
    wanted: Wanted,
    target: Path,
    *,
    progress: Callable[[int], None] = lambda have: None,
    wait: Callable[[float], None] = time.sleep,
    rng: random.Random | None = None,
) -> bool:
    """Put the file at `target`; return False where it already lies there.

    Until it is whole and its hash is right it lies beside `target` as a `.part`, which the next
    call takes up. `progress` hears the bytes that are there; `wait` sleeps between tries.
    Raises: DownloadError naming the address, what happened, and what became of the part.
    """
    if target.exists():
        seen = digest(target)
        if seen == wanted.sha256:
            return False
        raise DownloadError(
            f"{target} exists with sha256 {seen[:12]}…, not {wanted.sha256[:12]}…: another file; "
            "it is not replaced; move it away and ask again"
        )
    with _Part(target, wanted) as part:
        while True:
            taken_up = part.size > 0
            _fill(part, wanted, progress, wait, Backoff(rng))
            seen = part.digest()
            if seen == wanted.sha256:
                part.move_to(target)
                return True
            part.restart()
            if not taken_up:
                break
    raise DownloadError(
        f"{shown_url(wanted.url)}: the file has sha256 {seen[:12]}…, the catalogue says "
        f"{wanted.sha256[:12]}…: changed at its source or on the way; nothing is kept"
    )


def digest(file: Path) -> str:
    """Return the sha256 of `file` in hex digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _Again(Exception):
    """What a later try may mend; its text says what happened."""


class _Part:
    """The bytes that are there so far, in a file of their own, locked against a second download."""

    def __init__(self, target: Path, wanted: Wanted) -> None:
        self.path = target.with_name(f"{target.name}.{wanted.sha256[:12]}.part")
        self._tag_path = self.path.with_suffix(".etag")
        self._wanted = wanted

    def __enter__(self) -> "_Part":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("a+b", buffering=0)
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._stream.close()
            raise DownloadError(
                f"{self.path}: another download of the same file is running; nothing is done"
            ) from None
        except OSError as error:
            raise DownloadError(
                f"{self.path}: cannot be written: {error.strerror}; nothing is fetched"
            ) from None
        self.size = self.path.stat().st_size
        if self.size > self._wanted.size:
            self.restart()
        self._require_room()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        if self.path.exists() and self.path.stat().st_size == 0:
            self.path.unlink()
            self._tag_path.unlink(missing_ok=True)

    @property
    def tag(self) -> str | None:
        """The strong ETag of the file that the part belongs to, None where none was told."""
        with contextlib.suppress(OSError):
            return self._tag_path.read_text() or None
        return None

    def restart(self, tag: str | None = None) -> None:
        """Drop what is there; what comes now has the ETag `tag`."""
        self._stream.truncate(0)
        self.size = 0
        strong = tag if tag and not tag.startswith("W/") else ""
        with contextlib.suppress(OSError):  # without it a later call asks without If-Range
            self._tag_path.write_text(strong)

    def add(self, chunk: bytes) -> None:
        """Append `chunk`. Raises: DownloadError where it does not fit."""
        try:
            left = memoryview(chunk)
            while left:
                written = self._stream.write(left)
                self.size += written
                left = left[written:]
        except OSError as error:
            what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
            raise DownloadError(
                f"{self.path}: {what}; {self.size} of {self._wanted.size} bytes are kept, and the "
                "same command goes on from there"
            ) from None

    def digest(self) -> str:
        return digest(self.path)

    def move_to(self, target: Path) -> None:
        """Make the part the file that was wanted."""
        os.fsync(self._stream.fileno())
        os.replace(self.path, target)
        self._tag_path.unlink(missing_ok=True)

    def _require_room(self) -> None:
        missing = self._wanted.size - self.size
        free = shutil.disk_usage(self.path.parent).free
        if free < missing:
            self._stream.close()
            raise DownloadError(
                f"{self.path.parent}: {free / 1e6:.1f} MB are free and {missing / 1e6:.1f} MB are "
                "missing; nothing is fetched"
            )


def _fill(
    part: _Part,
    wanted: Wanted,
    progress: Callable[[int], None],
    wait: Callable[[float], None],
    backoff: Backoff,
) -> None:
    """Ask until all bytes are there. Raises: DownloadError."""
    progress(part.size)
    while part.size < wanted.size:
        before = part.size
        try:
            _ask(part, wanted, progress)
        except _Again as error:
            if part.size > before:
                backoff.reset()
            if backoff.failures + 1 >= _TRIES:
                raise DownloadError(
                    f"{shown_url(wanted.url)}: {error}, {_TRIES} times in a row; {part.size} of "
                    f"{wanted.size} bytes are kept, and the same command goes on from there"
                ) from None
            wait(backoff.next_s())


def _ask(part: _Part, wanted: Wanted, progress: Callable[[int], None]) -> None:
    """Send one request and keep what comes. Raises: _Again, DownloadError."""
    headers = {"User-Agent": f"edge-agent/{__version__}", "Accept-Encoding": "identity"}
    if part.size:
        headers["Range"] = f"bytes={part.size}-"
        if part.tag:
            headers["If-Range"] = part.tag
    request = urllib.request.Request(wanted.url, headers=headers)
    try:
        with urllib.request.build_opener().open(request, timeout=_TIMEOUT_S) as answer:
            _begin(part, wanted, answer)
            while chunk := answer.read1(_CHUNK):
                if part.size + len(chunk) > wanted.size:
                    part.restart()
                    raise DownloadError(_other_size(wanted, f"more than {wanted.size}"))
                part.add(chunk)
                progress(part.size)
    except urllib.error.HTTPError as error:
        raise _refusal(error, wanted) from None
    except (OSError, http.client.HTTPException) as error:
        raise _fault(error, wanted) from None
    if part.size < wanted.size:
        raise _Again("the connection ended early")


def _begin(part: _Part, wanted: Wanted, answer: http.client.HTTPResponse) -> None:
    """Set the part to where the answer begins. Raises: _Again, DownloadError."""
    if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        start, total = found.groups() if found else (None, "*")
        if total not in ("*", str(wanted.size)):
            raise DownloadError(_other_size(wanted, total))
        if start != str(part.size):
            part.restart()
            raise _Again("the server gave another range than was asked for")
        return
    length = answer.headers.get("Content-Length")
    if length is not None and length != str(wanted.size):
        raise DownloadError(_other_size(wanted, length))
    part.restart(answer.headers.get("ETag"))


def _refusal(error: urllib.error.HTTPError, wanted: Wanted) -> Exception:
    """Return what an answer that is no success means."""
    if error.code in _PASSING:
        return _Again(f"the server answered {error.code} {error.reason}")
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        found = _RANGE.fullmatch(error.headers.get("Content-Range", ""))
        return DownloadError(_other_size(wanted, found.group(2) if found else "fewer"))
    why = _REASONS.get(error.code, f"answered {error.code} {error.reason}")
    return DownloadError(
        f"{shown_url(wanted.url)}: the server {why} ({error.code}); nothing is fetched"
    )


def _fault(error: Exception, wanted: Wanted) -> Exception:
    """Return what a failed connection means."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DownloadError(
            f"{shown_url(wanted.url)}: its certificate is not accepted: {reason.verify_message}; "
            "is this box's clock right? behind a company's proxy, SSL_CERT_FILE names its "
            "certificates; nothing is fetched"
        )
    if "407" in str(reason):
        return DownloadError(f"{shown_url(wanted.url)}: the server {_REASONS[407]} (407)")
    if isinstance(reason, TimeoutError):
        return _Again(f"not a byte in {_TIMEOUT_S:g} s")
    return _Again(getattr(reason, "strerror", None) or str(reason) or type(reason).__name__)


def _other_size(wanted: Wanted, seen: str) -> str:
    return (
        f"{shown_url(wanted.url)}: the file has {seen} bytes, the catalogue says {wanted.size}: "
        "changed at its source; nothing of it is used"
    )
