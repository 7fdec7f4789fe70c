"""The model store: the user's own models, a folder each in the state folder.

    models/NAME/NAME.toml     the manifest
    models/NAME/NAME.onnx     the model
    models/NAME/…             weights that the model keeps beside itself, under their own names
    models/NAME/SHA256SUMS    of model and weights, as `sha256sum --check` reads it; a manifest
                              is there to be edited

A folder is made whole under another name and then renamed: a model is there whole or not at all.
"""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import ModelError, UsageError

SUMS = "SHA256SUMS"
#: As the key `name` of a manifest wants it; a folder that begins with a dot is no model.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_COPY_BYTES = 1 << 20
#: A folder of another `add` that is older than this will never be finished.
_LEFT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model of the store; its files may be damaged."""

    name: str
    folder: Path

    @property
    def manifest(self) -> Path:
        """Where its manifest lies."""
        return self.folder / f"{self.name}.toml"

    @property
    def file(self) -> Path:
        """Where the model lies."""
        return self.folder / f"{self.name}.onnx"


class ModelStore:
    """The models under one folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def models(self) -> list[StoredModel]:
        """Return all models by name."""
        try:
            entries = sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ModelError(f"model store {self.folder}: {error.strerror}") from None
        return [StoredModel(n, self.folder / n) for n in entries if _NAME.fullmatch(n)]

    def find(self, name: str) -> StoredModel:
        """Return the model called `name`. Raises: UsageError naming those that are there."""
        models = {model.name: model for model in self.models()}
        if name not in models:
            present = ", ".join(models) or "none"
            raise UsageError(f"no model {name!r} in {self.folder}; there are: {present}")
        return models[name]

    def require_free(self, name: str) -> None:
        """Raise UsageError where `name` is no name for a model, or taken."""
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is no name for a model: 1 to 63 letters, digits, dots, underscores or "
                "hyphens, beginning with a letter or digit; give --name"
            )
        if os.path.lexists(self.folder / name):
            raise UsageError(
                f"{self.folder / name} exists and is not replaced; give another --name, or "
                f"`edge-agent models remove {name}` first"
            )

    def add(self, name: str, files: Mapping[str, Path], sha256: str, manifest: str) -> StoredModel:
        """Copy a model into the store, whole or not at all.

        Args: `files` what each file is called in the store -> where it lies; one of them is
        `NAME.onnx`, which must have `sha256`; `manifest` the manifest's text.
        Raises: UsageError on a name that is taken; ModelError where a file changed on the way or
        the store cannot be written.
        """
        self.require_free(name)
        model = StoredModel(name, self.folder / name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(self.folder)
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".adding-") as apart:
                made = Path(apart) / name
                made.mkdir()
                sums = {called: _copy(place, made / called) for called, place in files.items()}
                if sums[model.file.name] != sha256:
                    raise ModelError(
                        f"{files[model.file.name]}: changed while it was read; nothing is added"
                    )
                _write(made / model.manifest.name, manifest)
                lines = [f"{digest}  {called}\n" for called, digest in sums.items()]
                _write(made / SUMS, "".join(lines))
                os.rename(made, model.folder)  # fails where another took the name meanwhile
                _sync_folder(self.folder)
        except OSError as error:
            what = error.strerror or str(error)
            raise ModelError(f"model store {model.folder}: {what}; nothing is added") from error
        return model

    def remove(self, name: str) -> None:
        """Remove a model and its files. Raises: UsageError, ModelError."""
        model = self.find(name)
        try:
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".removing-") as apart:
                os.rename(model.folder, Path(apart) / name)
        except OSError as error:
            raise ModelError(f"{model.folder}: {error.strerror}; not removed") from error


def changed_files(model: StoredModel) -> list[str]:
    """Return what is not as it was added, a line each; empty where all is."""
    try:
        lines = (model.folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return [f"{SUMS} cannot be read"]
    found = []
    for line in lines:
        wanted, _, called = line.partition("  ")
        try:
            with (model.folder / called).open("rb") as stream:
                seen = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            found.append(f"{called}: {error.strerror}")
            continue
        if seen != wanted:
            found.append(f"{called}: sha256 {seen[:12]}…, it was added with {wanted[:12]}…")
    return found


def name_for(file: Path) -> str:
    """Return a name for a model after its file's."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", file.stem).strip("-_.")
    return name[:63] or "model"


def _copy(source: Path, target: Path) -> str:
    """Copy a file and return the sha256 of what was written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as incoming, target.open("xb") as outgoing:
        while block := incoming.read(_COPY_BYTES):
            digest.update(block)
            outgoing.write(block)
        outgoing.flush()
        os.fsync(outgoing.fileno())
    return digest.hexdigest()


def _write(target: Path, text: str) -> None:
    with target.open("x", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_leftovers(folder: Path) -> None:
    """Remove what an `add` or `remove` that was cut off has left behind."""
    for left in [*folder.glob(".adding-*"), *folder.glob(".removing-*")]:
        if time.time() - left.stat().st_mtime > _LEFT_S:
            shutil.rmtree(left, ignore_errors=True)
