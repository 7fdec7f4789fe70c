"""`edge-agent replay`: rules over footage, tracks and scenes. Begins in `command.py`."""
