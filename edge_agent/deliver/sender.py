"""The sender's thread: connects, drains the outbox, and comes back after every failure."""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent import __version__
from edge_agent.backoff import Backoff
from edge_agent.clock import Clock
from edge_agent.contract import encode_agent_state
from edge_agent.deliver.connection import Connection
from edge_agent.deliver.drain import Drain
from edge_agent.deliver.endpoint import Endpoint
from edge_agent.deliver.outbox import Outbox
from edge_agent.deliver.states import StateBoard
from edge_agent.deliver.writer import Writer
from edge_agent.errors import DeliveryError

log = logging.getLogger(__name__)

_TURN_S = 1.0
#: A connection that held so long was a good one: the next wait is short again.
_GOOD_AFTER_S = 10.0
#: What the last state may take beyond the deadline for the rows.
_LAST_STATE_S = 0.5


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """What `status` says about the broker."""

    state: str  # connecting, connected, waiting, stopped
    reason: str | None
    since_ns: int


class Sender:
    """Owns the connection. Other threads only call `wake`, `stop` and `status`."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        client_id: str,
        root: str,
        max_inflight: int,
        outbox: Outbox,
        writer: Writer,
        clock: Clock,
    ) -> None:
        self._endpoint = endpoint
        self._client_id = client_id
        self._root = root
        self._max_inflight = max_inflight
        self._outbox = outbox
        self._writer = writer
        self._clock = clock
        self.states = StateBoard(clock, self.wake)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stop_at: float | None = None  # time.monotonic() by which the rows must be out
        self._stopping = threading.Event()
        self._backoff = Backoff()
        self._said: str | None = None
        self.reconnects = 0
        self.status = BrokerStatus("connecting", None, clock.mono_ns())
        self._thread = threading.Thread(target=self._run, name="mqtt-sender", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Hear that there is something to send."""
        os.eventfd_write(self._wake_fd, 1)

    def stop(self, deadline_s: float) -> bool:
        """Send what is committed until the deadline, then the last state; disconnect cleanly.

        A broker that is known to be away is not waited for. Returns: whether the thread ended.
        """
        self._stop_at = time.monotonic() + deadline_s
        self._stopping.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(deadline_s + 2 * _LAST_STATE_S)
        self._set_status("stopped", None)
        return not self._thread.is_alive()

    def _set_status(self, state: str, reason: str | None) -> None:
        self.status = BrokerStatus(state, reason, self._clock.mono_ns())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._set_status("connecting", self.status.reason)
            try:
                self._connect_and_serve()
                return
            except DeliveryError as error:
                reason = str(error)
            except Exception as error:
                log.exception("broker %s: the sender failed", self._endpoint)
                reason = f"broker {self._endpoint}: the sender failed ({error})"
            wait_s = self._backoff.next_s()
            self._say_failure(reason, wait_s)
            self._set_status("waiting", reason)
            self._stopping.wait(wait_s)

    def _say_failure(self, reason: str, wait_s: float) -> None:
        """Say a failure once; the same again is told when the broker is back, as a count."""
        level = logging.DEBUG if reason == self._said else logging.WARNING
        self._said = reason
        log.log(level, "%s; reconnecting in %.1f s", reason, wait_s)

    def _connect_and_serve(self) -> None:
        connection = Connection(self._endpoint, self._client_id, will=self._state("vanished"))
        try:
            grant = connection.open()
            if self._stop_at is not None and time.monotonic() > self._stop_at:
                connection.close()
                return
            self._set_status("connected", None)
            tries = self._backoff.failures
            log.info(
                "broker %s: connected%s", self._endpoint, f" after {tries} tries" if tries else ""
            )
            self._said = None
            self._serve(
                connection,
                Drain(
                    connection,
                    grant,
                    outbox=self._outbox,
                    writer=self._writer,
                    states=self.states,
                    agent_state=lambda: self._state("running"),
                    root=self._root,
                    max_inflight=self._max_inflight,
                    clock=self._clock,
                ),
            )
        finally:
            connection.drop()

    def _serve(self, connection: Connection, drain: Drain) -> None:
        """Drain until the connection is lost (DeliveryError) or the agent stops."""
        self._writer.set_connected(True)
        good_at = time.monotonic() + _GOOD_AFTER_S
        try:
            while not self._stopping.is_set():
                self._take_wake(drain)
                drain.turn(_TURN_S, self._wake_fd)
                if self._backoff.failures and time.monotonic() > good_at:
                    self._backoff.reset()
            stop_at = self._stop_at or 0.0
            drain.look_again()
            self._turn_until(drain, lambda: drain.drained, stop_at)
            drain.hold_rows()
            last_at = max(stop_at, time.monotonic()) + _LAST_STATE_S
            self._turn_until(drain, lambda: drain.has_room, last_at)
            if drain.has_room:
                drain.publish_last(*self._state("stopped"))
                self._turn_until(drain, lambda: drain.quiet, last_at)
            connection.close()
        except DeliveryError:
            self.reconnects += 1
            raise
        finally:
            self._writer.set_connected(False)
            drain.close()

    def _turn_until(self, drain: Drain, done: Callable[[], bool], until: float) -> None:
        while True:
            self._take_wake(drain)
            left_s = until - time.monotonic()
            drain.turn(max(0.0, min(left_s, 0.05)), self._wake_fd)
            if done() or left_s <= 0:
                return

    def _take_wake(self, drain: Drain) -> None:
        try:
            os.eventfd_read(self._wake_fd)
        except BlockingIOError:
            return
        drain.look_again()

    def _state(self, reason: str) -> tuple[str, bytes]:
        """Encode the agent's state; the last will knows neither time nor `seq`."""
        if reason == "vanished":
            return encode_agent_state(
                self._outbox.envelope(),
                online=False,
                reason=reason,
                version=__version__,
                root=self._root,
            )
        figures = self._outbox.figures
        return encode_agent_state(
            self._outbox.envelope(),
            online=reason == "running",
            reason=reason,
            version=__version__,
            first_seq=figures.first_seq,
            last_seq=figures.last_seq,
            wall_ns=self._clock.wall_ns(),
            time_trusted=self._clock.time_trusted(),
            data=self.states.agent_data(),
            root=self._root,
        )
