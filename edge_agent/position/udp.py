"""Positions in UDP datagrams, one listener a port."""

import logging
import socket
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

_LONGEST = 4096
_WAKE_S = 0.5


class UdpListener:
    """A thread that reads one port and hands every datagram on."""

    def __init__(
        self, source_id: str, address: tuple[str, int], take: Callable[[bytes], None]
    ) -> None:
        self._source_id = source_id
        self._address = address
        self._take = take
        self._stopping = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name=f"position-{source_id}", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on, also where the system chose it; 0: none."""
        return 0 if self._socket is None else int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Open the port and begin; one that is taken is told, and no position comes from it."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.bind(self._address)
        except OSError as error:
            sock.close()
            log.error(
                "position %s: cannot listen on %s:%d (%s); its cameras keep their own ring",
                self._source_id,
                *self._address,
                error.strerror,
            )
            return
        sock.settimeout(_WAKE_S)
        self._socket = sock
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the thread; False where it does not end in time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        ended = not self._thread.is_alive()
        if self._socket is not None and ended:
            self._socket.close()
        return ended

    def _run(self) -> None:
        assert self._socket is not None
        while not self._stopping.is_set():
            try:
                self._take(self._socket.recv(_LONGEST))
            except TimeoutError:
                continue
            except OSError as error:
                log.error("position %s: reading failed (%s)", self._source_id, error.strerror)
                self._stopping.wait(_WAKE_S)
