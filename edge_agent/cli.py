"""The command line: finds a command's file by its name and loads only that one."""

import sys
from importlib import import_module

import typer
from rich.console import Console
from typer.core import TyperGroup

from edge_agent import __version__
from edge_agent.errors import AgentError

#: Name of the command -> its module in `edge_agent.commands`, in the order of the help.
COMMANDS = {
    "run": "run",
    "check": "check",
    "fit": "fit.command",
    "probe": "probe",
    "status": "status",
    "watch": "watch",
    "verify": "verify",
    "replay": "replay.command",
    "draw": "draw",
    "demo": "demo.command",
    "bench": "bench.command",
    "bench-wakeup": "wakeup.command",
    "tune": "tune",
    "models": "models.command",
}


class LazyGroup(TyperGroup):
    """Imports a command's module when it is asked for: `status` must not load a model runtime."""

    package = "edge_agent.commands"
    modules = COMMANDS

    def list_commands(self, ctx):  # type: ignore[no-untyped-def]
        return list(self.modules)

    def get_command(self, ctx, cmd_name):  # type: ignore[no-untyped-def]
        if cmd_name not in self.modules:
            return None
        module = import_module(f"{self.package}.{self.modules[cmd_name]}")
        if hasattr(module, "group"):  # a command with subcommands of its own
            return typer.main.get_command(module.group)
        single = typer.Typer(add_completion=False)
        single.command(cmd_name)(module.command)
        return typer.main.get_command(single)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Video analytics for small boxes: cameras in, events out over MQTT.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edge-agent {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and end."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line; an `AgentError` becomes its text and its exit status."""
    try:
        app()
    except AgentError as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", style="red", markup=False)
        sys.exit(error.exit_status)
