"""`edge-agent models remove`: take models out of the store."""

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.models.place import Config, Store, open_store
from edge_agent.config import load
from edge_agent.errors import UsageError


def command(
    names: Annotated[list[str], typer.Argument(help="Which models.")],
    config: Config = None,
    store: Store = None,
) -> None:
    """Remove models from the store; the one that the site file of --config uses stays."""
    place = open_store(config, store)
    models = [place.find(name) for name in names]
    used = _used_folder(config)
    for model in models:
        if used is not None and model.folder.resolve() == used:
            raise UsageError(
                f"model {model.name}: {config} uses it; name another one there first; nothing is "
                "removed"
            )
    for model in models:
        place.remove(model.name)
        print(f"removed: {model.folder}")


def _used_folder(config: Path | None) -> Path | None:
    """Return the folder of the manifest that the site file names."""
    manifest = None if config is None else load(config).model.manifest
    return None if manifest is None else manifest.resolve().parent
