"""The outbox's single writer: when to commit, and what to do when the disk says no."""

import logging
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from edge_agent.clock import Clock
from edge_agent.deliver.event_queue import Batch, EventQueue
from edge_agent.deliver.outbox import Committed, Outbox, Settled
from edge_agent.deliver.store import is_corrupt
from edge_agent.ports import Meter
from edge_agent.types import DropReason, Event, EventKind

log = logging.getLogger(__name__)

#: At most one commit in so long; the first event after a pause commits at once.
PROMPT_S = 0.020
#: Updates alone, and rows that the broker acked, wait so long for company: SD cards wear.
PATIENT_S = 1.0
RETRY_S = 1.0
_IDLE_S = 1.0
_LATENCIES = 10_000


class Writer:
    """Owns the queue and, in its thread, the outbox. `turn` is one look at what is due."""

    def __init__(self, outbox: Outbox, clock: Clock, meter: Meter, queue_events: int) -> None:
        self._outbox = outbox
        self._clock = clock
        self._meter = meter
        self._queue = EventQueue(queue_events)
        self._condition = threading.Condition()
        self._settled: list[Settled] = []
        self._acked: list[tuple[int, int]] = []  # seq, mono_ns of its PUBACK; measured next turn
        self._prompt = False  # something that is not an update waits
        self._patient_since_ns: int | None = None  # an update or an acked row waits
        self._announce = False  # a broker listens, and did not refuse the last gap message
        self._broken: sqlite3.Error | None = None
        self._flush = False
        self._stopping = False
        self._failures = 0
        self._last_commit_ns = clock.mono_ns() - int(PATIENT_S * 1e9)
        self._retry_ns = 0
        self._arrivals: OrderedDict[int, tuple[Event, int]] = OrderedDict()
        self.turned_ns = time.monotonic_ns()
        self.on_commit: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="outbox-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def queued(self) -> int:
        """How many events wait before the outbox."""
        return len(self._queue)

    def put(self, event: Event) -> None:
        """Take `event`; merges or drops where the queue is full, never waits."""
        with self._condition:
            dropped = self._queue.put(event)
            if event.kind is EventKind.UPDATE:
                self._note_patient()
            elif not self._prompt:
                self._prompt = True
                self._condition.notify()
        self._meter.count("events_put")
        if dropped is not None:
            self._meter.drop(DropReason.QUEUE_FULL, camera_id=event.camera_id)

    def settle(self, rows: list[Settled]) -> None:
        """Take what became of rows at the broker; written with the next commit."""
        refused = any(not row.acked for row in rows)
        now_ns = self._clock.mono_ns()
        with self._condition:
            self._settled += rows
            self._acked += [(row.seq, now_ns) for row in rows if row.acked]
            self._note_patient()
            if refused:
                self._prompt = True
                self._condition.notify()

    def set_connected(self, connected: bool) -> None:
        """Say whether a broker listens: gaps are told only then."""
        with self._condition:
            self._announce = connected
            self._note_patient()
            self._condition.notify()

    def report_broken(self, error: sqlite3.Error) -> None:
        """Say that the reader found the file broken."""
        with self._condition:
            self._broken = error
            self._condition.notify()

    def _note_patient(self) -> None:
        """Begin the wait for company; the thread looks so often by itself that none wakes it."""
        if self._patient_since_ns is None:
            self._patient_since_ns = self._clock.mono_ns()

    def flush(self, timeout_s: float) -> bool:
        """Commit all that waits, at once; False where it did not succeed in time."""
        with self._condition:
            self._flush = True
            self._condition.notify()
            return self._condition.wait_for(lambda: not self._flush, timeout_s)

    def stop(self, timeout_s: float) -> bool:
        """End the thread after a last commit; False where it does not end in time."""
        with self._condition:
            self._stopping = self._flush = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self.turn()
            with self._condition:
                if self._stopping and (not self._flush or self._failures):
                    return

    def turn(self) -> None:
        """Wait until something is due, and commit it."""
        with self._condition:
            wait_s = self._wait_s()
            if wait_s > 0:
                self._clock.wait(self._condition, wait_s)
            self.turned_ns = time.monotonic_ns()
            if self._wait_s() > 0:
                return
            batch, settled = self._queue.take(), self._settled
            self._settled, self._prompt, self._patient_since_ns = [], False, None
            acked, self._acked = self._acked, []
            announce = self._announce
            broken, self._broken = self._broken, None
        # Here and not in `settle`: a PUBACK can be faster than `_succeeded` of its row's commit.
        for seq, puback_ns in acked:
            self._observe(seq, puback_ns)
        self._attempt(batch, settled, announce=announce, broken=broken)

    def _wait_s(self) -> float:
        """Return in how many seconds something is due; at most 1."""
        now = self._clock.mono_ns()
        if self._failures and not self._stopping:
            return max(0.0, (self._retry_ns - now) / 1e9)
        if self._flush or self._broken is not None:
            return 0.0
        due = [now + int(min(_IDLE_S, self._outbox.stats_wait_s()) * 1e9)]
        if self._prompt:
            due.append(self._last_commit_ns + int(PROMPT_S * 1e9))
        if self._patient_since_ns is not None:
            due.append(self._patient_since_ns + int(PATIENT_S * 1e9))
        return max(0.0, (min(due) - now) / 1e9)

    def _attempt(
        self,
        batch: Batch,
        settled: list[Settled],
        *,
        announce: bool,
        broken: sqlite3.Error | None,
    ) -> None:
        try:
            if broken is not None:
                self._outbox.begin_anew(broken)
                broken = None
            told = announce and self._outbox.gaps_pending
            if batch or settled or told or self._outbox.stats_wait_s() <= 0:
                done = self._outbox.commit(batch, settled, announce_gaps=announce)
            else:
                done = Committed()
        except sqlite3.Error as error:
            self._failed(error, batch, settled, broken)
            return
        self._succeeded(done)

    def _failed(
        self,
        error: sqlite3.Error,
        batch: Batch,
        settled: list[Settled],
        broken: sqlite3.Error | None,
    ) -> None:
        now = self._clock.mono_ns()
        with self._condition:
            self._queue.put_back(batch)
            self._settled[:0] = settled
            self._prompt = True
            self._failures += 1
            self._retry_ns = now + int(RETRY_S * 1e9)
            self._broken = broken
            if broken is None and is_corrupt(error):
                self._broken = error
                self._retry_ns = now
        self._meter.count("commits_failed")
        if self._failures == 1:
            log.error(
                "outbox %s: cannot write (%s); %d events wait in memory, trying again every %.0f s",
                self._outbox.path,
                error,
                len(self._queue),
                RETRY_S,
            )

    def _succeeded(self, done: Committed) -> None:
        if self._failures:
            log.info("outbox %s: writes again after %d tries", self._outbox.path, self._failures)
        with self._condition:
            self._failures = 0
            self._last_commit_ns = self._clock.mono_ns()
            self._flush = self._flush and bool(len(self._queue) or self._settled)
            self._announce = self._announce and not done.gap_refused
            if self._outbox.gaps_pending and self._announce:
                self._note_patient()
            self._queue.add_lost(done.unencodable)
            self._condition.notify_all()
        now_ns = self._clock.mono_ns()
        for seq, event in done.rows:
            if event.mono_ns is not None:
                self._arrivals[seq] = (event, event.mono_ns)
                if event.kind is not EventKind.UPDATE:
                    self._meter.observe("latency_commit", (now_ns - event.mono_ns) / 1e9)
        while len(self._arrivals) > _LATENCIES:
            self._arrivals.popitem(last=False)
        self._count("events_committed", len(done.rows))
        self._count("events_acked", done.acked)
        self._count("events_parked", done.parked)
        self._count("events_removed", done.removed)
        if done.rows:
            self.on_commit()

    def _count(self, name: str, amount: int) -> None:
        if amount:
            self._meter.count(name, amount)

    def _observe(self, seq: int, puback_ns: int) -> None:
        """Measure from the arrival of the frame's last packet to the PUBACK."""
        arrival = self._arrivals.pop(seq, None)
        if arrival is None:
            return
        event, mono_ns = arrival
        name = "latency_update" if event.kind is EventKind.UPDATE else "latency_event"
        self._meter.observe(name, (puback_ns - mono_ns) / 1e9, camera_id=event.camera_id)
