"""Word to the service manager: ready, stopping, alive (sd_notify(3), without libsystemd)."""

import logging
import os
import socket

log = logging.getLogger(__name__)

#: A manager that does not read for so long is passed over: the hot loop must not wait for it.
_SEND_TIMEOUT_S = 0.5


def notify(state: str) -> bool:
    """Send `state` to the service manager that started this process.

    Args: `state` holds assignments, one a line: `READY=1`, `STOPPING=1`, `WATCHDOG=1`,
        `STATUS=text`, `RELOADING=1`.
    Returns: False where no manager listens or the message could not be sent; never raises.
    Source: sd_notify(3). Addresses are paths or, with a leading `@`, abstract sockets.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(_SEND_TIMEOUT_S)
            manager.sendto(state.encode(), address)
    except OSError as error:
        log.debug("service manager: %s was not sent: %s", state.split("=")[0], error)
        return False
    return True


def watchdog_interval_s() -> float | None:
    """Return within how many seconds `WATCHDOG=1` must come again, None without a watchdog.

    Callers send it at half of this interval.
    Source: sd_watchdog_enabled(3): WATCHDOG_USEC, and WATCHDOG_PID where it names a process.
    """
    try:
        interval_us = int(os.environ.get("WATCHDOG_USEC", ""))
        pid = int(os.environ.get("WATCHDOG_PID") or os.getpid())
    except ValueError:
        return None
    if interval_us <= 0 or pid != os.getpid():
        return None
    return interval_us / 1e6
