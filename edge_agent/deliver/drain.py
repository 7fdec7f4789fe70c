"""What goes over one connection: states and rows out, PUBACKs back; the order and the window."""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.backoff import Backoff
from edge_agent.clock import Clock
from edge_agent.contract import encode_camera_state
from edge_agent.deliver.connection import Connection, Grant
from edge_agent.deliver.outbox import Outbox, Settled
from edge_agent.deliver.puback import Verdict, verdict_of
from edge_agent.deliver.states import StateBoard
from edge_agent.deliver.store import Reader, is_corrupt
from edge_agent.deliver.writer import Writer

log = logging.getLogger(__name__)

_PAGE_ROWS = 64
#: At most so many rows wait for another try while others pass them.
_LATER_ROWS = 20
_PACKET_OVERHEAD = 64  # fixed header, topic length, id and properties, generously
_STATE_EVERY_NS = 60_000_000_000


@dataclass(slots=True)
class Row:
    """A row on its way."""

    stream_id: str
    seq: int
    topic: str
    payload: bytes
    backoff: Backoff = field(default_factory=Backoff)


class Drain:
    """One connection's traffic. Rows go in the order of `seq`, at most `window` unanswered.

    A row that the broker wants later waits its backoff out while others pass it; where 20 of
    them wait, nothing passes until one is taken.
    """

    def __init__(
        self,
        connection: Connection,
        grant: Grant,
        *,
        outbox: Outbox,
        writer: Writer,
        states: StateBoard,
        agent_state: Callable[[], tuple[str, bytes]],
        root: str,
        max_inflight: int,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._grant = grant
        self._window = min(max_inflight, grant.receive_maximum)
        self._outbox = outbox
        self._writer = writer
        self._states = states
        self._agent_state = agent_state
        self._root = root
        self._clock = clock
        self._reader: Reader | None = None
        self._generation = -1
        self._rows_allowed = True
        self._cursor = 0
        self._ready: deque[Row] = deque()
        self._exhausted = False  # the reader had no more; `look_again` clears it
        self._later: list[tuple[int, Row]] = []  # (when, row)
        self._inflight: dict[int, Row | str] = {}
        self._told_last_seq = -1
        self._told_ns = 0
        self._warned: set[int] = set()
        states.mark_all()

    @property
    def drained(self) -> bool:
        """Whether all that is committed was sent and answered (or is refused for now)."""
        return self._exhausted and not self._ready and not self._inflight

    def look_again(self) -> None:
        """Hear that rows were committed."""
        self._exhausted = False

    def turn(self, timeout_s: float, wake_fd: int) -> None:
        """Send what may be sent, then wait for answers. Raises: DeliveryError."""
        self._send_states()
        self._send_rows()
        if self._later:
            due_s = (self._later[0][0] - self._clock.mono_ns()) / 1e9
            timeout_s = min(timeout_s, max(0.0, due_s))
        settled = []
        for mid, code in self._connection.turn(timeout_s, wake_fd):
            item = self._inflight.pop(mid, None)
            if isinstance(item, Row):
                settled += self._answered(item, code)
            elif item is not None and code >= 0x80:
                self._warn_once(code, f"state {item}")
        if settled:
            self._writer.settle(settled)

    def hold_rows(self) -> None:
        """Send no more rows; what is on its way is still answered."""
        self._rows_allowed = False

    @property
    def has_room(self) -> bool:
        """Whether the window lets another message out."""
        return len(self._inflight) < self._window

    @property
    def quiet(self) -> bool:
        """Whether nothing is unanswered."""
        return not self._inflight

    def publish_last(self, topic: str, payload: bytes) -> None:
        """Send the agent's last state."""
        self._inflight[self._connection.publish(topic, payload, retain=True)] = topic

    def close(self) -> None:
        """Close the view of the outbox."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _send_states(self) -> None:
        figures = self._outbox.figures
        now = self._clock.mono_ns()
        if figures.last_seq != self._told_last_seq and now - self._told_ns > _STATE_EVERY_NS:
            self._send_agent_state()
        while self.has_room and (taken := self._states.take()) is not None:
            camera_id, held = taken
            if camera_id is None or held is None:
                self._send_agent_state()
                continue
            try:
                topic, payload = encode_camera_state(
                    self._outbox.envelope(),
                    camera_id,
                    held.state,
                    wall_ns=held.wall_ns,
                    time_trusted=held.time_trusted,
                    root=self._root,
                )
            except (ValueError, TypeError):
                log.exception("camera %s: its state cannot be told", camera_id)
                continue
            self._inflight[self._connection.publish(topic, payload, retain=True)] = topic

    def _send_agent_state(self) -> None:
        if not self.has_room:
            return
        self._told_last_seq, self._told_ns = self._outbox.figures.last_seq, self._clock.mono_ns()
        topic, payload = self._agent_state()
        self._inflight[self._connection.publish(topic, payload, retain=True)] = topic

    def _send_rows(self) -> None:
        while self._rows_allowed and self.has_room and (row := self._next_row()) is not None:
            size = len(row.topic) + len(row.payload) + _PACKET_OVERHEAD
            if size > self._grant.maximum_packet_bytes:
                log.warning(
                    "broker: takes no packet above %d bytes; given up a row of %d on %s",
                    self._grant.maximum_packet_bytes,
                    size,
                    row.topic,
                )
                self._writer.settle([Settled(row.stream_id, row.seq, acked=False)])
                continue
            self._inflight[self._connection.publish(row.topic, row.payload)] = row

    def _next_row(self) -> Row | None:
        if self._later and self._later[0][0] <= self._clock.mono_ns():
            return self._later.pop(0)[1]
        if len(self._later) >= _LATER_ROWS:
            return None
        if not self._ready and not self._exhausted:
            self._fetch()
        return self._ready.popleft() if self._ready else None

    def _fetch(self) -> None:
        self._exhausted = True
        try:
            if self._reader is None or self._generation != self._outbox.generation:
                self._reopen()
            reader = self._reader
            if reader is None:
                return
            rows = reader.waiting(self._cursor, _PAGE_ROWS)
            for seq, topic, payload in rows:
                self._ready.append(Row(reader.stream_id, seq, topic, payload))
                self._cursor = seq
            # A page that is not full was the last; each commit wakes the sender to look again.
            self._exhausted = len(rows) < _PAGE_ROWS
        except sqlite3.Error as error:
            if is_corrupt(error):
                self._writer.report_broken(error)
            else:
                log.warning("outbox %s: cannot be read for sending (%s)", self._outbox.path, error)

    def _reopen(self) -> None:
        """Look at the file anew: it was opened, or another one took its place."""
        self.close()
        self._generation = self._outbox.generation
        self._reader = Reader(self._outbox.path)
        self._cursor = 0
        self._ready.clear()
        self._later.clear()

    def _answered(self, row: Row, code: int) -> list[Settled]:
        verdict = verdict_of(code)
        if verdict is Verdict.LATER:
            self._warn_once(code, row.topic)
            due_ns = self._clock.mono_ns() + int(row.backoff.next_s() * 1e9)
            self._later.append((due_ns, row))
            self._later.sort(key=lambda pair: pair[0])
            return []
        if verdict is Verdict.REFUSED:
            self._warn_once(code, row.topic)
        return [Settled(row.stream_id, row.seq, acked=verdict is Verdict.ACKED)]

    def _warn_once(self, code: int, what: str) -> None:
        """Say a refusal once a connection and code; all of them are counted."""
        if code not in self._warned:
            self._warned.add(code)
            consequence = "trying again" if verdict_of(code) is Verdict.LATER else "given up"
            log.warning("broker: refused %s with code 0x%02X; %s", what, code, consequence)
