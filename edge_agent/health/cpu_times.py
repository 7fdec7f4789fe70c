"""Where this process's CPU time went, by what its threads are for, and its memory."""

import os
import resource
import threading
import time
from pathlib import Path

#: Beginning of a thread's name -> its group; all else, native threads too, is "other".
GROUPS = {
    "source-": "source",
    "lane-": "lane",
    "outbox-": "outbox",
    "mqtt-": "sender",
    "MainThread": "main",
}

_PER_THREAD, _SCHED = 4, 2


class ThreadTimes:
    """CPU seconds by group of threads since the start; never falls, also where threads end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[int, tuple[str, int]] = {}  # living threads: group, ns
        self._ended_ns = dict.fromkeys(GROUPS.values(), 0)

    def read(self) -> dict[str, float]:
        """Return {group: seconds}; the groups add up to the process's CPU time."""
        with self._lock:
            living = dict(self._living())
            for native_id, (group, ns) in self._seen.items():
                if native_id not in living or living[native_id][1] < ns:  # ended, id used again
                    self._ended_ns[group] += ns
            self._seen = living
            sums = dict(self._ended_ns)
        for group, ns in living.values():
            sums[group] += ns
        seconds = {group: round(ns / 1e9, 3) for group, ns in sums.items()}
        rest = process_cpu_s() - sum(seconds.values())
        return {**seconds, "other": round(max(0.0, rest), 3)}

    def _living(self) -> list[tuple[int, tuple[str, int]]]:
        found = []
        for thread in threading.enumerate():
            group = next((g for start, g in GROUPS.items() if thread.name.startswith(start)), None)
            ns = None if thread.native_id is None else thread_cpu_ns(thread.native_id)
            if group is not None and ns is not None and thread.native_id is not None:
                found.append((thread.native_id, (group, ns)))
        return found


def thread_cpu_ns(native_id: int) -> int | None:
    """Return the CPU time of a thread of this process, None where it has ended.

    The clock is named by the kernel's thread id: pthread_getcpuclockid(3) on a thread that has
    just ended reads freed memory, the kernel answers EINVAL.
    Source: linux/posix-timers.h, MAKE_THREAD_CPUCLOCK.
    """
    try:
        return time.clock_gettime_ns(~native_id << 3 | _PER_THREAD | _SCHED)
    except OSError:
        return None


def process_cpu_s() -> float:
    """Return the process's CPU seconds, user and system, of all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


def resident_bytes() -> int:
    """Return the process's resident memory in bytes. Source: proc(5), /proc/self/statm."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
