"""A model file that nobody has described: what it is, tried out, or why it is refused."""
