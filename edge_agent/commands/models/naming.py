"""From what a user calls a model to its manifest."""

from pathlib import Path

from edge_agent.config import boxed_model
from edge_agent.detect.store import ModelStore
from edge_agent.errors import UsageError


def find_manifest(word: str, store: ModelStore) -> Path:
    """Return the manifest that `word` means: a path, or the name of a stored or boxed model.

    Raises: UsageError naming the models that are there.
    """
    if word.endswith(".toml") or "/" in word:
        return Path(word)
    for model in store.models():
        if model.name == word:
            return model.manifest
    boxed = boxed_model(word.replace("-", "_"))
    if boxed.is_file():
        return boxed
    present = ", ".join(model.name for model in store.models()) or "none"
    raise UsageError(
        f"no model {word!r} in {store.folder}; there are: {present}; or give a manifest (.toml)"
    )
