"""Durations in log-spaced buckets: fixed memory, and two snapshots can be subtracted.

Buckets grow by 5 %, so a quantile is right within 2.5 %.
"""

import math
from collections.abc import Mapping

_FLOOR_S = 1e-5
_GROWTH = math.log(1.05)

#: Bucket number -> how many durations fell into it.
Buckets = Mapping[int, int]


def bucket_of(seconds: float) -> int:
    """Return the bucket of a duration; everything up to 10 µs shares bucket 0."""
    if seconds <= _FLOOR_S:
        return 0
    return math.ceil(math.log(seconds / _FLOOR_S) / _GROWTH)


def seconds_of(bucket: int) -> float:
    """Return the middle of a bucket in seconds (geometric)."""
    return _FLOOR_S * math.exp(_GROWTH * (bucket - 0.5)) if bucket else _FLOOR_S


def quantile(buckets: Buckets, q: float) -> float | None:
    """Return the duration that a share `q` (0..1) of all stays within; None without any."""
    total = sum(buckets.values())
    if total == 0:
        return None
    rank = max(1, math.ceil(q * total))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return seconds_of(bucket)
    raise AssertionError("a quantile lies within its buckets")


def subtract(later: Buckets, earlier: Buckets) -> dict[int, int]:
    """Return what came between two snapshots of one histogram."""
    left = {bucket: n - earlier.get(bucket, 0) for bucket, n in later.items()}
    return {bucket: n for bucket, n in left.items() if n > 0}


def summarise(buckets: Buckets) -> dict[str, float | int | None]:
    """Return {"n", "p50", "p90", "p99"} in seconds."""
    return {
        "n": sum(buckets.values()),
        "p50": quantile(buckets, 0.5),
        "p90": quantile(buckets, 0.9),
        "p99": quantile(buckets, 0.99),
    }
