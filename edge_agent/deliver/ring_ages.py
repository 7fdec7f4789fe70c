"""Keeping the rows of some rings for fewer hours than the others.

Runs inside the writer's transaction, as the other bounds do. Rows are in the order of their
age, so each is looked at once: when it has become as old as the first of the rings allows.
"""

import sqlite3
from collections.abc import Mapping

from edge_agent.deliver.bounds import Removed, drop_rows
from edge_agent.types import Ring

_CHUNK = 500
#: The ring's level of an event's topic, from its end: {ring}/{layer}/{camera}/{kind}.
_RING_LEVEL = -4


class RingAges:
    """How far each ring's rows have been looked through, and what was too old among them."""

    def __init__(self, ages_h: Mapping[Ring, float]) -> None:
        self._ages_ms = {ring: int(hours * 3_600_000) for ring, hours in ages_h.items()}
        self._looked: dict[Ring, int] = {}

    def begin(self) -> None:
        """Begin with a file, or again after a failure: nothing of it has been looked at."""
        self._looked = dict.fromkeys(self._ages_ms, 0)

    def enforce(self, db: sqlite3.Connection, uptime_ms: int, removed: Removed) -> None:
        """Remove what is too old for its ring; a row that was not acked leaves a gap."""
        for ring, age_ms in self._ages_ms.items():
            if not self._is_due(db, ring, uptime_ms - age_ms):
                continue
            rows = db.execute(
                "SELECT outbox.seq, waiting.seq IS NOT NULL, outbox.uptime_ms, topic"
                " FROM outbox LEFT JOIN waiting USING (seq)"
                " WHERE outbox.seq > ? ORDER BY outbox.seq LIMIT ?",
                (self._looked[ring], _CHUNK),
            ).fetchall()
            old = [row for row in rows if row[2] < uptime_ms - age_ms]
            victims = [(seq, unacked) for seq, unacked, _, topic in old if _is_of(topic, ring)]
            if old:
                self._looked[ring] = old[-1][0]
            if victims:
                drop_rows(db, victims, removed)

    def _is_due(self, db: sqlite3.Connection, ring: Ring, before_ms: int) -> bool:
        """Whether the first row that was not looked at is old enough."""
        row = db.execute(
            "SELECT uptime_ms FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1", (self._looked[ring],)
        ).fetchone()
        return row is not None and row[0] < before_ms


def _is_of(topic: str, ring: Ring) -> bool:
    levels = topic.split("/")
    return "events" in levels and levels[_RING_LEVEL] == ring.value
