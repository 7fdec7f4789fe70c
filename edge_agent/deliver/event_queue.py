"""The bounded queue before the outbox: it never blocks, and merges updates when it is full."""

from collections import Counter, deque
from dataclasses import dataclass, field, replace

from edge_agent.types import Event, EventKind


def merge_updates(older: Event, newer: Event) -> Event:
    """Return one update that tells every track of both; the newest report of a track wins.

    The order of the older one stays; tracks that only the newer one tells follow.
    """
    reports = {report.track_id: report for report in older.tracks}
    reports.update((report.track_id, report) for report in newer.tracks)
    return replace(newer, tracks=tuple(reports.values()), counts=older.counts + newer.counts)


def mergeable(older: Event, newer: Event) -> bool:
    """Whether both are updates of one camera's same picture."""
    return (
        older.kind is newer.kind is EventKind.UPDATE
        and older.camera_id == newer.camera_id
        and older.connection == newer.connection
        and older.frame_wh == newer.frame_wh
        and older.model_id == newer.model_id
        and older.ring == newer.ring
        and older.grid == newer.grid
    )


@dataclass(slots=True)
class Batch:
    """What the writer took: events in order, and how many were dropped before them, by kind."""

    events: list[Event] = field(default_factory=list)
    lost: Counter[EventKind] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.events or self.lost)


class EventQueue:
    """Events in the order of arrival, at most `limit`. Not thread-safe: the writer locks it.

    When it is full, two updates of one camera become one, but only where no other event of
    that camera stands between them: an update never overtakes its track's start or end.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: dict[int, Event] = {}  # by ticket: in order, and quick to take one out
        self._ticket = 0
        self._newest: dict[str | None, int] = {}  # each camera's newest ticket
        self._pairs: deque[tuple[int, int]] = deque()  # neighbours of one camera to merge
        self._lost: Counter[EventKind] = Counter()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> Event | None:
        """Take `event`; return it where there was no room, else None."""
        if len(self._events) >= self._limit and not self._merge_one():
            newest = self._newest.get(event.camera_id, -1)
            waiting = self._events.get(newest)
            if waiting is None or not mergeable(waiting, event):
                self._lost[event.kind] += 1
                return event
            self._events[newest] = merge_updates(waiting, event)
            return None
        self._append(event)
        return None

    def take(self) -> Batch:
        """Take everything."""
        batch = Batch(list(self._events.values()), self._lost)
        self._clear()
        return batch

    def put_back(self, batch: Batch) -> None:
        """Put back before the others what could not be committed; merge down to the limit."""
        later = self.take()
        self._lost = batch.lost + later.lost
        for event in (*batch.events, *later.events):
            self._append(event)
        while len(self._events) > self._limit and self._merge_one():
            pass

    def add_lost(self, lost: Counter[EventKind]) -> None:
        """Count events that were dropped elsewhere before they had a `seq`."""
        self._lost += lost

    def _append(self, event: Event) -> None:
        self._ticket += 1
        newest = self._newest.get(event.camera_id, -1)
        waiting = self._events.get(newest)
        if waiting is not None and mergeable(waiting, event):
            self._pairs.append((newest, self._ticket))
        self._events[self._ticket] = event
        self._newest[event.camera_id] = self._ticket

    def _merge_one(self) -> bool:
        """Make room by merging the oldest pair of neighbours; False where there is none."""
        if not self._pairs:
            return False
        older, newer = self._pairs.popleft()
        self._events[newer] = merge_updates(self._events.pop(older), self._events[newer])
        return True

    def _clear(self) -> None:
        self._events = {}
        self._newest = {}
        self._pairs.clear()
        self._lost = Counter()
