"""The catalogue: published detectors by name, with what is known of their files."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, HttpUrl, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from edge_agent.config.problems import file_problem
from edge_agent.detect.download import Wanted
from edge_agent.detect.manifest import Manifest
from edge_agent.detect.recognise.manifest_text import manifest_text
from edge_agent.errors import ModelError
from edge_agent.settings import Frozen, Name

_Words = Annotated[str, StringConstraints(min_length=1)]


class Published(Frozen):
    """A detector that somebody published, and how its manifest is to be written."""

    name: Name
    title: _Words
    url: HttpUrl
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(alias="bytes", strict=True, gt=0)]
    known: _Words  # how the hash came to be known
    run: bool  # whether the very file was run with this manifest
    licence: _Words  # SPDX
    licence_words: _Words
    page: _Words
    coco_ap: Annotated[float | None, Field(ge=0, le=100)] = None
    manifest: Mapping[str, Any]  # without what is said above

    @model_validator(mode="after")
    def _is_whole(self) -> "Published":
        if self.url.username or self.url.password:
            raise ValueError("url holds a user name or password; a published file needs none")
        Manifest.model_validate(self.manifest_values)
        return self

    @property
    def wanted(self) -> Wanted:
        """What must come from where."""
        return Wanted(str(self.url), self.sha256, self.size)

    @property
    def manifest_values(self) -> dict[str, Any]:
        """All keys of the manifest."""
        about = {"name": self.name, "file": f"{self.name}.onnx", "sha256": self.sha256}
        return {**about, **self.manifest, "licence": self.licence, "source": self.page}

    def manifest_text(self, *, tested: bool = True) -> str:
        """Return the manifest as TOML, with what it rests on; `tested` whether a test passed."""
        remarks = [
            f"{self.title}; written by `edge-agent models pull`, from {self.url}",
            f"Licence in words: {self.licence_words}.",
        ]
        if not self.run:
            remarks.append("Written after its publisher's description: the score threshold is a")
            remarks.append("guess, `edge-agent models eval` finds the best.")
        values = self.manifest_values if tested else {**self.manifest_values, "tested": False}
        return manifest_text(values, remarks)


def load_catalogue(path: Path) -> dict[str, Published]:
    """Return the detectors of a catalogue by name, in the file's order.

    Raises: ModelError with one line a problem: file, entry, key, what is wrong.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(file_problem(path, f"cannot be read: {error.strerror}").text) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(file_problem(path, f"not valid TOML: {error}").text) from None
    found, problems = {}, []
    for name, values in entries.items():
        try:
            given = values if isinstance(values, dict) else {}
            found[name] = Published.model_validate({**given, "name": name})
        except ValidationError as error:
            problems += [file_problem(path, _problem(name, item)).text for item in error.errors()]
    if problems:
        raise ModelError("\n".join(problems))
    return found


def _problem(name: str, item: ErrorDetails) -> str:
    key = ".".join(str(part) for part in item["loc"])
    return f"entry {name}: {f'{key}: ' if key else ''}{' '.join(item['msg'].split())}"
