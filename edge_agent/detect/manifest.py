"""The manifest: a TOML file beside a model that says how its input and output are laid out."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from edge_agent.config.problems import file_problem, key_problem, shown
from edge_agent.config.toml_lines import KeyPath, line_numbers
from edge_agent.detect import manifest_keys as keys
from edge_agent.detect.labels import ClassTable, fold_labels
from edge_agent.errors import ModelError
from edge_agent.settings import Frozen, Name, Score

if TYPE_CHECKING:
    from edge_agent.detect.family import Family

#: Boxes below the model's threshold still go to the tracker, down to this score: its second
#: stage keeps a known object by them. Source: Zhang et al., ByteTrack, ECCV 2022, section 3.
LOW_SCORE = 0.1

_MAX_BYTES = 100_000


class Manifest(Frozen):
    """How a model's input and output are laid out.

    The keys from `strides` to `activation` belong to families: each takes some of them, and
    None stands for the family's own.
    """

    name: Name
    file: keys.File
    sha256: keys.Sha256
    family: str
    input_wh: keys.InputWh
    layout: keys.Layout = "nchw"
    channels: keys.Channels
    scale: keys.Scale = 1.0
    mean: keys.Mean = (0.0, 0.0, 0.0)
    std: keys.Std = (1.0, 1.0, 1.0)
    letterbox: keys.Fit
    pad: keys.Pad = 114.0
    trim: keys.Trim = True
    extra_inputs: keys.ExtraInputs = Field(default_factory=dict)
    strides: keys.Strides = (8, 16, 32)
    anchors: keys.Anchors = None
    cell_point: keys.CellPoint = None
    columns: keys.Columns = None
    outputs: keys.Roles = None
    box_format: keys.BoxFormat = None
    box_units: keys.BoxUnits = None
    activation: keys.Activation = None
    labels: keys.Labels
    class_map: keys.ClassMap = None
    score_threshold: Annotated[Score, Field(strict=True, description="0 to 1")]
    iou_threshold: keys.IouThreshold = 0.45
    licence: keys.Licence
    source: keys.Source
    tested: keys.Tested = True

    @property
    def model_id(self) -> str:
        """The model's name in events: `name@` and the first 12 digits of its hash."""
        return f"{self.name}@{self.sha256[:12]}"

    @property
    def low_threshold(self) -> float:
        """The score from which boxes are handed on, for the tracker's second stage."""
        return min(LOW_SCORE, self.score_threshold)

    @property
    def class_table(self) -> ClassTable:
        """The classes that this model tells apart."""
        return fold_labels(self.labels, self.class_map)

    @property
    def gain_bias(self) -> tuple[keys.Triple, keys.Triple]:
        """What turns 0..255 into the model's values: value × gain + bias, for each channel."""
        gain = (self.scale / self.std[0], self.scale / self.std[1], self.scale / self.std[2])
        bias = tuple(0.0 - m / s for m, s in zip(self.mean, self.std, strict=True))
        return gain, (bias[0], bias[1], bias[2])

    @field_validator("family")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in _families():
            raise PydanticCustomError("unknown_family", "unknown family")
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> "Manifest":
        family = _families()[self.family]
        of_families = {key for other in _families().values() for key in other.keys}
        for key in sorted(of_families & self.model_fields_set - family.keys):
            what = f"family {shown(self.family)} does not take it"
            raise _misfit(key, what, ", ".join(sorted(family.keys)) or "none like it")
        for key in sorted(family.required - self.model_fields_set):
            raise _misfit(key, f"is missing; family {shown(self.family)} needs it")
        self._check_grids(family)
        self._check_columns()
        self._check_labels()
        return self

    def _check_grids(self, family: "Family") -> None:
        for stride in self.strides if family.whole_cells else ():
            if self.input_wh[0] % stride or self.input_wh[1] % stride:
                raise _misfit("input_wh", f"{shown(list(self.input_wh))} and a stride of {stride}")
        if self.anchors is None:
            return
        lengths = {len(anchors) for anchors in self.anchors}
        if len(self.anchors) != len(self.strides) or len(lengths) > 1 or 0 in lengths:
            numbers = ", ".join(str(len(anchors)) for anchors in self.anchors)
            what = f"lists of {numbers} anchors for {len(self.strides)} strides"
            raise _misfit("anchors", what)

    def _check_columns(self) -> None:
        if self.columns is None:
            return
        for word in ("x1", "y1", "x2", "y2", "score", "class"):
            if self.columns.count(word) != 1:
                raise _misfit("columns", f"{shown(word)} stands there {_times(self.columns, word)}")
        if self.columns.count("batch") > 1:
            raise _misfit("columns", f'"batch" stands there {_times(self.columns, "batch")}')

    def _check_labels(self) -> None:
        twice = [label for label in self.labels if self.labels.count(label) > 1]
        if twice:
            raise _misfit("labels", f"{shown(twice[0])} stands there twice")
        unknown = [label for label in self.class_map or () if label not in self.labels]
        if unknown:
            raise _misfit("class_map", f"{shown(unknown[0])} is none of the labels")
        if not self.class_table.classes:
            raise _misfit("labels", "none folds into person or vehicle; add a [class_map]")


def _families() -> "dict[str, Family]":
    from edge_agent.detect.families import FAMILIES  # they import this file

    return FAMILIES


def _times(columns: tuple[str, ...], word: str) -> str:
    return f"{columns.count(word)} times"


def _misfit(key: str, what: str, allowed: str | None = None) -> PydanticCustomError:
    told = {"key": key, "what": what, "allowed": _allowed(key) if allowed is None else allowed}
    return PydanticCustomError("misfit", "{what}", told)


def load_manifest(path: Path) -> Manifest:
    """Return the manifest at `path`, its `file` resolved against the manifest's folder.

    The model itself is not opened. Raises: ModelError with one line a problem: file, line,
    key, value seen, what is allowed.
    """
    text = _read(path)
    try:
        values = tomllib.loads(text)
        lines = line_numbers(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ModelError(file_problem(path, f"not valid TOML: {error}").text) from None
    try:
        manifest = Manifest.model_validate(values)
    except ValidationError as error:
        problems = _problems(path, values, lines, error)
        raise ModelError("\n".join(problems)) from None
    return manifest.model_copy(update={"file": path.parent / manifest.file})


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            what = f"larger than {_MAX_BYTES} bytes; give the manifest (.toml), not the model"
            raise ModelError(file_problem(path, what).text)
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise ModelError(file_problem(path, "no such file").text) from None
    except UnicodeDecodeError:
        what = "not UTF-8 text; give the manifest (.toml), not the model"
        raise ModelError(file_problem(path, what).text) from None
    except OSError as error:
        raise ModelError(file_problem(path, f"cannot be read: {error.strerror}").text) from None


def _problems(
    path: Path, values: dict[str, Any], lines: dict[KeyPath, int], error: ValidationError
) -> list[str]:
    """Return one line for each key that is wrong."""
    found: dict[KeyPath, str] = {}
    for item in error.errors():
        key: KeyPath = item["loc"][:1]
        allowed = None
        if item["type"] == "missing" and len(item["loc"]) == 1:
            what = "is missing"
        elif item["type"] == "extra_forbidden":
            what = "unknown key"
        elif item["type"] == "misfit":
            key, what, allowed = (item["ctx"]["key"],), item["msg"], item["ctx"]["allowed"]
        elif key in (("class_map",), ("extra_inputs",)) and len(item["loc"]) > 1:
            key, what = item["loc"][:2], f"value {shown(item['input'])}"
        else:
            what = f"value {shown(values[str(key[0])])}"
        place = (path, lines.get(key))
        if allowed is None:
            allowed = _allowed(str(key[0]))
        problem = key_problem(place, "", key, what, allowed=allowed)
        found.setdefault(key, problem.text)
    return list(found.values())


def _allowed(key: str) -> str:
    if key == "family":
        return ", ".join(f'"{name}"' for name in _families())
    field = Manifest.model_fields.get(key)
    return (field.description or "") if field else ", ".join(Manifest.model_fields)
