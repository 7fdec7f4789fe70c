"""What the families share: thresholds and labels, box formats, grids, and common decoders.

Pure functions over one model's outputs. A family picks from these or brings its own.
"""
