"""The files that a site file names: found, made absolute, and the secrets in them read."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from edge_agent.config.access import unreadable
from edge_agent.config.cross_checks import camera_paths
from edge_agent.config.document import Document
from edge_agent.config.places import default_state_dir, stored_manifest
from edge_agent.config.problems import Problem
from edge_agent.config.toml_lines import KeyPath
from edge_agent.config.urls import is_url

_LONGEST_SECRET = 4096
_LONGEST_SOCKET = 107  # bytes of sun_path without its closing zero, unix(7)
_BROKER_FILES = ("ca_file", "client_cert_file", "client_key_file")


class _Unusable(Exception):
    """Why a path cannot be used; its text ends a problem's line."""


def settle_files(document: Document, environ: Mapping[str, str]) -> list[Problem]:
    """Make every path in `document.values` absolute and put the secrets in; return problems.

    A relative path counts from the site file's folder; one of a `*_file` key may also be the
    name of a systemd credential, which goes first: it is what the service was handed.
    Source: systemd.exec(5), LoadCredential=.
    """
    cameras = camera_paths(document)
    problems = _settle(document, ("state_dir",), environ, _check_folder)
    problems += _settle(document, ("service", "status_socket"), environ, _check_socket)
    _settle_stored_model(document)
    for path in _named_files(document, cameras):
        problems += _settle(document, path, environ, _check_file)
    for table in [("broker",), *cameras]:
        problems += _settle(document, (*table, "password_file"), environ, read_secret)
    return problems


def _settle_stored_model(document: Document) -> None:
    """Put the manifest's path where `manifest` is the bare name of a model in the store."""
    name, state = document.get("model", "manifest"), document.get("state_dir")
    if not isinstance(name, str) or not name or "/" in name or name.endswith(".toml"):
        return
    folder = Path(state) if isinstance(state, str) else default_state_dir()
    place = stored_manifest(folder, name)
    if place.is_file() and not (document.file.parent / name).exists():
        document.get("model")["manifest"] = str(place)


def _named_files(document: Document, cameras: list[KeyPath]) -> list[KeyPath]:
    """Return the paths of the keys that name a file which must be readable."""
    keys: list[KeyPath] = [("model", "manifest"), *(("broker", key) for key in _BROKER_FILES)]
    keys += [("rings", "file"), ("grid", "file")]
    for camera in cameras:
        for key in ("url", "detect_url"):
            url = document.get(*camera, key)
            if isinstance(url, str) and not is_url(url):
                keys.append((*camera, key))
    return keys


def _settle(
    document: Document,
    path: KeyPath,
    environ: Mapping[str, str],
    check: Callable[[Path], str | None],
) -> list[Problem]:
    """Check the file at `path`; what `check` returns is the password of that table."""
    text = document.get(*path)
    if not isinstance(text, str):
        return []
    try:
        place = _place(document.file.parent, text, environ, str(path[-1]).endswith("_file"))
        secret = check(place)
    except _Unusable as fault:
        return [document.problem(path, str(fault))]
    table = document.get(*path[:-1])
    table[path[-1]] = str(place.absolute())
    if secret is not None:
        table["password"] = secret
    return []


def _place(folder: Path, text: str, environ: Mapping[str, str], may_be_credential: bool) -> Path:
    if not text or not text.isprintable():
        raise _Unusable("is not a path: empty, or with control characters")
    if is_url(text):
        raise _Unusable("is a URL; allowed: the path of a file")
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if may_be_credential and credentials and not Path(text).is_absolute():
        handed = Path(credentials) / text
        if os.path.exists(handed):
            return handed
    return folder / text


def _check_file(place: Path) -> None:
    _read(place, 0)


def read_secret(place: Path) -> str:
    """Return the one line in `place`, without its closing newline."""
    content = _read(place, _LONGEST_SECRET + 1)
    if len(content) > _LONGEST_SECRET:
        raise _Unusable(f"{place} is longer than {_LONGEST_SECRET} bytes; allowed: one line")
    try:
        secret = content.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _Unusable(f"{place} is not UTF-8 text") from None
    if not secret:
        raise _Unusable(f"{place} is empty; allowed: one line with the password")
    if not secret.isprintable():
        raise _Unusable(f"{place} holds more than one line; allowed: one line with the password")
    return secret


def _read(place: Path, size: int) -> bytes:
    try:
        mode = place.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _Unusable(f"{place} is a directory, not a file")
        if not stat.S_ISREG(mode):
            raise _Unusable(f"{place} is not a regular file")
        with place.open("rb") as stream:
            return stream.read(size)
    except (FileNotFoundError, NotADirectoryError):
        raise _Unusable(f"no such file {place}") from None
    except PermissionError:
        raise _Unusable(f"{place}: {unreadable(place)}") from None
    except OSError as error:
        raise _Unusable(f"{place} cannot be read: {error.strerror}") from None


def _check_folder(place: Path) -> None:
    if os.path.exists(place) and not os.path.isdir(place):
        raise _Unusable(f"{place} is not a directory")


def _check_socket(place: Path) -> None:
    size = len(os.fsencode(place.absolute()))
    if size > _LONGEST_SOCKET:
        raise _Unusable(f"the path has {size} bytes; allowed: at most {_LONGEST_SOCKET}")
