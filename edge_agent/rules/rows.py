"""What the rules remember of each track: a table of arrays, a row a track."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from edge_agent.rules.book import RuleBook
from edge_agent.rules.columns import Floats
from edge_agent.types import BoolArray, FloatArray, IdArray, IntArray

#: Places that are kept of the last seconds of a track, for its speed and direction.
SPOTS = 12
NEVER = -1
#: Later than any time: "since when" of what is not so.
FAR = 1 << 62


@dataclass(slots=True, eq=False)
class Rows:
    """N tracks. S zone watches, L line watches, R rules, A anchors; times are pts in ns.

    Boxes and places are those of the last matched detection, in 0..1 of the picture: what a
    track predicts of itself moves nothing here.
    """

    track_id: IdArray  # (N,)
    first_id: IdArray  # (N,) of the first track of the same body
    since_ns: IdArray  # (N,) when this id came
    seen_ns: IdArray  # (N,) last matched
    gone_ns: IdArray  # (N,) when it vanished; NEVER: it is there
    first_wall_ns: IdArray  # (N,) wall time when this id was first seen
    class_id: IntArray  # (N,)
    score: FloatArray  # (N,)
    best: FloatArray  # (N,) the highest score so far
    box: Floats  # (N, 4)
    size: Floats  # (N, 2) of the boxes, 0..1
    places: Floats  # (N, A, 2) its anchor points, the lower edge's first
    matched: BoolArray  # (N,) in this frame
    still: BoolArray  # (N,) the tracker calls it stationary
    looked: Floats  # (N, A, 2) where it was when its zones were last looked up
    raw: BoolArray  # (N, S) in the zone when last looked up
    turned_ns: IdArray  # (N, S) since when `raw` differs from `inside`, or FAR
    inside: BoolArray  # (N, S) settled
    inside_ns: IdArray  # (N, S) since when
    born_in: BoolArray  # (N, S) was inside when first looked at, and has not left
    on: BoolArray  # (N, R) visits: inside, and counted by the rule
    on_ns: IdArray  # (N, R) since when
    out_ns: IdArray  # (N, R) since when a visitor is outside, or FAR
    told: BoolArray  # (N, R) the visit's event was told
    held_ns: IdArray  # (N, M) since when it moves as a rule of `book.movers` says, or FAR
    clear_at: Floats  # (N, L, 2) where it was last clear of the line, or NaN
    crossed: "np.ndarray[tuple[int, int], np.dtype[np.int8]]"  # (N, L) the way, not told yet
    crossed_ns: IdArray  # (N, L)
    rest_at: Floats  # (N, 2) where it rests
    rest_ns: IdArray  # (N,) since when
    strayed: BoolArray  # (N,) away from there at the last look
    spots: Floats  # (N, SPOTS, 2) lower middles, oldest first
    spot_ns: IdArray  # (N, SPOTS) -FAR where there is none

    def __len__(self) -> int:
        return len(self.track_id)

    @property
    def height(self) -> Floats:
        """(N,) of the boxes, 0..1."""
        found: Floats = self.size[:, 1]
        return found

    @property
    def feet(self) -> Floats:
        """(N, 2) middles of the lower edges."""
        found: Floats = self.places[:, 0]
        return found


_NAMES = tuple(f.name for f in fields(Rows))


def _each(make: Callable[[str], Any]) -> Rows:
    return Rows(**{name: make(name) for name in _NAMES})


def take(rows: Rows, which: IdArray | BoolArray) -> Rows:
    """Return the rows `which` (numbers or a mask), as a copy."""
    numbers = which.nonzero()[0] if which.dtype == np.bool_ else which
    return _each(lambda name: getattr(rows, name).take(numbers, axis=0))


def part(rows: Rows, first: int, end: int) -> Rows:
    """Return the rows from `first` to before `end`; they stay those of `rows`."""
    return _each(lambda name: getattr(rows, name)[first:end])


def join(one: Rows, other: Rows) -> Rows:
    """Return the rows of both."""
    return _each(lambda name: np.concatenate([getattr(one, name), getattr(other, name)]))


def renew(rows: Rows, stay: BoolArray, count: int, blank: Rows) -> Rows:
    """Return the rows that `stay` (N,), then `count` like the one row of `blank`."""
    numbers = stay.nonzero()[0]
    kept = len(numbers)
    room = np.zeros(kept + count, np.int64)
    room[:kept] = numbers

    def renewed(name: str) -> Any:
        column = getattr(rows, name).take(room, axis=0)
        column[kept:] = getattr(blank, name)
        return column

    return _each(renewed)


def put(rows: Rows, at: int, source: Rows, row: int, *, but: frozenset[str]) -> None:
    """Overwrite row `at` with row `row` of `source`, all columns `but` some."""
    for name in _NAMES:
        if name not in but:
            getattr(rows, name)[at] = getattr(source, name)[row]


@dataclass(frozen=True, slots=True)
class Blank:
    """Rows of which nothing is known, ready to be copied."""

    none: Rows  # without rows
    one: Rows


def blank_rows(book: RuleBook) -> Blank:
    """Return the blank rows of a camera's rules; nobody changes them."""
    return Blank(new_rows(book, 0), new_rows(book, 1))


def new_rows(book: RuleBook, n: int) -> Rows:
    """Return `n` rows of which nothing is known yet."""
    r, s = len(book.rules), len(book.zone_watches.place)
    lines, a, movers = len(book.lines), len(book.anchors), len(book.movers.columns)

    def flags(*shape: int) -> BoolArray:
        return np.zeros((n, *shape), np.bool_)

    def times(*shape: int, at: int = NEVER) -> IdArray:
        return np.full((n, *shape), at, np.int64)

    def unknown(*shape: int) -> Floats:
        return np.full((n, *shape), np.nan)

    return Rows(
        track_id=times(), first_id=times(), since_ns=times(), seen_ns=times(), gone_ns=times(),
        first_wall_ns=times(), class_id=np.zeros(n, np.int32), score=np.zeros(n, np.float32),
        best=np.zeros(n, np.float32), box=unknown(4), size=unknown(2), places=unknown(a, 2),
        matched=flags(), still=flags(),
        looked=unknown(a, 2), raw=flags(s), turned_ns=times(s, at=FAR), inside=flags(s),
        inside_ns=times(s), born_in=flags(s), on=flags(r), on_ns=times(r), out_ns=times(r, at=FAR),
        told=flags(r), held_ns=times(movers, at=FAR), clear_at=unknown(lines, 2),
        crossed=np.zeros((n, lines), np.int8), crossed_ns=times(lines), rest_at=unknown(2),
        rest_ns=times(), strayed=flags(), spots=unknown(SPOTS, 2),
        spot_ns=times(SPOTS, at=-FAR),
    )  # fmt: skip
