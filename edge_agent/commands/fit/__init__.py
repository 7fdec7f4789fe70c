"""`edge-agent fit`: does the site fit this box? Begins in `command.py`."""
