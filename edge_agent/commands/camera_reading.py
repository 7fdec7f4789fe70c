"""What the commands share that read a camera themselves: its login, and what comes of it."""

import getpass
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from edge_agent.errors import UsageError
from edge_agent.source.address import has_credentials
from edge_agent.types import CameraChange, CameraState, DropReason, EventKind, Frame


class SeenAtOnce(ABC):
    """A frame sink whose frames are looked at when they come: there is always room, none waits."""

    @abstractmethod
    def offer(self, frame: Frame) -> None: ...

    def catch_up(self, frame: Frame) -> None:
        self.offer(frame)

    def room(self) -> int:
        return 1

    def waiting(self) -> int:
        return 0


class CameraWatch(SeenAtOnce):
    """Sink, listener and meter of one camera: the newest frame, and whether it is over.

    `look` is given each frame in the reader's thread, which waits for it.
    """

    def __init__(self, look: Callable[[Frame], None] = lambda frame: None) -> None:
        self.frame: Frame | None = None
        self.over: CameraChange | None = None
        self._look = look
        self._changed = threading.Condition()

    def wait(self, condition: Callable[[], bool], limit_s: float) -> None:
        """Wait until `condition` holds, asked after each frame and each change."""
        with self._changed:
            self._changed.wait_for(condition, limit_s)

    def offer(self, frame: Frame) -> None:
        self._look(frame)
        with self._changed:
            self.frame = frame
            self._changed.notify_all()

    def camera_changed(self, change: CameraChange) -> None:
        with self._changed:
            if change.kind is EventKind.CAMERA_LOST or change.state is CameraState.ENDED:
                self.over = change
            self._changed.notify_all()

    def count(self, name: str, amount: int = 1, *, camera_id: str | None = None) -> None:
        """Nothing is counted."""

    def drop(self, reason: DropReason, amount: int = 1, *, camera_id: str | None = None) -> None:
        """Nothing is counted."""

    def observe(self, name: str, seconds: float, *, camera_id: str | None = None) -> None:
        """Nothing is counted."""

    def spend(self, stage: str, cpu_ns: int, *, camera_id: str | None = None) -> None:
        """Nothing is counted."""


def refuse_credentials(url: str, otherwise: str = "") -> None:
    """Raise UsageError where `url`, an argument, holds a user name or a password."""
    if has_credentials(url):
        raise UsageError(
            "the address holds a user name or a password, and `ps` shows arguments to everybody "
            "on this machine; leave both out and give --username (it asks for the password) "
            f"or --password-file{otherwise}"
        )


def read_password(username: str | None, file: Path | None, at: str) -> SecretStr | None:
    """Return the password from `file`, or from a prompt that does not show it.

    Args: `at` is where the account is, for the prompt. Returns: None without a `username`.
    Raises: UsageError where there is none to be had, or a file without a user name.
    """
    if username is None:
        if file is not None:
            raise UsageError("--password-file needs --username")
        return None
    try:
        if file is not None:
            return SecretStr(file.read_text().rstrip("\r\n"))
        return SecretStr(getpass.getpass(f"password of {username} at {at}: "))
    except OSError as error:
        raise UsageError(f"--password-file {file}: {error.strerror}") from error
    except EOFError as error:
        raise UsageError("no password was given; use --password-file") from error
