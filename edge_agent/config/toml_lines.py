"""Where each key and list item of a TOML text stands: `line_numbers`.

The standard library parses values but forgets where they stood. This scanner walks a text
that `tomllib` has already accepted, so it only has to know where things begin and end.
Source: TOML v1.0.0, https://toml.io/en/v1.0.0.
"""

import re
import tomllib
from bisect import bisect_right
from typing import TypeAlias

#: The way to a value: ("camera", 0, "zones", 1, "polygon").
KeyPath: TypeAlias = tuple[str | int, ...]

_DEEPEST = 24

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_STRINGS = (  # longest opening first
    re.compile(r'"""(?:[^\\]|\\.)*?"""{1,3}(?!")', re.DOTALL),
    re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL),
    re.compile(r'"(?:[^"\\]|\\.)*"'),
    re.compile(r"'[^']*'"),
)


def line_numbers(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, of each table, key and list item of valid TOML.

    A table stands where its header or its first key is, a list item where its value begins.
    Raises: RecursionError where tables and lists lie more than 24 deep; no setting does.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [m.start() for m in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._tables: dict[KeyPath, int] = {}  # [[array]] -> index of its newest table

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"not TOML at character {self._at}")
        self._at = found.end()
        return found.group()

    def _note(self, path: KeyPath) -> None:
        self._lines.setdefault(path, bisect_right(self._newlines, self._at) + 1)

    def _header(self) -> KeyPath:
        """Read `[table]` or `[[table]]`; parents that are arrays mean their newest table."""
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        *parents, last = self._key()
        path: KeyPath = ()
        for part in parents:
            path = (*path, part)
            self._note(path)
            if path in self._tables:
                path = (*path, self._tables[path])
        path = (*path, last)
        self._note(path)
        if is_array:
            self._tables[path] = self._tables.get(path, -1) + 1
            path = (*path, self._tables[path])
            self._note(path)
        self._at += 2 if is_array else 1
        return path

    def _pair(self, table: KeyPath) -> None:
        path = table
        start = self._at
        for part in self._key():
            path = (*path, part)
            end, self._at = self._at, start
            self._note(path)
            self._at = end
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        """Read a dotted key and the space behind it."""
        parts = []
        while True:
            self._skip(_SPACE)
            if self._text[self._at] in "\"'":
                parts.append(_unquote(self._skip(_string_at(self._text, self._at))))
            else:
                parts.append(self._skip(_BARE_KEY))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        if len(path) > _DEEPEST:
            raise RecursionError
        first = self._text[self._at]
        if first == "[":
            self._items(path)
        elif first == "{":
            self._inline_table(path)
        elif first in "\"'":
            self._skip(_string_at(self._text, self._at))
        else:
            self._skip(_SCALAR)

    def _items(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self._text[self._at] == "]":
                break
            self._note((*path, index))
            self._value((*path, index))
            index += 1
            self._skip_comma()
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while True:
            self._skip(_BLANK)
            if self._text[self._at] == "}":
                break
            self._pair(path)
            self._skip_comma()
        self._at += 1

    def _skip_comma(self) -> None:
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1


def _string_at(text: str, at: int) -> re.Pattern[str]:
    for pattern, opening in zip(_STRINGS, ('"""', "'''", '"', "'"), strict=True):
        if text.startswith(opening, at):
            return pattern
    raise ValueError(f"no string at character {at}")


def _unquote(key: str) -> str:
    return str(tomllib.loads(f"k = {key}")["k"])
