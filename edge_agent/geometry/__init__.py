"""Pure geometry on arrays: IoU, NMS, letterbox and its inverse, polygons, lines, the ground.

Boxes are `xyxy`: left, upper, right, lower edge, x to the right and y down, edges not pixels
(a box over the whole of a w × h picture is 0, 0, w, h).
"""

from edge_agent.geometry.boxes import anchor_points, iou_matrix, nms
from edge_agent.geometry.ground import Homography, on_a_line
from edge_agent.geometry.letterbox import Letterbox, letterbox, stretch
from edge_agent.geometry.lines import Polyline, Polylines
from edge_agent.geometry.polygons import Polygons, points_in_polygon

__all__ = [
    "Homography",
    "Letterbox",
    "Polygons",
    "Polyline",
    "Polylines",
    "anchor_points",
    "iou_matrix",
    "letterbox",
    "nms",
    "on_a_line",
    "points_in_polygon",
    "stretch",
]
