"""What a process and its children use: CPU time and resident memory, read from outside.

Source: proc(5), /proc/PID/stat and /proc/PID/smaps_rollup.
"""

import os
import re
from pathlib import Path

_PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """Return `pid` and the process ids of all its living descendants."""
    parents = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None:
            parents[int(entry.name)] = int(stat[1])
    found = [pid]
    for known in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == known]
    return found


def family_cpu_s(pid: int) -> float:
    """Return the user + system time of a process, its children and those they waited for."""
    ticks = 0
    for member in family(pid):
        if (stat := _stat(member)) is not None:
            ticks += sum(int(field) for field in stat[11:15])
    return ticks / float(os.sysconf("SC_CLK_TCK"))


def family_memory_mb(pid: int) -> float:
    """Return the resident memory of a process and its children, shared pages divided (PSS)."""
    total_kb = 0
    for member in family(pid):
        try:
            text = (_PROC / str(member) / "smaps_rollup").read_text()
        except OSError:  # ended, or another user's
            continue
        if (match := re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)) is not None:
            total_kb += int(match[1])
    return total_kb * 1024 / 1e6


def resident_mb(pid: int) -> float:
    """Return the resident memory of one process. Source: proc(5), /proc/PID/statm."""
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the name; None where it has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
