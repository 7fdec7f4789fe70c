"""`edge-agent models add`: put a detector of the user's own into the model store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commands.models.options import (
    ClassMap,
    Expected,
    InputWh,
    Labels,
    Patience,
    Pictures,
    describe,
    pair_pictures,
    read_class_map,
    read_labels,
    read_wh,
    require_file,
)
from edge_agent.commands.models.place import Config, Store, open_store
from edge_agent.detect.manifest import load_manifest
from edge_agent.detect.recognise.guard import Inspected, external_files, inspect_model
from edge_agent.detect.recognise.manifest_text import manifest_text
from edge_agent.detect.store import ModelStore, StoredModel, name_for
from edge_agent.errors import ModelError


def command(
    file: Annotated[Path, typer.Argument(help="A detector as an .onnx file.")],
    labels: Labels = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What to call it; else after the file.")
    ] = None,
    class_map: ClassMap = None,
    untested: Annotated[
        bool, typer.Option("--untested", help="Take it though the self-test fails, and say so.")
    ] = False,
    picture: Pictures = None,
    expect: Expected = None,
    config: Config = None,
    store: Store = None,
    input_wh: InputWh = None,
    patience: Patience = 1,
) -> None:
    """Recognise and test a detector and copy it, with a manifest, into the model store.

    Ends with 1, and adds nothing, where the file is refused or fails its test.
    """
    require_file(file)
    place = open_store(config, store)
    name = name or name_for(file)
    place.require_free(name)
    inspected = inspect_model(
        file,
        labels=read_labels(labels),
        class_map=read_class_map(class_map),
        pictures=pair_pictures(picture, expect),
        input_wh=read_wh(input_wh),
        patience=patience,
    )
    lines = describe(file, inspected)
    print("\n".join(lines))
    found = inspected.inspection
    if not found.passed and not untested:
        typer.echo(
            f"not added: self-test {found.verdict}; --untested takes it all the same", err=True
        )
        raise typer.Exit(1)
    model = _add(place, name, file, inspected, lines)
    print(f"added: {model.manifest}" + ("" if found.passed else ", untested"))
    named = name if config is not None else model.manifest.absolute()
    print(f'use it: [model] manifest = "{named}"')


def _add(
    place: ModelStore, name: str, file: Path, inspected: Inspected, lines: Sequence[str]
) -> StoredModel:
    """Copy the model, the weights beside it and a manifest into the store. Raises: ModelError."""
    values = inspected.manifest_values(name, f"{name}.onnx")
    if not inspected.inspection.passed:
        values["tested"] = False
    files = {f"{name}.onnx": file}
    for beside in external_files(file, inspected.wire):
        files[str(beside.relative_to(file.parent))] = beside
    told = [f"Added from {file.name} by `edge-agent models add`.", *lines]
    model = place.add(name, files, inspected.sha256, manifest_text(values, told))
    try:
        load_manifest(model.manifest)
    except ModelError:
        place.remove(name)
        raise
    return model
