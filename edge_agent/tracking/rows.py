"""The table of a camera's tracks: one row a track, in the order of rising ids."""

from dataclasses import dataclass, fields

import numpy as np

from edge_agent.tracking.motion import Motion, StateArray, begin_motion
from edge_agent.tracking.rest import Rest
from edge_agent.types import BoolArray, FloatArray, IdArray, IntArray


@dataclass(slots=True)
class Rows:
    """A struct of arrays. Those that leave in `Tracks` are replaced, never written into once a
    step is over: handing them out costs no copies.
    """

    track_id: IdArray  # (M,)
    group: IntArray  # (M,)
    class_id: IntArray  # (M,) the winner of the vote
    votes: StateArray  # (M, C) fading sums of scores, by class
    hits: IntArray  # (M,) matched detections
    confirmed: BoolArray  # (M,)
    xyxy: FloatArray  # (M, 4) px of this frame's detection, predicted where there was none
    score: FloatArray  # (M,) of the last matched detection
    first_pts_ns: IdArray  # (M,)
    last_pts_ns: IdArray  # (M,) of the last matched detection
    missed_ns: IdArray  # (M,) time since then, without the camera's outages
    motion: Motion
    rest: Rest

    def __len__(self) -> int:
        return len(self.track_id)


def begin_rows(
    track_id: IdArray,
    xyxy: FloatArray,
    score: FloatArray,
    class_id: IntArray,
    groups: IntArray,
    pts_ns: int,
    *,
    confirmed: bool = False,
) -> Rows:
    """Return the rows of objects seen for the first time: arrays of length M, `groups` (C,).

    For `add_rows`, which copies: columns that begin alike are one array here.
    """
    n = len(track_id)
    now = np.array([pts_ns] * n, np.int64)
    no = np.zeros(n, np.bool_)
    votes = np.zeros((n, len(groups)))
    votes[np.arange(n), class_id] = score
    return Rows(
        track_id=track_id,
        group=groups[class_id],
        class_id=class_id,
        votes=votes,
        hits=np.ones(n, np.int32),
        confirmed=~no if confirmed else no,
        xyxy=xyxy,
        score=score,
        first_pts_ns=now,
        last_pts_ns=now,
        missed_ns=np.zeros(n, np.int64),
        motion=begin_motion(xyxy),
        rest=Rest(xyxy=xyxy, since_ns=now, far=no, stationary=no),
    )


#: The columns of each table: to ask a dataclass for them takes 3 µs each time.
_COLUMNS = {kind: tuple(field.name for field in fields(kind)) for kind in (Rows, Motion, Rest)}


def keep_rows(table: Rows | Motion | Rest, kept: BoolArray) -> None:
    """Drop all rows but those where `kept` (M,) is true."""
    for name in _COLUMNS[type(table)]:
        column = getattr(table, name)
        if isinstance(column, np.ndarray):
            setattr(table, name, column[kept])
        else:
            keep_rows(column, kept)


def add_rows(table: Rows | Motion | Rest, more: Rows | Motion | Rest) -> None:
    """Append the rows of `more`, a table of the same kind."""
    for name in _COLUMNS[type(table)]:
        column, added = getattr(table, name), getattr(more, name)
        if isinstance(column, np.ndarray):
            setattr(table, name, np.concatenate([column, added]))
        else:
            add_rows(column, added)


def scale_rows(rows: Rows, factor: tuple[float, float]) -> None:
    """Follow a change of the picture's size: multiply all x and y."""
    xy = np.array(factor)
    rows.xyxy = rows.xyxy * np.concatenate([xy, xy]).astype(np.float32)
    rows.motion.scale(xy)
    rows.rest.scale(xy)
