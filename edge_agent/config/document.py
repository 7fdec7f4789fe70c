"""A site file as read: its values, where each stands, and what the environment adds."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.config.access import unreadable
from edge_agent.config.problems import (
    Problem,
    camera_subject,
    file_problem,
    key_problem,
    variable_problem,
)
from edge_agent.config.toml_lines import KeyPath, line_numbers

_MAX_BYTES = 1_000_000  # a site of 256 cameras with zones needs a fifth of it


@dataclass(slots=True)
class Document:
    """A parsed site file with the environment laid over it.

    `values` is the merged tree, `written` the file's own; `variables` names, for each value
    that the environment gave, its variable.
    """

    file: Path
    written: Mapping[str, Any]
    lines: Mapping[KeyPath, int]
    values: dict[str, Any] = field(default_factory=dict)
    variables: dict[KeyPath, str] = field(default_factory=dict)

    def get(self, *path: str | int) -> Any:
        """Return the merged value at `path`, None where there is none."""
        return value_at(self.values, path)

    def line(self, path: KeyPath) -> int | None:
        """Return the line of `path` or of the nearest table or list that holds it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None

    def problem(
        self,
        path: KeyPath,
        what: str,
        *,
        value: str | None = None,
        allowed: str = "",
        in_file: bool = False,
    ) -> Problem:
        """Return the problem of the value at `path`, named by its variable or its line.

        `in_file` names the line also where a variable lies over it.
        """
        if path in self.variables and not in_file:
            return variable_problem(self.variables[path], what, value=value, allowed=allowed)
        subject = camera_subject(path, self.get(*path[:2]))
        where = (self.file, self.line(path))
        return key_problem(where, subject, path, what, value=value, allowed=allowed)


def value_at(tree: Any, path: KeyPath) -> Any:
    """Return what stands at `path` in a tree of dicts and lists, None where nothing does."""
    for part in path:
        if isinstance(tree, dict):
            tree = tree.get(part)
        elif isinstance(tree, list) and isinstance(part, int) and 0 <= part < len(tree):
            tree = tree[part]
        else:
            return None
    return tree


def read_document(file: Path) -> Document | Problem:
    """Return the parsed `file`, or the one problem that keeps it from being read."""
    content = _read(file)
    if isinstance(content, Problem):
        return content
    try:
        text = content.decode("utf-8-sig")  # editors on Windows write a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return file_problem(
            file,
            f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8",
            line=line,
        )
    if not text.strip():
        return file_problem(file, "is empty; begin with a copy of configs/agent.example.toml")
    try:
        written = tomllib.loads(text)
        return Document(file, written, line_numbers(text))
    except tomllib.TOMLDecodeError as error:
        return _syntax_problem(file, text, str(error))
    except RecursionError:
        return file_problem(file, "not valid TOML: lists or tables nested too deeply")
    except ValueError:  # a whole number of thousands of digits
        return file_problem(file, "not valid TOML: a number has too many digits")


def _read(file: Path) -> bytes | Problem:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return file_problem(file, "no such file")
    except IsADirectoryError:
        return file_problem(file, "is a directory; give the file in it, such as site.toml")
    except PermissionError:
        return file_problem(file, f"cannot be read: {unreadable(file)}")
    except OSError as error:
        return file_problem(file, f"cannot be read: {error.strerror}")
    except ValueError:  # a NUL character in its name
        return file_problem(file, "is no name that a file can have")
    if len(content) > _MAX_BYTES:
        return file_problem(file, f"larger than {_MAX_BYTES} bytes; not a site file")
    return content


def _syntax_problem(file: Path, text: str, message: str) -> Problem:
    """Put `Expected '=' after a key (at line 3, column 7)` into our order."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    what, line, column = found.groups() if found else (message, None, None)
    if line is None:
        return file_problem(file, f"not valid TOML: {what}", line=text.rstrip().count("\n") + 1)
    return file_problem(file, f"not valid TOML: {what}", line=int(line), column=int(column or 1))
