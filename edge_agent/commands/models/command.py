"""`edge-agent models`: what a user does with detectors of their own; a file a subcommand."""

import typer

from edge_agent.cli import LazyGroup


class ModelsGroup(LazyGroup):
    """Imports only the subcommand that is asked for."""

    package = "edge_agent.commands.models"
    #: Name of the subcommand -> its module, in the order of the help.
    modules = {  # noqa: RUF012
        "inspect": "inspect",
        "add": "add",
        "list": "listing",
        "verify": "verify",
        "remove": "remove",
        "pull": "pull",
        "eval": "evaluate",
        "optimize": "optimize",
    }


group = typer.Typer(
    cls=ModelsGroup,
    add_completion=False,
    no_args_is_help=True,
    help="Prepare and look after detectors.",
)


@group.callback()
def _models() -> None:
    """Prepare and look after detectors."""
