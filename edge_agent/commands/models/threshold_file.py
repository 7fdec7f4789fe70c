"""Puts a score threshold into a manifest, and leaves everything else as it stands."""

import os
import shutil
import tempfile
from pathlib import Path

import tomlkit

from edge_agent.detect.download import digest
from edge_agent.detect.manifest import load_manifest
from edge_agent.detect.store import SUMS
from edge_agent.errors import ModelError


def write_threshold(manifest: Path, threshold: float) -> None:
    """Set `score_threshold` in the file `manifest`; comments and other lines stay.

    The file is replaced whole or not at all. In the model store its line of SHA256SUMS follows,
    if it was right before. Raises: ModelError where it cannot be written.
    """
    place = manifest.resolve()
    document = tomlkit.parse(place.read_bytes().decode("utf-8-sig"))
    document["score_threshold"] = threshold
    before = digest(place)
    try:
        _replace(place, tomlkit.dumps(document))
        sums = place.with_name(SUMS)
        if sums.is_file():
            old, new = (f"{d}  {place.name}\n" for d in (before, digest(place)))
            _replace(sums, sums.read_text(encoding="utf-8").replace(old, new))
    except OSError as error:
        raise ModelError(
            f"{manifest}: cannot be written: {error.strerror}; its score_threshold stays"
        ) from None


def _replace(place: Path, text: str) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".threshold-") as apart:
        fresh = Path(apart) / place.name
        fresh.write_bytes(text.encode())
        shutil.copymode(place, fresh)
        if place.suffix == ".toml":
            load_manifest(fresh)
        os.replace(fresh, place)
