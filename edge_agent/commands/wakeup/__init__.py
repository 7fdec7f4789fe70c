"""`edge-agent bench-wakeup`: what decoding on demand finds and misses. Begins in `command.py`."""
