"""What the analysis found, on its way back to the reader: who may sleep is decided there."""

from collections import deque
from dataclasses import dataclass

from edge_agent.types import FrameRef

_REMEMBERED = 256  # frames under way; the queue before the lanes holds far fewer


@dataclass(frozen=True, slots=True)
class Analysed:
    """One analysed frame: its packet's stream time, and how many tracks moved in it."""

    stream_ns: int
    moving: int


class Feedback:
    """One camera's. `analysed` may come from any thread, everything else from the reader's."""

    def __init__(self) -> None:
        self._under_way: deque[tuple[FrameRef, int | None]] = deque(maxlen=_REMEMBERED)
        # Appended by lanes: atomic.
        self._told: deque[tuple[FrameRef, int]] = deque(maxlen=_REMEMBERED)

    def offered(self, ref: FrameRef, stream_ns: int | None) -> None:
        """Take that a frame went to the slot; `stream_ns` None where the stream has no times."""
        self._under_way.append((ref, stream_ns))

    def analysed(self, ref: FrameRef, moving: int) -> None:
        """Take that a lane analysed `ref` and found `moving` moving tracks."""
        self._told.append((ref, moving))

    @property
    def settled(self) -> bool:
        """Whether the last frame that was offered has been heard of, or none is under way."""
        if not self._under_way:
            return True
        told = self._told
        return bool(told) and told[-1][0] == self._under_way[-1][0]

    def news(self) -> list[Analysed]:
        """Return what was told since the last call; frames that were dropped are left out."""
        found: list[Analysed] = []
        while self._told:
            ref, moving = self._told.popleft()
            stream_ns = self._find(ref)
            if stream_ns is not None:
                found.append(Analysed(stream_ns, moving))
        return found

    def _find(self, ref: FrameRef) -> int | None:
        """Return the stream time of `ref`; what was offered before it is no more under way."""
        while self._under_way and _is_no_later(self._under_way[0][0], ref):
            offered, stream_ns = self._under_way.popleft()
            if offered == ref:
                return stream_ns
        return None

    def clear(self) -> None:
        """Forget what is under way: a new connection counts its frames and times anew."""
        self._under_way.clear()
        self._told.clear()


def _is_no_later(ref: FrameRef, than: FrameRef) -> bool:
    return ref.connection == than.connection and ref.index <= than.index
