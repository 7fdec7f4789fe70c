"""The dispatch grid: which cell the tracks of an event stand in. Pure."""

from collections.abc import Sequence

import numpy as np

from edge_agent.geometry import anchor_points, points_in_polygon
from edge_agent.settings.hours import CellSettings
from edge_agent.types import TrackReport, Wh


def picture_cell(
    cells: Sequence[CellSettings], tracks: Sequence[TrackReport], wh: Wh | None
) -> str | None:
    """Return the cell of a picture in which all of an event's tracks stand, else None.

    A track stands where the middle of its box's lower edge is. Where cells share an edge, the
    first one that holds the point counts.
    """
    if not cells or not tracks or wh is None:
        return None
    boxes = np.array([track.xyxy_px for track in tracks], np.float32)
    points = np.clip(anchor_points(boxes) / np.array(wh, np.float32), 0, 1).astype(np.float32)
    found: set[str | None] = set()
    inside = [points_in_polygon(points, cell.polygon).tolist() for cell in cells]
    for column in zip(*inside, strict=True):
        hits = (cell.cell for cell, hit in zip(cells, column, strict=True) if hit)
        found.add(next(hits, None))
    return found.pop() if len(found) == 1 else None
