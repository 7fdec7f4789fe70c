"""Keeping the outbox within its bounds, and the gaps that removals leave.

All of it runs inside the writer's transaction. Acked rows go first; a row that was not acked
leaves a range in the table `gap`, which stays there until a message that tells it is committed.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge_agent.settings import OutboxSettings

RANGES_A_MESSAGE = 500
BOUNDS, REFUSED = "bounds", "refused"
#: Removing goes this far below the bound, so that the message which tells the gap has room.
_SLACK = 0.02
_CHUNK = 500
#: The bytes of the file that are in use.
USED_BYTES = """SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size"""
_GAPS_TOPIC = "%/gaps"


@dataclass(frozen=True, slots=True)
class GapRange:
    """`first_seq` to `last_seq`, both included, will never come."""

    first_seq: int
    last_seq: int
    reason: str

    def __len__(self) -> int:
        return self.last_seq - self.first_seq + 1


@dataclass(slots=True)
class Removed:
    """How many rows were removed, and how many of them the broker never had."""

    rows: int = 0
    unacked: int = 0


def enforce_bounds(
    db: sqlite3.Connection, settings: OutboxSettings, rows: int, depth: int, uptime_ms: int
) -> Removed:
    """Remove what is too old, too many or too big; the oldest go first, acked ones before others.

    Args: `rows` and `depth` are the counts of all and of unacked rows now.
    """
    removed = Removed()
    _remove_old(db, uptime_ms - int(settings.max_age_h * 3_600_000), removed)
    if rows - removed.rows > settings.max_rows:
        slack = max(2, int(settings.max_rows * _SLACK))
        _remove(db, rows - removed.rows - settings.max_rows + slack, rows, depth, removed)
    limit = settings.max_mb * 1e6
    if _used_bytes(db) > limit:
        while rows > removed.rows and _used_bytes(db) > limit * (1 - _SLACK):
            _remove(db, max(1, min(_CHUNK, rows // 100)), rows, depth, removed)
    return removed


def _used_bytes(db: sqlite3.Connection) -> int:
    (used,) = db.execute(USED_BYTES).fetchone()
    return int(used)


def _remove_old(db: sqlite3.Connection, before_ms: int, removed: Removed) -> None:
    while True:
        oldest = db.execute("SELECT uptime_ms FROM outbox ORDER BY seq LIMIT 1").fetchone()
        if oldest is None or oldest[0] >= before_ms:
            return
        victims = db.execute(
            "SELECT outbox.seq, waiting.seq IS NOT NULL, uptime_ms"
            " FROM outbox LEFT JOIN waiting USING (seq) ORDER BY outbox.seq LIMIT ?",
            (_CHUNK,),
        ).fetchall()
        old = [(seq, unacked) for seq, unacked, at_ms in victims if at_ms < before_ms]
        drop_rows(db, old, removed)


def _remove(db: sqlite3.Connection, count: int, rows: int, depth: int, removed: Removed) -> None:
    acked: list[tuple[int, bool]] = []
    if rows - removed.rows > depth - removed.unacked:
        acked = [
            (seq, False)
            for (seq,) in db.execute(
                "SELECT seq FROM outbox WHERE seq NOT IN (SELECT seq FROM waiting)"
                " ORDER BY seq LIMIT ?",
                (count,),
            )
        ]
    unacked = db.execute("SELECT seq FROM waiting ORDER BY seq LIMIT ?", (count - len(acked),))
    drop_rows(db, acked + [(seq, True) for (seq,) in unacked.fetchall()], removed)


def drop_rows(db: sqlite3.Connection, victims: list[tuple[int, bool]], removed: Removed) -> None:
    """Remove rows, each a `seq` and whether the broker never had it; those leave gaps."""
    lost = [seq for seq, unacked in victims if unacked]
    for seq in lost:
        _keep_told_ranges(db, seq)
    for gap in _as_ranges(lost, BOUNDS):
        _add_gap(db, gap)
    db.executemany("DELETE FROM waiting WHERE seq = ?", [(seq,) for seq in lost])
    db.executemany("DELETE FROM outbox WHERE seq = ?", [(seq,) for seq, _ in victims])
    removed.rows += len(victims)
    removed.unacked += len(lost)


def park(db: sqlite3.Connection, seq: int) -> bool:
    """Book a row that the broker refused for good as a gap; the row itself stays.

    Returns: whether the row was itself a gap message.
    """
    was_gap_message = _keep_told_ranges(db, seq)
    _add_gap(db, GapRange(seq, seq, REFUSED))
    return was_gap_message


def _keep_told_ranges(db: sqlite3.Connection, seq: int) -> bool:
    """Where row `seq` is a gap message that nobody got, its ranges must be told again."""
    row = db.execute(
        "SELECT payload FROM outbox WHERE seq = ? AND topic LIKE ?", (seq, _GAPS_TOPIC)
    ).fetchone()
    if row is None:
        return False
    for told in json.loads(row[0])["data"]["ranges"]:
        _add_gap(db, GapRange(told["first_seq"], told["last_seq"], told["reason"]))
    return True


def _as_ranges(seqs: Iterable[int], reason: str) -> list[GapRange]:
    return merge_ranges(GapRange(seq, seq, reason) for seq in seqs)


def merge_ranges(gaps: Iterable[GapRange]) -> list[GapRange]:
    """Return the ranges in order, those that touch and have one reason made one."""
    merged: list[GapRange] = []
    for gap in sorted(gaps, key=lambda gap: gap.first_seq):
        before = merged[-1] if merged else None
        if before and before.reason == gap.reason and before.last_seq >= gap.first_seq - 1:
            last = max(before.last_seq, gap.last_seq)
            merged[-1] = GapRange(before.first_seq, last, gap.reason)
        else:
            merged.append(gap)
    return merged


def _add_gap(db: sqlite3.Connection, gap: GapRange) -> None:
    extended = db.execute(
        "UPDATE gap SET last_seq = ? WHERE last_seq = ? AND reason = ?",
        (gap.last_seq, gap.first_seq - 1, gap.reason),
    ).rowcount
    if not extended:
        db.execute(
            "INSERT INTO gap VALUES (?, ?, ?) ON CONFLICT (first_seq) DO UPDATE"
            " SET last_seq = max(last_seq, excluded.last_seq)",
            (gap.first_seq, gap.last_seq, gap.reason),
        )


def take_gaps(db: sqlite3.Connection) -> Iterator[list[GapRange]]:
    """Take all ranges that wait to be told, at most 500 a message."""
    rows = db.execute("SELECT first_seq, last_seq, reason FROM gap").fetchall()
    db.execute("DELETE FROM gap")
    merged = merge_ranges(GapRange(*row) for row in rows)
    for at in range(0, len(merged), RANGES_A_MESSAGE):
        yield merged[at : at + RANGES_A_MESSAGE]
