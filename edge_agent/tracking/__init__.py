"""Pure: detections of one camera's frames in, tracks out. See docs/design/tracking.md."""

from edge_agent.tracking.tracker import Tracker

__all__ = ["Tracker"]
