"""The counts: kept in the outbox's file, added to in the transaction that commits an event.

So what is counted is exactly what was committed, however the process ends. A period's counts
leave as one message, in the transaction that forgets them: a restart within a period goes on
counting, and nothing is told twice. All of it runs in the writer's thread.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.contract import wall_text
from edge_agent.types import Event, Json

_CLASSES = ("person", "vehicle")
_WHOLE = ""  # in the column `zone`: the camera itself


@dataclass(slots=True)
class Tally:
    """What is being counted, over one period of the agent's wall clock after another."""

    every_s: int
    from_ns: int = 0  # of the period that is counted now

    def open(self, db: sqlite3.Connection, wall_ns: int) -> None:
        """Go on with the file's period, or begin one at `wall_ns`."""
        db.execute("INSERT OR IGNORE INTO tally_period VALUES (1, ?)", (self._begin(wall_ns),))
        (self.from_ns,) = db.execute("SELECT from_ns FROM tally_period").fetchone()

    def wait_s(self, wall_ns: int) -> float:
        """Return in how many seconds the period is over, 0 where it is.

        A clock that was set back ends it too: the rest of it would never come.
        """
        if wall_ns < self.from_ns:
            return 0.0
        return max(0.0, (self.from_ns + self._every_ns - wall_ns) / 1e9)

    def add(self, db: sqlite3.Connection, event: Event) -> None:
        """Count what `event` adds."""
        db.executemany(
            "INSERT INTO tally VALUES (?, ?, ?, ?, 1)"
            " ON CONFLICT (camera, ring, zone, class) DO UPDATE SET count = count + 1",
            [
                (event.camera_id or "-", event.ring or "-", one.zone or _WHOLE, one.class_name)
                for one in event.counts
            ],
        )

    def take(self, db: sqlite3.Connection, wall_ns: int) -> dict[str, Json]:
        """Return what a message about the period says; forget it and begin the next one."""
        rows = db.execute(
            "SELECT camera, ring, zone, class, count FROM tally ORDER BY camera, ring, zone, class"
        ).fetchall()
        from_ns, next_ns = self.from_ns, self._begin(wall_ns)
        db.execute("DELETE FROM tally")
        db.execute("UPDATE tally_period SET from_ns = ?", (next_ns,))
        return {
            "from_wall_ns": from_ns,
            "from_time": wall_text(from_ns),
            "until_wall_ns": from_ns + self._every_ns,
            "until_time": wall_text(from_ns + self._every_ns),
            **_told(rows),
        }

    def committed(self, db: sqlite3.Connection) -> None:
        """Read back which period counts now: a transaction may have failed meanwhile."""
        (self.from_ns,) = db.execute("SELECT from_ns FROM tally_period").fetchone()

    @property
    def _every_ns(self) -> int:
        return self.every_s * 1_000_000_000

    def _begin(self, wall_ns: int) -> int:
        return wall_ns - wall_ns % self._every_ns


def _told(rows: Iterable[tuple[str, str, str, str, int]]) -> dict[str, Json]:
    """Return the counts by site, by ring, by camera and its zones."""
    site: Counter[str] = Counter()
    rings: dict[str, Counter[str]] = {}
    cameras: dict[tuple[str, str], dict[str, Counter[str]]] = {}
    for camera, ring, zone, class_name, count in rows:
        zones = cameras.setdefault((camera, ring), {_WHOLE: Counter()})
        zones.setdefault(zone, Counter())[class_name] += count
        if zone == _WHOLE:
            site[class_name] += count
            rings.setdefault(ring, Counter())[class_name] += count
    return {
        "site": _by_class(site),
        "rings": {ring: _by_class(counts) for ring, counts in sorted(rings.items())},
        "cameras": [
            {
                "camera_id": camera,
                "ring": ring,
                "counts": _by_class(zones[_WHOLE]),
                "zones": {
                    zone: _by_class(counts) for zone, counts in zones.items() if zone != _WHOLE
                },
            }
            for (camera, ring), zones in cameras.items()
        ],
    }


def _by_class(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in _CLASSES}
