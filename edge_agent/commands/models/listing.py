"""`edge-agent models list`: what is in the model store."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge_agent.commands.models.place import Config, Store, open_store
from edge_agent.detect.manifest import load_manifest
from edge_agent.detect.store import StoredModel
from edge_agent.errors import ModelError
from edge_agent.types import Json


def command(
    config: Config = None,
    store: Store = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list, for machines.")] = False,
) -> None:
    """List the user's own models: family, input, labels, threshold, licence."""
    place = open_store(config, store)
    rows = [_facts(model) for model in place.models()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        print(f"no models in {place.folder}; `edge-agent models add FILE.onnx` adds one")
        return
    Console().print(_draw(rows))


def _facts(model: StoredModel) -> dict[str, Json]:
    try:
        manifest = load_manifest(model.manifest)
    except ModelError as error:
        return {"name": model.name, "manifest": str(model.manifest), "fault": str(error)}
    return {
        "name": model.name,
        "manifest": str(model.manifest),
        "family": manifest.family,
        "input_wh": list(manifest.input_wh),
        "labels": len(manifest.labels),
        "score_threshold": manifest.score_threshold,
        "tested": manifest.tested,
        "licence": manifest.licence,
        "sha256": manifest.sha256,
    }


def _draw(rows: list[dict[str, Json]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("name", "family", "input", "labels", "threshold", "licence", ""):
        table.add_column(title)
    for row in rows:
        if "fault" in row:
            table.add_row(row["name"], "", "", "", "", "", "damaged; see `models verify`")
            continue
        table.add_row(
            row["name"],
            row["family"],
            "×".join(map(str, row["input_wh"])),
            str(row["labels"]),
            f"{row['score_threshold']:g}",
            row["licence"],
            "" if row["tested"] else "untested",
        )
    return table
