"""A file a command: each module has a function `command` with typer's annotations."""
