"""Which detection belongs to which track: one to one, by overlap, within a group.

Source: Zhang et al., ByteTrack, ECCV 2022 (the stages, see tracker.py); Yang et al., Hard to
Track Objects with Irregular Motions and Similar Appearances? Make It Easier by Buffering the
Matching Space, WACV 2023 (grown boxes); Jonker and Volgenant, A Shortest Augmenting Path
Algorithm, Computing 38 (1987).
"""

import lap
import numpy as np

from edge_agent.types import FloatArray, IdArray


def overlap(track_xyxy: FloatArray, xyxy: FloatArray, margin: FloatArray) -> FloatArray:
    """Return (T, N) IoU of boxes (T, 4) and (N, 4) px, each grown by `margin` (T,) on all sides.

    The margin is the track's and counts in a box's own width or height, the detection's too.
    Boxes of an object that moves by its own size between two frames do not touch; grown they
    do, and the nearest still overlaps most.
    """
    # Grown about their centres by one factor, boxes overlap as if nothing had grown and the way
    # between the centres had shrunk by it.
    one = np.float32(1)
    shrunk = (one / (one + margin + margin))[:, None]
    inter = _common(track_xyxy[:, ::2], xyxy[:, ::2], shrunk)
    inter *= _common(track_xyxy[:, 1::2], xyxy[:, 1::2], shrunk)
    union = _area(track_xyxy)[:, None] + _area(xyxy)
    union -= inter
    np.maximum(union, 1e-6, out=union)  # boxes without an area overlap nothing
    inter /= union
    return inter


def _common(track: FloatArray, detection: FloatArray, shrunk: FloatArray) -> FloatArray:
    """Return (T, N) how long intervals (T, 2) and (N, 2) overlap, their distance `shrunk`."""
    size, other = track[:, 1] - track[:, 0], detection[:, 1] - detection[:, 0]
    way = (track[:, 0] + track[:, 1])[:, None] - (detection[:, 0] + detection[:, 1])
    np.abs(way, out=way)
    way *= shrunk
    common: FloatArray = np.add(size[:, None], other)
    common -= way
    common *= 0.5
    np.minimum(common, np.minimum(size[:, None], other), out=common)
    return np.maximum(common, 0, out=common)


def _area(xyxy: FloatArray) -> FloatArray:
    area: FloatArray = (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])
    return area


def assign(similarity: FloatArray, least: float) -> tuple[IdArray, IdArray]:
    """Return the pairs (rows (K,), columns (K,)) with the greatest total of similarity - least.

    Args: `similarity` (T, N) in 0..1; a pair of `least` or below is no pair.
    """
    rows, columns = (similarity > least).nonzero()
    if len(rows) == len(set(rows.tolist())) == len(set(columns.tolist())):
        return rows, columns  # nobody has a choice, as on a quiet street
    cost = np.float32(least) - similarity
    np.minimum(cost, 0, out=cost)
    # `lap` also takes a limit of cost, but pays for it with a matrix of twice the side. With
    # the useless pairs all at the same cost the solution is the same.
    column, _ = lap.lapjv(cost, extend_cost=True, return_cost=False)
    rows = (column >= 0).nonzero()[0]
    columns = column[rows].astype(np.int64)
    useful = cost[rows, columns] < 0
    return rows[useful], columns[useful]
