"""What holds for all tests."""

import signal

# A shell ignores SIGINT for what it starts in the background, and children inherit that: the
# tests press Ctrl-C on commands, also where the tests themselves run in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
