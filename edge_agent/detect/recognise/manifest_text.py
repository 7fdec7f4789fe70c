"""The text of a manifest, with what is known of the model as comments above it."""

from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit

from edge_agent.detect.manifest import Manifest
from edge_agent.detect.recognise.inspection import printable
from edge_agent.types import Json

_LONG = 8  # a list of more items has one a line


def manifest_text(values: Mapping[str, Json], remarks: Sequence[str] = ()) -> str:
    """Return a manifest as TOML, its keys in the order of `Manifest`, tables last.

    Args: `remarks` lines for people, written as comments at the top.
    """
    document = tomlkit.document()
    for remark in remarks:
        document.add(tomlkit.comment(printable(remark)) if remark else tomlkit.nl())
    if remarks:
        document.add(tomlkit.nl())
    order = list(Manifest.model_fields)
    ordered = sorted(values, key=lambda key: (isinstance(values[key], Mapping), order.index(key)))
    for key in ordered:
        document.add(key, _item(values[key]))
    return tomlkit.dumps(document)


def _item(value: Json) -> Any:
    if isinstance(value, list | tuple):
        array = tomlkit.item([_plain(item) for item in value])
        array.multiline(len(value) > _LONG)
        return array
    if isinstance(value, Mapping):
        table = tomlkit.table()
        for key, inner in value.items():
            table.add(key, _plain(inner))
        return table
    return value


def _plain(value: Json) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
