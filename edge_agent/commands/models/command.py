"""`edge-agent models`: what a user does with detectors of their own; a file a subcommand."""

import typer

from edge_agent.commands.models import optimize

group = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Prepare and look after detectors."
)
group.command("optimize")(optimize.command)


@group.callback()
def _models() -> None:
    """Prepare and look after detectors."""
