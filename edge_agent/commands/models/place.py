"""Which model store a command means."""

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.config import load
from edge_agent.config.places import default_state_dir, model_store, state_dir
from edge_agent.detect.store import ModelStore
from edge_agent.errors import UsageError

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="A site file: the store in its state folder."),
]
Store = Annotated[
    Path | None, typer.Option("--store", help="The store's folder, instead of a site file.")
]


def open_store(config: Path | None, store: Path | None) -> ModelStore:
    """Return the store that the options name, else the one in the service's state folder.

    Raises: UsageError where both are given.
    """
    if config is not None and store is not None:
        raise UsageError("--config and --store exclude each other; give one of them")
    if store is not None:
        return ModelStore(store)
    state = default_state_dir() if config is None else state_dir(load(config))
    return ModelStore(model_store(state))
