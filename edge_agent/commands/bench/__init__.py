"""`edge-agent bench`: what this machine carries; a file a figure. Begins in `command.py`."""
