"""Ends a blocked connect or read from another thread, by shutting down its socket.

FFmpeg looks at its own time-outs only, and only the thread that reads a container may close
it. A duplicate of the socket may be shut down by anybody: the blocked call then returns at
once, also while the connection is still being made.
"""

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

_LOOK_S = 0.005
_NAP_BYTES = 32_768  # half of the least receive buffer that Linux gives a TCP socket
_LIVING = {1, 2, 3}  # TCP_ESTABLISHED, TCP_SYN_SENT, TCP_SYN_RECV (include/net/tcp_states.h)

#: Cameras behind one recorder have one peer address. Their connects go one after another
#: until each has found its own socket, some milliseconds each; the table of descriptors
#: belongs to the process, and so do these.
_peer_locks: dict[tuple[str, int], threading.Lock] = {}
_peer_locks_lock = threading.Lock()


class HangUp:
    """The handle on one connection's socket; `hang_up` may come from any thread."""

    def __init__(self, host: str, port: int, addresses: frozenset[str]) -> None:
        self._peer = (host, port)
        self._addresses = addresses
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._before: frozenset[int] | None = None  # sockets that were there first
        self._hung_up = False

    @contextlib.contextmanager
    def opening(self, deadline_s: float) -> Iterator[None]:
        """Watch over an `av.open` inside the block; hang up after `deadline_s` seconds.

        Raises: ConnectionAbortedError where `hang_up` came before it was this one's turn.
        """
        peer_lock = _peer_lock(self._peer)
        done = threading.Event()
        while not peer_lock.acquire(timeout=10 * _LOOK_S):
            if self._hung_up:
                raise ConnectionAbortedError(errno.ECONNABORTED, "asked to stop")
        self._before = frozenset(_socket_inodes())
        watch = threading.Thread(
            target=self._watch,
            args=(peer_lock, done, deadline_s),
            name="connect-watch",
            daemon=True,
        )
        watch.start()
        try:
            yield
        finally:
            done.set()
            watch.join()

    def hang_up(self) -> None:
        """Shut the socket down, now or as soon as it is found."""
        with self._lock:
            self._hung_up = True
            if self._socket is None or not _lives(self._socket):
                self._find()
            self._shut()

    def nap(self, seconds: float, *, caught_up: bool = False) -> bool:
        """Wait until there is plenty to read, the connection ends, or `seconds` have passed.

        Returns at once, and False, where the socket is not known or something can be read now. A
        reader that has `caught_up` naps all the same: that is the beginning of the next picture.
        The reader's thread alone calls this: it would read from the same socket. "Plenty" is
        less than what the peer may send without waiting, so it is never held up.
        Source: socket(7), SO_RCVLOWAT.
        """
        mine = self._socket
        if mine is None or self._hung_up or (not caught_up and _readable_bytes(mine)):
            return False
        try:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _NAP_BYTES)
            poll = select.poll()
            poll.register(mine, select.POLLIN)
            poll.poll(round(seconds * 1000))
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Let go of the socket; the connection is closed."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            self._before = None

    def _watch(self, peer_lock: threading.Lock, done: threading.Event, deadline_s: float) -> None:
        """Find the socket, let the next one connect, then wait for the end or the deadline."""
        waited_s = 0.0
        locked = True
        while not done.wait(_LOOK_S if locked else 10 * _LOOK_S):
            waited_s += _LOOK_S if locked else 10 * _LOOK_S
            with self._lock:
                if self._socket is None or not _lives(self._socket):
                    self._find()
                if self._hung_up or waited_s >= deadline_s:
                    self._shut()
                found = self._socket is not None
            if locked and found:
                peer_lock.release()
                locked = False
        with self._lock:
            if self._socket is None:
                self._find()
        if locked:
            peer_lock.release()

    def _find(self) -> None:
        """Duplicate the process's new socket to the peer; an address's second try replaces it."""
        if self._before is None:
            return
        for inode, descriptor in _socket_inodes().items():
            if inode in self._before:
                continue
            with contextlib.suppress(OSError):
                found = socket.socket(fileno=os.dup(descriptor))
                if self._is_mine(found):
                    if self._socket is not None:
                        self._socket.close()
                    self._socket = found
                    return
                found.close()

    def _is_mine(self, found: socket.socket) -> bool:
        if found.type != socket.SOCK_STREAM or not _lives(found):
            return False
        try:
            address, port = found.getpeername()[:2]
        except OSError:
            address, port = _connecting_to(os.fstat(found.fileno()).st_ino)
        return port == self._peer[1] and address in self._addresses

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _peer_lock(peer: tuple[str, int]) -> threading.Lock:
    with _peer_locks_lock:
        return _peer_locks.setdefault(peer, threading.Lock())


def _lives(candidate: socket.socket) -> bool:
    try:
        state = candidate.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return False
    return state in _LIVING


def _readable_bytes(connected: socket.socket) -> int:
    """Return how many bytes can be read without waiting (ioctl_tty(2), FIONREAD); 1 if unknown."""
    try:
        answer = fcntl.ioctl(connected, termios.FIONREAD, b"\0\0\0\0")
    except OSError:
        return 1
    return int.from_bytes(answer, "little")


def _socket_inodes() -> dict[int, int]:
    """Return inode -> descriptor of this process's sockets (proc(5), /proc/pid/fd)."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError, ValueError):
            target = os.readlink(f"/proc/self/fd/{name}")
            if target.startswith("socket:["):
                found[int(target[8:-1])] = int(name)
    return found


def _connecting_to(inode: int) -> tuple[str, int]:
    """Return the address and port that a socket without a peer yet is connecting to.

    Source: proc(5), /proc/net/tcp; addresses are words in the machine's byte order.
    """
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[9]) == inode:
                    address, port = fields[2].split(":")
                    words = struct.pack(
                        f"={len(address) // 8}I",
                        *(int(address[i : i + 8], 16) for i in range(0, len(address), 8)),
                    )
                    family = socket.AF_INET if table == "tcp" else socket.AF_INET6
                    return socket.inet_ntop(family, words), int(port, 16)
    return "", 0
