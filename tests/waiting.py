"""Waiting for a condition with a limit, instead of sleeping and hoping."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], what: str, limit_s: float = 10.0) -> None:
    """Return once `condition()` is true; fail naming `what` after `limit_s`."""
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, f"after {limit_s:g} s still not: {what}"
        time.sleep(0.005)
