"""`edge-agent demo`: cameras, broker and agent on this machine. Begins in `command.py`."""
