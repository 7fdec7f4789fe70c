"""Drawing on pictures: boxes and labels, zones and lines, events. Used by several commands."""
