"""Which detection belongs to which track: one to one, by overlap, within a group.

Source: Zhang et al., ByteTrack, ECCV 2022 (the stages, see tracker.py); Yang et al., Hard to
Track Objects with Irregular Motions and Similar Appearances? Make It Easier by Buffering the
Matching Space, WACV 2023 (grown boxes); Jonker and Volgenant, A Shortest Augmenting Path
Algorithm, Computing 38 (1987).
"""

import lap
import numpy as np

from edge_agent.geometry import iou_matrix
from edge_agent.types import FloatArray, IdArray


def overlap(track_xyxy: FloatArray, xyxy: FloatArray, margin: float) -> FloatArray:
    """Return (T, N) IoU of boxes (T, 4) and (N, 4) px, each grown by `margin` on all sides.

    The margin counts in the box's own width or height. Boxes of an object that moves by its
    own size between two frames do not touch; grown they do, and the nearest still overlaps
    most.
    """
    m = margin
    grow = np.array(
        [[1 + m, 0, -m, 0], [0, 1 + m, 0, -m], [-m, 0, 1 + m, 0], [0, -m, 0, 1 + m]], np.float32
    )
    # Transposed, each edge lies in one piece of memory, as IoU takes them.
    return iou_matrix((grow @ track_xyxy.T).T, (grow @ xyxy.T).T)


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
