"""Site files for the tests of the configuration, and what `load` says to them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.config import find_problems, load
from edge_agent.errors import ConfigError

#: The shortest site file that loads: lines 1 to 8.
MINIMAL = """\
site = "old-town"
agent_id = "pi-1"

[[camera]]
id = "gate-north"
url = "rtsp://10.0.0.7/101"
ring = "urban"
layer = "portrait"
"""

#: Nobody on this machine: has no groups that own anything.
NOBODY = 65534


def write_site(folder: Path, text: str | bytes, name: str = "site.toml") -> Path:
    """Write a site file into `folder` and return its path."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def complaints(file: Path, environ: dict[str, str] | None = None) -> list[str]:
    """Return the lines that `load` refuses `file` with, none where it loads."""
    environ = environ or {}
    problems = [problem.text for problem in find_problems(file, environ)]
    if problems:
        with pytest.raises(ConfigError) as caught:
            load(file, environ)
        assert str(caught.value) == "\n".join(problems), "load and find_problems must agree"
    else:
        load(file, environ)
    return problems


@contextlib.contextmanager
def without_root() -> Iterator[None]:
    """Act as nobody where the tests run as root, so that modes count."""
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.fixture
def site_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, so that messages name `site.toml` alone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
