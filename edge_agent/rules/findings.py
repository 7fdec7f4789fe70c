"""`Finding`: what a family of rules has found, before it is worth an event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_agent.rules.rows import Rows
from edge_agent.types import BoolArray, Json


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A rule fired: about which tracks, and what its event says beside them.

    `standing` is None for what happened at a moment; what lasts begins with True and is over
    with False.
    """

    rule: int  # its column
    rows: Rows  # the table that `picks` are rows of: the living, or those that were lost
    picks: Sequence[int]
    data: Mapping[str, Json] = field(default_factory=dict)
    standing: bool | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among the findings of a frame: by rule, then by track."""
        return self.rule, int(self.rows.track_id[self.picks[0]]) if len(self.picks) else -1


def pairs(mask: BoolArray) -> list[tuple[int, int]]:
    """Return the (row, column) numbers at which a mask (N, K) is true, row by row."""
    rows, columns = mask.nonzero()
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def seconds(ns: float) -> float:
    """Return `ns` as seconds to the millisecond, as events say them."""
    return round(float(ns) / 1e9, 3)
