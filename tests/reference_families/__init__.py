"""Each family as published, slow and plain: one anchor, one label, one number at a time.

Written from the published descriptions that the families' docstrings name; nothing is taken from
the agent. Only the resampling of pixels is OpenCV's. A reference gets one picture's outputs (batch
axis gone) and gives every box whose best label among those that count reaches the threshold.
"""
