"""How far each perimeter is entered over all cameras of this agent."""

import threading
from dataclasses import replace

from edge_agent.types import Event, EventKind


class PerimeterLevels:
    """The rank of every track that is inside of a perimeter, whichever camera sees it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ranks: dict[str, dict[tuple[str | None, int], int]] = {}

    def add(self, event: Event) -> Event:
        """Take a perimeter's step and return it with the highest rank of all tracks after it."""
        if event.kind is not EventKind.PERIMETER:
            return event
        rank = int(event.data["rank"])
        key = (event.camera_id, event.tracks[0].track_id)
        with self._lock:
            ranks = self._ranks.setdefault(str(event.data["perimeter"]), {})
            if rank:
                ranks[key] = rank
            else:
                ranks.pop(key, None)
            overall = max(ranks.values(), default=0)
        return replace(event, data={**event.data, "overall_rank": overall})
