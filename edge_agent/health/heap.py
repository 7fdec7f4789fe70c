"""What the C library keeps of memory that was freed."""

import ctypes
import logging

log = logging.getLogger(__name__)

# Source: mallopt(3), malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
#: Pictures and packets of some 100 kB and more get pages of their own, which go back when they are
#: freed. By itself the C library raises this bound up to 32 MB, and then the pictures of a stream
#: that has fallen asleep stay in the process for good: 11 MB a 1080p stream.
_LARGE = 256 * 1024
_KEPT = 128 * 1024


def give_freed_memory_back() -> None:
    """Set the bounds of the C library's heap; before the first thread. Without glibc: nothing.

    What the environment says by `MALLOC_…` was read before, and is overridden.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        log.debug("memory: this C library has no mallopt; freed memory may stay in the process")
        return
    for option, value in (
        (_M_MMAP_THRESHOLD, _LARGE),
        (_M_TRIM_THRESHOLD, _KEPT),
        (_M_ARENA_MAX, 2),
    ):
        if not mallopt(option, value):
            log.debug("memory: mallopt(%d, %d) was refused", option, value)
