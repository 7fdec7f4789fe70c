"""`Problem`: one thing that is wrong, and the words in which a person reads it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

from edge_agent.config.toml_lines import KeyPath

_BARE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CAMERA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_LONGEST_SHOWN = 80
#: A URL that surely holds no password: a plain host, a port of digits, no "@" anywhere.
_PLAIN_URL = re.compile(r"[a-z0-9+.-]+://(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]*\])(:\d*)?(/[^@:]*)?")
_SECRET_WORD = re.compile(r"(?<![a-z])(?:pass(?:word|wd)?|pwd)[=:]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a site file or its environment.

    `key` is dotted, `camera[2].target_fps` (list items count from 1), or a variable's name;
    `value` is what was seen, None where it is missing or may be a secret; `text` is the whole
    line for people.
    """

    file: Path | None
    line: int | None
    key: str
    value: str | None
    allowed: str
    text: str


def file_problem(
    file: Path, what: str, *, line: int | None = None, column: int | None = None
) -> Problem:
    """Return the problem of a file as a whole."""
    where = ":".join(str(part) for part in (file, line, column) if part is not None)
    return Problem(file, line, "", None, "", f"{where}: {what}")


def variable_problem(
    name: str, what: str, *, value: str | None = None, allowed: str = ""
) -> Problem:
    """Return the problem of an environment variable."""
    text = f"environment {name}: {_with_allowed(what, allowed)}"
    return Problem(None, None, name, value, allowed, text)


def key_problem(
    where: tuple[Path, int | None],
    subject: str,
    path: KeyPath,
    what: str,
    *,
    value: str | None = None,
    allowed: str = "",
) -> Problem:
    """Return the problem of the key at `path`; `subject` is what `camera_subject` gives."""
    file, line = where
    place = str(file) if line is None else f"{file}:{line}"
    key = dotted(path[2:] if subject else path)
    label = ", ".join(part for part in (subject, f"key {key}" if key else "") if part)
    text = f"{place}: {label}: {_with_allowed(what, allowed)}"
    return Problem(file, line, dotted(path), value, allowed, text)


def _with_allowed(what: str, allowed: str) -> str:
    return f"{what}; allowed: {allowed}" if allowed else what


def camera_subject(path: KeyPath, camera: Any) -> str:
    """Return `camera[2] gate-north` for a path inside a camera's table, else nothing."""
    if len(path) < 2 or path[0] != "camera" or not isinstance(path[1], int):
        return ""
    name = camera.get("id") if isinstance(camera, Mapping) else None
    is_good = isinstance(name, str) and _CAMERA_ID.fullmatch(name)
    return f"camera[{path[1] + 1}]" + (f" {name}" if is_good else "")


def dotted(path: KeyPath) -> str:
    """Return `zones[1].polygon[3]` for ("zones", 0, "polygon", 2): people count from 1."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            name = part if _BARE.fullmatch(part) else json.dumps(part[:_LONGEST_SHOWN])
            text += f".{name}" if text else name
    return text


def shown(value: Any) -> str:
    """Return `value` as a line may show it: short, on one line, in TOML's spelling, never a
    URL that could hold a password."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _cut(repr(value))
    if isinstance(value, str):
        return shown_url(value) if "://" in value else _shown_text(value)
    if isinstance(value, date | time):
        return f"the date or time {value.isoformat()}"
    if isinstance(value, list):
        if 0 < len(value) <= 4 and all(isinstance(item, int | float) for item in value):
            return f"[{', '.join(shown(item) for item in value)}]"
        return f"a list of {len(value)}"
    return "a table"


def shown_url(url: str) -> str:
    """Return `url` quoted, only its scheme where the rest could hold a password."""
    if _PLAIN_URL.fullmatch(url) and not _SECRET_WORD.search(url):
        return _shown_text(url)
    scheme = url.partition("://")[0]
    return f'"{scheme}://…"' if re.fullmatch(r"[a-z0-9+.-]{1,20}", scheme) else "a URL"


def _shown_text(text: str) -> str:
    hidden = "@" in text or _SECRET_WORD.search(text)
    return "a text" if hidden else json.dumps(_cut(text), ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
