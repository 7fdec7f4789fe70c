"""Whether each value by itself is what its key allows: the settings types say so."""

import json
import math
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from edge_agent.config.allowed import allowed_at, keys_at, schema_at
from edge_agent.config.document import Document
from edge_agent.config.problems import Problem, dotted, shown
from edge_agent.config.toml_lines import KeyPath
from edge_agent.settings import AgentSettings

_HUGE = 2**62  # beyond every range; JSON numbers of any length would not parse


def build(values: dict[str, Any]) -> AgentSettings:
    """Return `values` as frozen settings; text is not taken for numbers nor 1 for true.

    Raises: pydantic.ValidationError.
    """
    return AgentSettings.model_validate_json(_json(values), strict=True)


def check_shape(document: Document) -> list[Problem]:
    """Return a problem for each unknown, missing, mistyped or out-of-range value."""
    try:
        build(document.values)
    except ValidationError as error:
        faults = _faults(error)
        return [
            _worded(document, kind, path)
            for path, kind in faults.items()
            # pydantic calls a list too short also when only an item of it is wrong
            if kind != "too_short"
            or not any(path == other[: len(path)] != other for other in faults)
        ]
    return []


def _faults(error: ValidationError) -> dict[KeyPath, str]:
    """Return the path of each wrong value with pydantic's word for the fault."""
    faults: dict[KeyPath, str] = {}
    for detail in error.errors(include_url=False, include_input=False):
        kind, path = str(detail["type"]), tuple(detail["loc"])
        if path and isinstance(path[-1], int) and kind == "missing":
            kind, path = "pair", path[:-1]  # of one number
        faults.setdefault(path, kind)
    return faults


def _worded(document: Document, kind: str, path: KeyPath) -> Problem:
    if kind == "extra_forbidden":
        return _unknown_key(document, path)
    if kind == "missing":
        return document.problem(path, "missing", allowed=allowed_at(path))
    if (schema_at(path) or {}).get("format") == "password":
        return document.problem(path, "the value is not allowed", allowed=allowed_at(path))
    seen = shown(document.get(*path))
    return document.problem(path, f"{seen} is not allowed", value=seen, allowed=allowed_at(path))


def _unknown_key(document: Document, path: KeyPath) -> Problem:
    keys = keys_at(path[:-1])
    near = get_close_matches(str(path[-1]), keys, n=1)
    elsewhere = _home_of(str(path[-1]), path[:-1])
    hint = f" (did you mean {near[0]}?)" if near else elsewhere
    return document.problem(path, f"unknown key{hint}", allowed=", ".join(keys))


def _home_of(key: str, here: KeyPath) -> str:
    """Name the table that knows `key`: it may have slipped under another header."""
    homes: list[KeyPath] = [(), ("broker",), ("outbox",), ("model",), ("model", "plan")]
    homes += [("tracking",), ("service",), ("camera", 0)]
    for home in homes:
        if key in keys_at(home) and home != here:
            header = "[[camera]]" if home[:1] == ("camera",) else f"[{dotted(home)}]"
            return f"; it belongs {f'under {header}' if home else 'above the first table'}"
    return ""


def _json(values: dict[str, Any]) -> str:
    return json.dumps(_plain(values))


def _plain(value: Any) -> Any:
    """Return `value` with what JSON cannot hold made into something no key allows."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return max(-_HUGE, min(_HUGE, value))
    if isinstance(value, float):
        return value if math.isfinite(value) else {"not finite": str(value)}
    return value if isinstance(value, str) else {"a date or time": str(value)}
