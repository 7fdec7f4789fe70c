"""What the C library keeps of memory that was freed."""

import ctypes
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

_M_ARENA_MAX = -8  # Source: mallopt(3), malloc.h of glibc.
_ARENAS = 2


class Heap:
    """Gives freed memory back to the system; without glibc it does nothing.

    glibc takes pictures from its heap once it has seen a few, and what a stream that fell asleep
    has freed stays in the process: 11 MB a 1080p stream. Pages of their own for each picture
    (`M_MMAP_THRESHOLD`) would go back by themselves, and cost an awake stream 4 % of its CPU.
    """

    def __init__(self) -> None:
        """Bound the arenas; before the first thread, what the environment says is overridden."""
        self._trim: Callable[[int], int] | None = None
        try:
            library = ctypes.CDLL(None)
            library.mallopt(_M_ARENA_MAX, _ARENAS)
            self._trim = library.malloc_trim
        except (OSError, AttributeError):
            log.debug("memory: not glibc's; freed memory may stay in the process")

    def give_back(self) -> None:
        """Hand whole free pages back; some milliseconds, other threads allocate meanwhile."""
        if self._trim is not None:
            self._trim(0)
