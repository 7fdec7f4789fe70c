"""Edge: counters, the snapshot that `status` shows, logs, and the word with systemd."""
