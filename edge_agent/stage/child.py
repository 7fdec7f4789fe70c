"""Child processes that end with their parent, by whatever death; free ports; waiting."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import AgentError

_LAUNCH = Path(__file__).with_name("launch.py")
_POLL_S = 0.02
_LAST_WORDS = 3  # lines of a dead child's log that its obituary quotes


@dataclass(frozen=True, slots=True)
class Child:
    """A running child process; its standard error goes to `log`."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        """Return whether the process still runs."""
        return self.process.poll() is None

    def cpu_s(self) -> float:
        """Return its user + system time so far, of all its threads; steps of 10 ms.

        Source: proc(5), /proc/PID/stat, fields utime and stime.
        """
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def last_words(self) -> str:
        """Return the last lines of its log, on one line."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-_LAST_WORDS:]) or "it said nothing"

    def require_alive(self) -> None:
        """Raise AgentError with the child's last words where it has ended."""
        status = self.process.poll()
        if status is not None:
            raise AgentError(f"{self.name}: ended with status {status}: {self.last_words()}")

    def wait_until(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for `condition`. Raises: AgentError when the child ends or `limit_s` runs out."""
        deadline = time.monotonic() + limit_s
        while not condition():
            self.require_alive()
            if time.monotonic() > deadline:
                raise AgentError(
                    f"{self.name}: not {what} after {limit_s:.0f} s: {self.last_words()}"
                )
            time.sleep(_POLL_S)

    def stop(self, timeout_s: float = 5.0) -> None:
        """End it with SIGTERM, with SIGKILL after `timeout_s`; fine to call twice."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it no longer reads
                    pipe.close()


def start_child(
    name: str,
    command: Sequence[str],
    folder: Path,
    *,
    cores: Collection[int] = (),
    env: Mapping[str, str] | None = None,
    talk: bool = False,
) -> Child:
    """Start `command` so that it dies with the calling thread's process.

    Args: `folder` takes `NAME.log`; `cores` pins it (none: all); `env` is added to this
        process's environment; `talk` gives it pipes as standard input and output, else it
        reads nothing and its output goes to the log too.
    It gets a session of its own, so that Ctrl-C reaches the parent alone, which then ends its
    children in order. Call it from the main thread: the kernel takes the end of the calling
    thread for the end of the parent.
    """
    launch = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())]
    pinned = ",".join(str(core) for core in sorted(cores)) or "-"
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*launch, pinned, *command],
            stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talk else out,
            stderr=out,
            env={**os.environ, **env} if env else None,
            start_new_session=True,
        )
    return Child(name, process, log)


def free_port() -> int:
    """Return a TCP port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Return whether somebody accepts connections on this port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False
