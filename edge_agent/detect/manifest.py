"""The manifest: a TOML file beside a model that says how its input and output are laid out."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from edge_agent.config.problems import file_problem, key_problem, shown
from edge_agent.config.toml_lines import KeyPath, line_numbers
from edge_agent.detect.labels import COCO_LABELS, DEFAULT_CLASS_MAP, ClassTable, fold_labels
from edge_agent.errors import ModelError
from edge_agent.settings import Frozen, Name, Score

#: Boxes below the model's threshold still go to the tracker, down to this score: its second
#: stage keeps a known object by them. Source: Zhang et al., ByteTrack, ECCV 2022, section 3.
LOW_SCORE = 0.1

_MAX_BYTES = 100_000

# Strict: in TOML a number is a number, not a text or a truth value.
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Positive = Annotated[_Number, Field(gt=0)]
_Triple = tuple[_Number, _Number, _Number]
_Side = Annotated[int, Field(strict=True, ge=8, le=8192)]
_Stride = Annotated[int, Field(strict=True, ge=1, le=256)]
_Label = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_ClassWord = Annotated[
    str, StringConstraints(pattern=r"^(person|vehicle(/[a-z][a-z0-9_-]{0,30})?)$")
]


def _named_labels(value: Any) -> Any:
    return COCO_LABELS if value == "coco" else value


class Manifest(Frozen):
    """How a model's input and output are laid out; the descriptions say what is allowed."""

    name: Name
    file: Annotated[Path, Field(description="the .onnx file's path, from the manifest's folder")]
    sha256: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9a-f]{64}$"),
        Field(description="64 digits 0-9 a-f, as `sha256sum` prints them"),
    ]
    family: Annotated[Literal["yolox"], Field(description='"yolox"')]
    input_wh: Annotated[
        tuple[_Side, _Side],
        Field(description="[width, height], 8 to 8192, multiples of every stride"),
    ]
    layout: Annotated[Literal["nchw"], Field(description='"nchw"')] = "nchw"
    channels: Annotated[Literal["bgr", "rgb"], Field(description='"bgr" or "rgb"')]
    scale: Annotated[
        _Positive, Field(description="a number above 0 that values of 0..255 are multiplied by")
    ] = 1.0
    mean: Annotated[
        _Triple, Field(description="3 numbers in the order of `channels`, taken off after `scale`")
    ] = (0.0, 0.0, 0.0)
    std: Annotated[
        tuple[_Positive, _Positive, _Positive],
        Field(description="3 numbers above 0 in the order of `channels`, divided by after `mean`"),
    ] = (1.0, 1.0, 1.0)
    letterbox: Annotated[
        Literal["top_left", "centre", "stretch"],
        Field(description='"top_left", "centre" or "stretch"'),
    ]
    pad: Annotated[
        _Number, Field(ge=0, le=255, description="0 to 255: the grey around a letterboxed picture")
    ] = 114.0
    strides: Annotated[
        tuple[_Stride, ...],
        Field(min_length=1, max_length=8, description="1 to 8 whole numbers from 1 to 256"),
    ] = (8, 16, 32)
    labels: Annotated[
        tuple[_Label, ...],
        BeforeValidator(_named_labels),
        Field(
            min_length=1,
            max_length=10_000,
            description='"coco" or a list of different names in the order of the output',
        ),
    ]
    class_map: Annotated[
        dict[str, _ClassWord] | None,
        Field(description='label = "person", "vehicle" or "vehicle/subclass", for known labels'),
    ] = None
    score_threshold: Annotated[Score, Field(strict=True, description="0 to 1")]
    iou_threshold: Annotated[
        _Number, Field(gt=0, le=1, description="above 0, at most 1; 0.45 suits most")
    ] = 0.45
    licence: Annotated[
        str, Field(min_length=1, description="the licence of the weights, as an SPDX name")
    ]
    source: Annotated[str, Field(min_length=1, description="where the file comes from")]

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
        class_map = DEFAULT_CLASS_MAP if self.class_map is None else self.class_map
        return fold_labels(self.labels, class_map)

    @property
    def gain_bias(self) -> tuple[_Triple, _Triple]:
        """What turns 0..255 into the model's values: value × gain + bias, for each channel."""
        gain = (self.scale / self.std[0], self.scale / self.std[1], self.scale / self.std[2])
        bias = tuple(0.0 - m / s for m, s in zip(self.mean, self.std, strict=True))
        return gain, (bias[0], bias[1], bias[2])

    @model_validator(mode="after")
    def _fits_together(self) -> "Manifest":
        for stride in self.strides:
            if self.input_wh[0] % stride or self.input_wh[1] % stride:
                raise _misfit("input_wh", f"{shown(list(self.input_wh))} and a stride of {stride}")
        twice = [label for label in self.labels if self.labels.count(label) > 1]
        if twice:
            raise _misfit("labels", f"{shown(twice[0])} stands there twice")
        unknown = [label for label in self.class_map or () if label not in self.labels]
        if unknown:
            raise _misfit("class_map", f"{shown(unknown[0])} is none of the labels")
        if not self.class_table.classes:
            raise _misfit("labels", "none folds into person or vehicle; add a [class_map]")
        return self


def _misfit(key: str, what: str) -> PydanticCustomError:
    return PydanticCustomError("misfit", "{what}", {"key": key, "what": what})


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
        if item["type"] == "missing" and len(item["loc"]) == 1:
            what = "is missing"
        elif item["type"] == "extra_forbidden":
            what = "unknown key"
        elif item["type"] == "misfit":
            key, what = (item["ctx"]["key"],), item["msg"]
        elif key == ("class_map",) and len(item["loc"]) > 1:
            key, what = item["loc"][:2], f"value {shown(item['input'])}"
        else:
            what = f"value {shown(values[str(key[0])])}"
        place = (path, lines.get(key))
        problem = key_problem(place, "", key, what, allowed=_allowed(str(key[0])))
        found.setdefault(key, problem.text)
    return list(found.values())


def _allowed(key: str) -> str:
    field = Manifest.model_fields.get(key)
    return (field.description or "") if field else ", ".join(Manifest.model_fields)
