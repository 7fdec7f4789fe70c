"""`edge-agent models inspect`: what a model file is, tried out, as a manifest."""

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
from edge_agent.detect.recognise.guard import inspect_model
from edge_agent.detect.recognise.manifest_text import manifest_text
from edge_agent.detect.store import name_for


def command(
    file: Annotated[Path, typer.Argument(help="A detector as an .onnx file.")],
    labels: Labels = None,
    class_map: ClassMap = None,
    picture: Pictures = None,
    expect: Expected = None,
    input_wh: InputWh = None,
    patience: Patience = 1,
) -> None:
    """Say what a detector is, test it on pictures, and print a manifest for it.

    The output is the manifest, with the findings as comments at its top. Ends with 0 where the
    file was recognised and passed its test, else with 1.
    """
    require_file(file)
    inspected = inspect_model(
        file,
        labels=read_labels(labels),
        class_map=read_class_map(class_map),
        pictures=pair_pictures(picture, expect),
        input_wh=read_wh(input_wh),
        patience=patience,
    )
    values = inspected.manifest_values(name_for(file), str(file.absolute()))
    print(manifest_text(values, describe(file, inspected)), end="")
    if not inspected.inspection.passed:
        typer.echo(f"not accepted: self-test {inspected.inspection.verdict}", err=True)
        raise typer.Exit(1)
