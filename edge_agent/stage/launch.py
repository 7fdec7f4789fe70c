"""Become a command that dies with the process that started it; run as a file.

    python -I -S launch.py PARENT_PID CORES COMMAND...

CORES is a comma-separated list of processor numbers, or "-" for all. A Python hook between
fork and exec can deadlock in a program with threads; a process of its own cannot.
Source: prctl(2) PR_SET_PDEATHSIG (kept over execve), sched_setaffinity(2).
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for SIGKILL at the parent's end, pin, and become the command."""
    parent_pid, cores, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL)) != 0:
        sys.exit(f"launch: prctl failed with errno {ctypes.get_errno()}")
    if os.getppid() != parent_pid:
        sys.exit("launch: the parent has gone")
    if cores != "-":
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would pass that on
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
