"""`edge-agent models verify`: whether stored models are whole, load and still find."""

from typing import Annotated

import typer

from edge_agent.commands.models.place import Config, Store, open_store
from edge_agent.detect.manifest import load_manifest
from edge_agent.detect.recognise.guard import retest_model
from edge_agent.detect.store import StoredModel, changed_files
from edge_agent.errors import ModelError


def command(
    names: Annotated[list[str] | None, typer.Argument(help="Which models; else all.")] = None,
    config: Config = None,
    store: Store = None,
) -> None:
    """Check models of the store: their hashes, that they load, and the self-test.

    Ends with 1 where one of them fails.
    """
    place = open_store(config, store)
    models = [place.find(name) for name in names] if names else place.models()
    if not models:
        print(f"no models in {place.folder}")
        return
    faults = {model.name: _fault(model) for model in models}
    for name, fault in faults.items():
        print(f"{name}: {fault or 'whole, loads, passes its self-test'}")
    if any(fault and not fault.startswith(_UNTESTED) for fault in faults.values()):
        raise typer.Exit(1)


_UNTESTED = "whole, loads; untested"


def _fault(model: StoredModel) -> str:
    """Return what is wrong with a model, "" where nothing is."""
    changed = changed_files(model)
    if changed:
        return f"damaged: {'; '.join(changed)}; remove it and add it again"
    try:
        manifest = load_manifest(model.manifest)
        passed, verdict = retest_model(model.manifest)
    except ModelError as error:
        return str(error)
    if passed:
        return ""
    return f"{_UNTESTED} when added, self-test {verdict}" if not manifest.tested else verdict
