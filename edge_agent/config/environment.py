"""What `EDGE_AGENT_…` variables say: overrides of single keys, and the cameras' passwords.

`EDGE_AGENT_BROKER__URL` overrides `url` of `[broker]`: two underscores go one table down.
`EDGE_AGENT_CAMERA_GATE_NORTH_PASSWORD` is the password of the camera `gate-north`; nothing
else of a camera can be set from outside the file.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from edge_agent.config.allowed import allowed_at, leaf_paths, schema_at
from edge_agent.config.document import Document
from edge_agent.config.problems import Problem, shown, variable_problem
from edge_agent.config.toml_lines import KeyPath

PREFIX = "EDGE_AGENT_"
_CAMERA_PASSWORD = re.compile(r"EDGE_AGENT_CAMERA_(.+)_PASSWORD")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@cache
def variable_names() -> dict[str, KeyPath]:
    """Return the name of every variable that overrides a key, with the key's path."""
    return {PREFIX + "__".join(map(str, path)).upper(): path for path in leaf_paths()}


def camera_variable(camera_id: str) -> str:
    """Return the name of the variable that holds a camera's password."""
    return f"{PREFIX}CAMERA_{re.sub(r'[^A-Z0-9]', '_', camera_id.upper())}_PASSWORD"


def broker_variable() -> str:
    """Return the name of the variable that holds the broker's password."""
    return f"{PREFIX}BROKER__PASSWORD"


def overlay(document: Document, environ: Mapping[str, str]) -> list[Problem]:
    """Lay the environment over the file's values in `document`; return what is wrong with it."""
    document.values = _copy(document.written)
    cameras = _cameras_by_variable(document)
    problems = []
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        text = environ[name]
        path = variable_names().get(name)
        if not _is_utf8(name + text):
            problems.append(variable_problem(ascii(name).strip("'"), "is not UTF-8"))
        elif path is not None:
            problems += _override(document, name, path, text)
        elif name in cameras:
            problems += _give_password(document, name, cameras[name], text)
        else:
            problems.append(_unknown(name, cameras))
    return problems


def _override(document: Document, name: str, path: KeyPath, text: str) -> Iterator[Problem]:
    is_secret = path[-1] == "password"
    try:
        value = _parse(text, path)
    except ValueError:
        yield _not_allowed(name, path, text)
        return
    if is_secret and not _is_one_line(text):
        yield variable_problem(name, "is empty or holds more than one line", allowed="one line")
        return
    table = document.values
    for part in path[:-1]:
        table = table.setdefault(str(part), {})
        if not isinstance(table, dict):  # the file's own mistake, reported from there
            return
    table[str(path[-1])] = value
    document.variables[path] = name


def _parse(text: str, path: KeyPath) -> Any:
    """Return `text` as the type that the key at `path` has. Raises: ValueError."""
    kind = (schema_at(path) or {}).get("type")
    if kind == "boolean":
        if text.lower() not in _TRUTH:
            raise ValueError
        return _TRUTH[text.lower()]
    if kind == "integer":
        return int(text)
    return float(text) if kind == "number" else text


def _not_allowed(name: str, path: KeyPath, text: str) -> Problem:
    value = shown(text)
    what = f"{value} is not allowed"
    return variable_problem(name, what, value=value, allowed=allowed_at(path))


def _give_password(
    document: Document, name: str, indexes: list[int], text: str
) -> Iterator[Problem]:
    if len(indexes) > 1:
        ids = " and ".join(str(document.get("camera", i, "id")) for i in indexes)
        what = f"means the cameras {ids} alike; rename one, or give each a password_file"
        yield variable_problem(name, what)
    elif not _is_one_line(text):
        yield variable_problem(name, "is empty or holds more than one line", allowed="one line")
    else:
        path = ("camera", indexes[0], "password")
        document.get("camera", indexes[0])["password"] = text
        document.variables[path] = name


def _is_one_line(secret: str) -> bool:
    return bool(secret) and not re.search(r"[\x00\r\n]", secret)


def _is_utf8(text: str) -> bool:
    """Bytes of a variable that are no UTF-8 arrive as lone surrogates (PEP 383)."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _unknown(name: str, cameras: Mapping[str, list[int]]) -> Problem:
    found = _CAMERA_PASSWORD.fullmatch(name)
    if found and "__" not in name:
        known = ", ".join(cameras) or "none"
        return variable_problem(name, "no camera has this password variable", allowed=known)
    known_parts = [known.removeprefix(PREFIX) for known in variable_names()]
    near = get_close_matches(name.removeprefix(PREFIX), known_parts, n=1)
    hint = f" (did you mean {PREFIX}{near[0]}?)" if near else "; unset it"
    return variable_problem(name, f"unknown variable{hint}")


def _cameras_by_variable(document: Document) -> dict[str, list[int]]:
    cameras: dict[str, list[int]] = {}
    written = document.get("camera")
    for index, camera in enumerate(written if isinstance(written, list) else []):
        if isinstance(camera, dict) and isinstance(camera.get("id"), str):
            cameras.setdefault(camera_variable(camera["id"]), []).append(index)
    return cameras


def _copy(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _copy(value) for key, value in tree.items()}
    return [_copy(value) for value in tree] if isinstance(tree, list) else tree
