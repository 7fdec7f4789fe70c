"""What the C library keeps of memory that was freed, and what Python searches for cycles."""

import ctypes
import gc
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

_M_ARENA_MAX = -8  # Source: mallopt(3), malloc.h of glibc.
_ARENAS = 2
#: So many new objects before they are searched for cycles; Python's own 700 are soon made.
_YOUNG = 20_000


class Heap:
    """Gives freed memory back to the system; without glibc it does nothing.

    glibc takes pictures from its heap once it has seen a few, and what a stream that fell asleep
    has freed stays in the process: 11 MB a 1080p stream. Pages of their own for each picture
    (`M_MMAP_THRESHOLD`) would go back by themselves, and cost an awake stream 4 % of its CPU.
    """

    def __init__(self) -> None:
        """Bound the arenas; before the first thread, what the environment says is overridden."""
        self._trim: Callable[[int], int] | None = None
        self._ended = -1
        try:
            library = ctypes.CDLL(None)
            library.mallopt(_M_ARENA_MAX, _ARENAS)
            self._trim = library.malloc_trim
        except (OSError, AttributeError):
            log.debug("memory: not glibc's; freed memory may stay in the process")

    def give_back(self, ended: int) -> None:
        """Hand whole free pages back, the first time and when decoders have ended since.

        Awake streams take what they freed again at once: a trim under four of them costs 0.15 s
        of CPU in page faults. Args: `ended` how many decoders have ended since the start.
        """
        if ended != self._ended:
            gc.collect()  # searches are rare, and what a cycle holds is not free yet
            if self._trim is not None:
                self._trim(0)
        self._ended = ended


def spare_the_collector() -> None:
    """Leave what there is now out of Python's search for cycles, and search less often.

    What the start made lives to the end, and sleeping cameras hold tens of thousands of packets:
    each full search went through all of them. What has no more than a count frees itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
