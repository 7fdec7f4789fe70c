"""`line_numbers` knows every key and item that tomllib knows, and where it stands."""

import tomllib
from typing import Any

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.toml_lines import KeyPath, line_numbers

#: Each line says at its end which paths stand there; "…" means none.
SAMPLE = '''\
# a comment with [brackets] = "and" signs
title = "x" # title
"quoted key" = 'lit # eral' # "quoted key"
a.b . c = { d = 1, e.f = [ 2 ] } # a; a b; a b c; a b c d; a b c e; a b c e f; a b c e f 0
text = """ # text
[not.a.table]
x = "\\""" still ""text"""""
lit = \'\'\' # lit
y = 1 \'\'\'\'\'
list = [ # list
  1, # list 0
  [ 2, # list 1; list 1 0
    3 ], # list 1 1
  { k = "a,b]", # list 2; list 2 k
  }, # …
] # …
when = 1979-05-27 07:32:00 # when

[t.u] # t; t u
v = 1_000.5e3 # t u v
[[cam]] # cam; cam 0
id = "]" # cam 0 id
[cam.sub] # cam 0 sub
p = inf # cam 0 sub p
[[cam.zone]] # cam 0 zone; cam 0 zone 0
[[ cam . zone ]] # cam 0 zone 1
q = true # cam 0 zone 1 q
[[cam]] # cam 1
[[cam.zone]] # cam 1 zone; cam 1 zone 0
'''


def paths_of(tree: Any, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set()
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        below = (*path, key)
        nested = isinstance(value, dict | list)
        found |= paths_of(value, below) if nested else {below}
    return found


def expected_lines(sample: str) -> dict[KeyPath, int]:
    lines = {}
    for number, line in enumerate(sample.splitlines(), 1):
        note = line.rpartition(" # ")[2] if " # " in line else "…"
        for path in note.split("; ") if note != "…" else []:
            parts = ["quoted key"] if path == '"quoted key"' else path.split()
            lines[tuple(int(part) if part.isdecimal() else part for part in parts)] = number
    return lines


def test_every_kind_of_line_of_a_document() -> None:
    # An inline table over two lines is TOML 1.1; tomllib of 3.11 takes it on one line only.
    sample = SAMPLE.replace(
        '  { k = "a,b]", # list 2; list 2 k\n  }, # …\n', '  { k = "a,b]" } # list 2; list 2 k\n'
    )
    tomllib.loads(sample)
    assert line_numbers(sample) == expected_lines(sample)
    assert line_numbers(SAMPLE) == expected_lines(SAMPLE)


def test_windows_line_ends_count_once() -> None:
    text = 'a = 1\r\nb = """\r\n\r\n"""\r\nc = [\r\n1]\r\n'
    assert line_numbers(text) == {("a",): 1, ("b",): 2, ("c",): 5, ("c", 0): 6}


KEYS = st.text(min_size=1, max_size=8)
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.datetimes()
    | st.dates()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_generated_document_has_a_line_for_each_of_its_paths(tree: dict[str, Any]) -> None:
    try:
        text = tomlkit.dumps(tree)
        parsed = tomllib.loads(text)
    except (ValueError, TypeError):  # tomlkit writes a few control characters raw
        return
    lines = line_numbers(text)
    assert set(lines) == paths_of(parsed)
    for path, line in lines.items():
        if len(path) == 1 and str(path[0]).isascii() and str(path[0]).isalnum():
            assert str(path[0]) in text.split("\n")[line - 1]
