"""What a key may hold, in words taken from the settings types' JSON Schema."""

from functools import cache
from typing import Any, TypeAlias

from edge_agent.config.toml_lines import KeyPath
from edge_agent.settings import AgentSettings

_Schema: TypeAlias = dict[str, Any]


@cache
def _root() -> _Schema:
    return AgentSettings.model_json_schema()


def _resolve(node: _Schema) -> _Schema:
    if "$ref" in node:
        found: _Schema = _root()["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return found
    if "anyOf" in node:  # X | None: TOML has no null
        return _resolve(next(part for part in node["anyOf"] if part.get("type") != "null"))
    return node


def schema_at(path: KeyPath) -> _Schema | None:
    """Return the schema of the value at `path`, None where no such key exists."""
    node = _root()
    for part in path:
        if isinstance(part, int):
            items = node.get("prefixItems")
            step = node.get("items") if items is None else dict(enumerate(items)).get(part)
        else:
            step = node.get("properties", {}).get(part)
        if step is None:
            return None
        node = _resolve(step)
    return node


def keys_at(path: KeyPath) -> list[str]:
    """Return the keys that the table at `path` may hold in a file, in the settings' order."""
    schema = schema_at(path) or {}
    return [key for key in schema.get("properties", {}) if key != "password"]


def leaf_paths(path: KeyPath = ()) -> list[KeyPath]:
    """Return the paths of all single values outside lists: what a variable may set."""
    found: list[KeyPath] = []
    for key in (schema_at(path) or {}).get("properties", {}):
        below = (*path, key)
        schema = schema_at(below) or {}
        if schema.get("type") == "object":
            found += leaf_paths(below)
        elif schema.get("type") != "array":
            found.append(below)
    return found


def allowed_at(path: KeyPath) -> str:
    """Return in words what the key at `path` may hold."""
    schema = schema_at(path)
    if schema is None:
        return ""
    if path == ("camera",):
        return f"1 to {schema['maxItems']} tables, each headed [[camera]]"
    return _words(schema)


def _words(schema: _Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return f"only {schema['const']}"
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _range(schema)
    if kind == "boolean":
        return "true or false"
    if kind == "array":
        return _list_words(schema)
    if kind == "object":
        return "a table"
    return _text_words(schema)


def _text_words(schema: _Schema) -> str:
    by_format = {"path": "the path of a file or folder, in quotes", "password": "a text"}
    words = schema.get("description") or by_format.get(schema.get("format", ""), "a text in quotes")
    return str(words)


def _range(schema: _Schema) -> str:
    low, above, high = (schema.get(k) for k in ("minimum", "exclusiveMinimum", "maximum"))
    if above is not None:
        return f" above {above:.12g} and at most {high:.12g}"
    return f" from {low:.12g} to {high:.12g}"


def _list_words(schema: _Schema) -> str:
    pair = schema.get("prefixItems")
    if pair:
        return f"[x, y], each number{_range(_resolve(pair[0]))}"
    item = _resolve(schema["items"])
    if item.get("type") == "object":
        return "a list of tables"
    if "prefixItems" in item:
        low, high = schema["minItems"], schema["maxItems"]
        number = str(low) if low == high else f"{low} to {high}"
        return f"{number} points {_list_words(item)}"
    return f"a list, each item {_words(item)}"
