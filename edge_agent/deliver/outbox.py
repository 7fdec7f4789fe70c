"""The outbox: events on disk, each with a `seq`, until the broker has them and after.

One thread writes (`commit`); the transaction that inserts a row also counts `seq`, so that
whatever is committed is contiguous. See docs/design/outbox.md for the invariants.
"""

import logging
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import MappingProxyType

from edge_agent.clock import Clock
from edge_agent.contract import encode_event
from edge_agent.deliver.bounds import USED_BYTES, GapRange, enforce_bounds, park, take_gaps
from edge_agent.deliver.event_queue import Batch
from edge_agent.deliver.identity import Identity
from edge_agent.deliver.ring_ages import RingAges
from edge_agent.deliver.store import FILE_NAME, is_unusable, open_store, set_aside
from edge_agent.deliver.tally import Tally
from edge_agent.errors import StateError
from edge_agent.policy.severity import severity_of
from edge_agent.settings import OutboxSettings
from edge_agent.types import Envelope, Event, EventKind, Json, Ring

log = logging.getLogger(__name__)

#: First `seq`, when the oldest unacked row came, whether a gap is to be told, bytes in use.
_FIGURES = f"""SELECT (SELECT min(seq) FROM outbox),
    (SELECT uptime_ms FROM outbox WHERE seq = (SELECT min(seq) FROM waiting)),
    EXISTS (SELECT 1 FROM gap), ({USED_BYTES})"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one row at the broker."""

    stream_id: str
    seq: int
    acked: bool  # False: the broker will never take it


@dataclass(frozen=True, slots=True)
class Figures:
    """What the outbox holds after a commit."""

    stream_id: str
    first_seq: int | None
    last_seq: int
    rows: int
    depth: int  # rows that are not acked
    size_bytes: int
    oldest_ms: int | None  # uptime of the oldest row that is not acked

    @property
    def acked(self) -> int:
        return self.rows - self.depth


@dataclass(slots=True)
class Committed:
    """What one commit did."""

    rows: list[tuple[int, Event]] = field(default_factory=list)
    acked: int = 0
    parked: int = 0
    gap_refused: bool = False  # a message that tells a gap was itself refused
    removed: int = 0
    unencodable: Counter[EventKind] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Counters:
    next_seq: int
    rows: int
    depth: int


class Outbox:
    """The file and its counters. Only the writer's thread calls it after `open`."""

    def __init__(
        self,
        *,
        state_dir: Path,
        settings: OutboxSettings,
        identity: Identity,
        root: str,
        clock: Clock,
        tally: Tally | None = None,
        ring_ages_h: Mapping[Ring, float] = MappingProxyType({}),
    ) -> None:
        """Args: `tally` counts, None: nothing is; `ring_ages_h` goes before the age for all."""
        self._tally = tally
        self._ring_ages = RingAges(ring_ages_h)
        self.path = state_dir / FILE_NAME
        self._settings = settings
        self._identity = identity
        self._root = root
        self._clock = clock
        self.generation = 0
        self.stream_id = ""
        self.gaps_pending = False
        self.figures = Figures("", None, 0, 0, 0, 0, None)
        self._uptime_base_ms = 0
        self._opened_ns = clock.mono_ns()

    def open(self) -> None:
        """Open the file, or begin a new one where it is missing or broken.

        Raises: StateError where the file is newer than this program or cannot be used.
        """
        aside = None
        try:
            try:
                self._open_file()
            except sqlite3.Error as error:
                if not is_unusable(error):
                    raise
                aside = self._set_aside(error)
                self._open_file()
            if self._counters.next_seq == 1:
                self._begin_stream(aside)
        except sqlite3.Error as error:
            raise StateError(
                f"outbox {self.path}: cannot be used ({error}); nothing was changed in it"
            ) from error

    def begin_anew(self, error: sqlite3.Error) -> None:
        """Set the file aside after SQLite found it broken, and begin a new stream."""
        with suppress(sqlite3.Error):
            self._db.close()
        aside = self._set_aside(error)
        self._open_file()
        self._begin_stream(aside)

    def _begin_stream(self, aside: str | None) -> None:
        reason = "new" if aside is None else "corrupt"
        data = {"reason": reason, "set_aside": aside}
        self.commit(Batch([self._own_event(EventKind.STREAM_START, data)]), [])

    def _set_aside(self, error: sqlite3.Error) -> str:
        name = set_aside(self.path)
        log.error(
            "outbox %s: broken (%s); set aside as %s, a new stream begins", self.path, error, name
        )
        return name

    def _open_file(self) -> None:
        self._db = db = open_store(self.path)
        self.stream_id, next_seq, rows, uptime_ms = db.execute(
            "SELECT stream_id, next_seq, row_count, uptime_ms FROM counter"
        ).fetchone()
        (depth,) = db.execute("SELECT count(*) FROM waiting").fetchone()
        self._counters = _Counters(next_seq, rows, depth)
        self._uptime_base_ms = uptime_ms
        self._opened_ns = self._clock.mono_ns()
        self._look()
        if self._tally is not None:
            self._tally.open(db, self._clock.wall_ns())
        self._ring_ages.begin()
        self.generation += 1

    def uptime_ms(self) -> int:
        """Return how long this outbox has been in use, over all boots; no wall clock is asked."""
        return int(self._uptime_base_ms + (self._clock.mono_ns() - self._opened_ns) // 1_000_000)

    def commit(
        self, batch: Batch, settled: Sequence[Settled], *, announce_gaps: bool = False
    ) -> Committed:
        """Write `batch` and `settled` in one transaction; it is on disk when this returns.

        Raises: sqlite3.Error; nothing of the batch is in the file then.
        """
        done = Committed()
        counters = self._counters
        period_over = self.stats_wait_s() <= 0
        now_ms = self.uptime_ms()
        with self._transaction():
            counters = self._settle(counters, settled, done)
            if self._tally is not None and period_over:
                data = self._tally.take(self._db, self._clock.wall_ns())
                counters = self._insert(counters, self._own_event(EventKind.STATS, data), done)
            for event in self._with_loss(batch):
                counters = self._insert(counters, event, done)
            if announce_gaps and not done.gap_refused:
                for event in self._gap_events():
                    counters = self._insert(counters, event, done)
            removed = enforce_bounds(
                self._db, self._settings, counters.rows, counters.depth, now_ms
            )
            self._ring_ages.enforce(self._db, now_ms, removed)
            done.removed = removed.unacked
            counters = _Counters(
                counters.next_seq,
                counters.rows - removed.rows,
                counters.depth - removed.unacked,
            )
            self._db.execute(
                "UPDATE counter SET next_seq = ?, row_count = ?, uptime_ms = ?",
                (counters.next_seq, counters.rows, self.uptime_ms()),
            )
        self._counters = counters
        if self._tally is not None and period_over:
            self._tally.committed(self._db)
        self._look()
        return done

    def stats_wait_s(self) -> float:
        """Return in how many seconds the counts are to be told; infinite where nothing counts."""
        return inf if self._tally is None else self._tally.wait_s(self._clock.wall_ns())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk may have rolled it back already
                self._db.execute("ROLLBACK")
            self._ring_ages.begin()
            raise

    def _settle(
        self, counters: _Counters, settled: Sequence[Settled], done: Committed
    ) -> _Counters:
        settled_rows = 0
        for row in settled:
            if row.stream_id != self.stream_id:
                continue
            gone = self._db.execute("DELETE FROM waiting WHERE seq = ?", (row.seq,)).rowcount
            done.acked += gone and row.acked
            if gone and not row.acked:
                done.gap_refused |= park(self._db, row.seq)
                done.parked += 1
            settled_rows += gone
        return _Counters(counters.next_seq, counters.rows, counters.depth - settled_rows)

    def _with_loss(self, batch: Batch) -> Iterator[Event]:
        if batch.lost:
            yield self._own_event(
                EventKind.LOST_BEFORE_COMMIT,
                {"count": batch.lost.total(), "by_kind": dict(sorted(batch.lost.items()))},
            )
        yield from batch.events

    def _insert(self, counters: _Counters, event: Event, done: Committed) -> _Counters:
        seq = counters.next_seq
        try:
            topic, payload = encode_event(event, self.envelope(seq), root=self._root)
        except (ValueError, TypeError):
            log.exception("outbox: an event of kind %s cannot be told; dropped", event.kind)
            done.unencodable[event.kind] += 1
            return counters
        self._db.execute(
            "INSERT INTO outbox VALUES (?, ?, ?, ?)", (seq, self.uptime_ms(), topic, payload)
        )
        self._db.execute("INSERT INTO waiting VALUES (?)", (seq,))
        if event.counts and self._tally is not None:
            self._tally.add(self._db, event)
        done.rows.append((seq, event))
        return _Counters(seq + 1, counters.rows + 1, counters.depth + 1)

    def _gap_events(self) -> Iterator[Event]:
        for ranges in take_gaps(self._db):
            yield self._own_event(
                EventKind.GAP,
                {"ranges": [_told(gap) for gap in ranges], "count": sum(map(len, ranges))},
            )

    def envelope(self, seq: int = 0) -> Envelope:
        """Return the envelope of row `seq`; states, which have no `seq`, take the default."""
        identity = self._identity
        return Envelope(
            str(uuid.uuid4()),
            identity.agent_id,
            identity.site,
            identity.boot_id,
            self.stream_id,
            seq,
        )

    def _own_event(self, kind: EventKind, data: dict[str, Json]) -> Event:
        clock = self._clock
        return Event(kind, severity_of(kind), clock.wall_ns(), clock.time_trusted(), data=data)

    def _look(self) -> None:
        """Take over what the file holds, after a commit: one statement, each has its price."""
        first_seq, oldest_ms, gaps_pending, used_bytes = self._db.execute(_FIGURES).fetchone()
        counters = self._counters
        self.gaps_pending = bool(gaps_pending)
        self.figures = Figures(
            stream_id=self.stream_id,
            first_seq=first_seq,
            last_seq=counters.next_seq - 1,
            rows=counters.rows,
            depth=counters.depth,
            size_bytes=used_bytes,
            oldest_ms=oldest_ms,
        )

    def close(self) -> None:
        """Close the file; its journal is written back."""
        self._db.close()


def _told(gap: GapRange) -> dict[str, Json]:
    return {"first_seq": gap.first_seq, "last_seq": gap.last_seq, "reason": gap.reason}
