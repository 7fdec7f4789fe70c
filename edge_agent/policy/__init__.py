"""Pure: what a camera may spend and what an event is worth."""
