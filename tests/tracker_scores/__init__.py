"""How well tracks hold: MOTA, IDF1 and HOTA of the tracker, beside public trackers.

    python -m tests.tracker_scores                  all footage; a few minutes
    python -m tests.tracker_scores --only square    footage whose name begins so
    python -m tests.tracker_scores --all            every public tracker and setting

Footage is rendered scenes (kept in the user's cache once rendered) and, where ../shared is,
real footage with truth made by people. All trackers get the same detections. Scores are
TrackEval's; the public trackers run in build/peers/trackers (`make bench-peers PEERS=trackers`).
"""
