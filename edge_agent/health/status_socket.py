"""The unix socket that `edge-agent status` asks: one JSON document a connection.

Readable by the group `edge-agent` where it exists. A client sends nothing; a client that
does not read is given up after a second.
"""

import grp
import json
import logging
import os
import socket
import threading
from pathlib import Path

from edge_agent.errors import StateError
from edge_agent.ports import Snapshot
from edge_agent.types import Json

log = logging.getLogger(__name__)

GROUP = "edge-agent"
_CLIENT_TIMEOUT_S = 1.0


class StatusServer:
    """Answers every connection with a fresh snapshot, from a thread of its own."""

    def __init__(self, path: Path, snapshot: Snapshot) -> None:
        self._path = path
        self._snapshot = snapshot
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="status")

    def start(self) -> None:
        """Bind and serve. Raises: StateError where the socket cannot be made."""
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.unlink(missing_ok=True)  # a stale one; the state folder's lock is ours
            old_mask = os.umask(0o117)
            try:
                server.bind(str(self._path))
            finally:
                os.umask(old_mask)
            self._give_to_group()
            server.listen(8)
        except OSError as error:
            server.close()
            raise StateError(
                f"status socket {self._path}: {error.strerror or error}; "
                "set service.status_socket to a path that the agent may write"
            ) from error
        self._socket = server
        self._thread.start()

    def stop(self) -> None:
        """End the thread and remove the socket."""
        if self._socket is None:
            return
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _give_to_group(self) -> None:
        try:
            os.chown(self._path, -1, grp.getgrnam(GROUP).gr_gid)
        except (KeyError, PermissionError):
            log.debug("status socket %s stays with its owner's group", self._path)

    def _serve(self) -> None:
        assert self._socket is not None
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return  # shut down by stop()
            with client:
                client.settimeout(_CLIENT_TIMEOUT_S)
                try:
                    client.sendall(json.dumps(self._snapshot()).encode() + b"\n")
                except OSError as error:
                    log.debug("status socket: a client went away: %s", error)


def ask_status(path: Path, timeout_s: float = 5.0) -> dict[str, Json]:
    """Return the running agent's snapshot.

    Raises: StateError saying whether no agent runs there or the group is missing.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(timeout_s)
            client.connect(str(path))
            chunks = iter(lambda: client.recv(65536), b"")
            answer: dict[str, Json] = json.loads(b"".join(chunks))
            return answer
    except PermissionError as error:
        raise StateError(
            f"status socket {path}: permission denied; only members of the group {GROUP} may "
            f"ask: sudo usermod -aG {GROUP} $USER, then log in again"
        ) from error
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise StateError(
            f"status socket {path}: no agent answers there; is it running with this config?"
        ) from error
    except TimeoutError as error:
        raise StateError(f"status socket {path}: no answer within {timeout_s:g} s") from error
    except (OSError, json.JSONDecodeError) as error:
        raise StateError(f"status socket {path}: {error}") from error
