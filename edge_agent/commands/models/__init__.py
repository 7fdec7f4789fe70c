"""`edge-agent models`: a user's own detectors; a file a subcommand. Begins in `command.py`."""
