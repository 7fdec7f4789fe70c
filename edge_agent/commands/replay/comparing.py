"""Expected events against those that came: what is missing, unexpected or changed. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from edge_agent.commands.replay.expectation import PLACES, Expectation, Row

#: An event of the same name that is no further off than this has moved; beyond, it is another.
_MOVED_S = 10.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected."""

    what: Literal["missing", "unexpected", "changed"]
    time_s: float
    row: Row  # the expected one, unless it is unexpected
    changes: tuple[str, ...] = ()

    def line(self) -> str:
        """Return it as one line of text."""
        changed = f": {'; '.join(self.changes)}" if self.changes else ""
        return f"{self.what:<10}  {self.time_s:8.2f} s  {self.row.words()}{changed}"


@dataclass(slots=True)
class _Tracks:
    """Which track of this replay each number of the file stands for."""

    came: dict[int, int] = field(default_factory=dict)
    stands_for: dict[int, int] = field(default_factory=dict)

    def agree(self, expected: Row, came: Row) -> bool:
        if expected.track is None or came.track is None:
            return True
        known = self.came.get(expected.track)
        if known is None:
            return came.track not in self.stands_for
        return known == came.track

    def learn(self, expected: Row, came: Row) -> None:
        if expected.track is not None and came.track is not None:
            self.came.setdefault(expected.track, came.track)
            self.stands_for.setdefault(came.track, expected.track)


class _Left:
    """The events that came and are not matched yet, found by kind and time."""

    def __init__(self, came: Sequence[Row]) -> None:
        self._rows: dict[str, list[Row]] = {}
        for row in sorted(came, key=_time):
            self._rows.setdefault(row.kind, []).append(row)

    def near(self, expected: Row, within_s: float) -> list[Row]:
        """Return the events of a kind and camera that came within some seconds."""
        rows = self._rows.get(expected.kind, [])
        first = bisect_left(rows, expected.time_s - within_s, key=_time)
        last = bisect_right(rows, expected.time_s + within_s, key=_time)
        return [row for row in rows[first:last] if expected.camera in (None, row.camera)]

    def take(self, row: Row) -> None:
        rows = self._rows[row.kind]
        at = bisect_left(rows, row.time_s, key=_time)
        while rows[at] is not row:
            at += 1
        del rows[at]

    def rest(self) -> list[Row]:
        return [row for rows in self._rows.values() for row in rows]


def _time(row: Row) -> float:
    return row.time_s


def compare(expectation: Expectation, came: Sequence[Row]) -> list[Difference]:
    """Return what differs, by time; empty where all is as expected."""
    tolerance_s, tracks, left = expectation.tolerance_s + 1e-6, _Tracks(), _Left(came)
    differences: list[Difference] = []
    unmatched: list[Row] = []
    for expected in sorted(expectation.events, key=_time):
        found = _best(expected, left, tolerance_s, tracks)
        if found is None:
            unmatched.append(expected)
        else:
            left.take(found)
            differences += _changed(expected, found, tracks, tolerance_s)
    for expected in unmatched:
        found = _moved(expected, left) or _renamed(expected, left, tolerance_s)
        if found is None:
            differences.append(Difference("missing", expected.time_s, expected))
        else:
            left.take(found)
            differences += _changed(expected, found, tracks, tolerance_s)
    differences += [Difference("unexpected", row.time_s, row) for row in left.rest()]
    return sorted(differences, key=lambda d: d.time_s)


def _best(expected: Row, left: _Left, tolerance_s: float, tracks: _Tracks) -> Row | None:
    """Return the event of the same name and time that agrees in most."""

    def distance(row: Row) -> tuple[bool, int, float]:
        wrong = len(_details(expected, row))
        return not tracks.agree(expected, row), wrong, abs(row.time_s - expected.time_s)

    near = [row for row in left.near(expected, tolerance_s) if _same_name(expected, row)]
    return min(near, key=distance, default=None)


def _moved(expected: Row, left: _Left) -> Row | None:
    """Return the nearest event of the same name that came at another time."""
    near = [row for row in left.near(expected, _MOVED_S) if _same_name(expected, row)]
    return min(near, key=lambda row: abs(row.time_s - expected.time_s), default=None)


def _renamed(expected: Row, left: _Left, tolerance_s: float) -> Row | None:
    """Return what came at that time of the same kind, by another rule, place or class."""
    near = [row for row in left.near(expected, tolerance_s) if row.standing == expected.standing]
    return min(near, key=lambda row: abs(row.time_s - expected.time_s), default=None)


def _same_name(expected: Row, row: Row) -> bool:
    """Return whether all that the expected line names is the same."""
    return all(
        wanted is None or wanted == value
        for wanted, value in zip(expected.key, row.key, strict=True)
    )


def _changed(expected: Row, came: Row, tracks: _Tracks, tolerance_s: float) -> list[Difference]:
    """Return what differs between two events that were found to be the same."""
    changes = []
    if abs(came.time_s - expected.time_s) > tolerance_s:
        changes.append(f"time {expected.time_s:.2f} s, now {came.time_s:.2f} s")
    for name in ("rule", *PLACES, "class_"):
        old, new = getattr(expected, name), getattr(came, name)
        if old is not None and old != new:
            changes.append(f"{name.rstrip('_')} {old}, now {new or 'none'}")
    changes += _details(expected, came)
    if not tracks.agree(expected, came):
        changes.append(f"track {expected.track} was the same object before, now it is another")
    tracks.learn(expected, came)
    return [Difference("changed", expected.time_s, expected, tuple(changes))] if changes else []


def _details(expected: Row, came: Row) -> list[str]:
    now = came.compared()
    return [
        f"{name} {value}, now {now.get(name, 'none')}"
        for name, value in expected.compared().items()
        if now.get(name) != value
    ]
