"""The types of a manifest's keys; the descriptions say what is allowed."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from edge_agent.detect.labels import LABEL_SETS

# Strict: in TOML a number is a number, not a text or a truth value.
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Positive = Annotated[_Number, Field(gt=0)]
Triple = tuple[_Number, _Number, _Number]
_Side = Annotated[int, Field(strict=True, ge=8, le=8192)]
_Stride = Annotated[int, Field(strict=True, ge=1, le=256)]
_Label = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_ClassWord = Annotated[
    str,
    StringConstraints(pattern=r"^(ignored|person|vehicle|(person|vehicle)/[a-z][a-z0-9_-]{0,30})$"),
]
_Numbers = Annotated[tuple[_Number, ...], Field(min_length=1, max_length=16)]
#: What an input beside the picture is given.
InputWord = Literal["input_wh", "input_hw", "ones"]
Column = Literal["batch", "x1", "y1", "x2", "y2", "score", "class", "-"]
Role = Literal["boxes", "scores", "classes", "count", "-"]


def _named_labels(value: Any) -> Any:
    return LABEL_SETS.get(value, value) if isinstance(value, str) else value


File = Annotated[Path, Field(description="the .onnx file's path, from the manifest's folder")]
Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(description="64 digits 0-9 a-f, as `sha256sum` prints them"),
]
InputWh = Annotated[
    tuple[_Side, _Side],
    Field(description="[width, height], 8 to 8192, multiples of every stride"),
]
Layout = Annotated[Literal["nchw", "nhwc"], Field(description='"nchw" or "nhwc"')]
Channels = Annotated[Literal["bgr", "rgb"], Field(description='"bgr" or "rgb"')]
Scale = Annotated[
    _Positive, Field(description="a number above 0 that values of 0..255 are multiplied by")
]
Mean = Annotated[
    Triple, Field(description="3 numbers in the order of `channels`, taken off after `scale`")
]
Std = Annotated[
    tuple[_Positive, _Positive, _Positive],
    Field(description="3 numbers above 0 in the order of `channels`, divided by after `mean`"),
]
Fit = Annotated[
    Literal["top_left", "centre", "stretch"],
    Field(description='"top_left", "centre" or "stretch"'),
]
Pad = Annotated[
    _Number, Field(ge=0, le=255, description="0 to 255: the grey around a letterboxed picture")
]
ExtraInputs = Annotated[
    dict[str, InputWord | _Numbers],
    Field(
        max_length=8,
        description='input = "input_wh", "input_hw", "ones" or a list of numbers, for every input '
        "beside the picture",
    ),
]
Strides = Annotated[
    tuple[_Stride, ...],
    Field(min_length=1, max_length=8, description="1 to 8 whole numbers from 1 to 256"),
]
Anchors = Annotated[
    Annotated[
        tuple[tuple[tuple[_Positive, _Positive], ...], ...], Field(min_length=1, max_length=8)
    ]
    | None,
    Field(
        description="a list for each stride, in the order of `strides`, of as many [width, height]"
        " in pixels of the input",
    ),
]
CellPoint = Annotated[
    Literal["corner", "middle", "pixel_middle"] | None,
    Field(description='"corner", "middle" or "pixel_middle" (the middle less half a pixel)'),
]
Columns = Annotated[
    Annotated[tuple[Column, ...], Field(min_length=6, max_length=16)] | None,
    Field(
        description='"x1", "y1", "x2", "y2", "score", "class" once each, "batch" at most once, '
        '"-" for others, in the order of a row',
    ),
]
Roles = Annotated[
    Annotated[tuple[Role, ...], Field(min_length=1, max_length=24)] | None,
    Field(
        description='"boxes", "scores", "classes", "count" or "-" (unused), one for each output '
        "of the graph, in its order",
    ),
]
BoxFormat = Annotated[
    Literal["xyxy", "yxyx", "cxcywh", "xywh"] | None,
    Field(description='"xyxy", "yxyx", "cxcywh" or "xywh" (left, upper, width, height)'),
]
BoxUnits = Annotated[
    Literal["pixels", "normalised"] | None,
    Field(description='"pixels" of the input, or "normalised" (0 to 1 over the input)'),
]
Activation = Annotated[
    Literal["none", "sigmoid", "softmax"] | None,
    Field(description='"none", "sigmoid" or "softmax": what the graph has not done to its scores'),
]


Labels = Annotated[
    tuple[_Label, ...],
    BeforeValidator(_named_labels),
    Field(
        min_length=1,
        max_length=10_000,
        description='"coco", "coco91" or a list of different names in the order of the output',
    ),
]
ClassMap = Annotated[
    dict[str, _ClassWord] | None,
    Field(
        description='label = "ignored", "person", "vehicle" or one of these two with a "/subclass"'
        ", for known labels"
    ),
]
IouThreshold = Annotated[
    _Number, Field(gt=0, le=1, description="above 0, at most 1; 0.45 suits most")
]
Licence = Annotated[
    str, Field(min_length=1, description="the licence of the weights, as an SPDX name")
]
Source = Annotated[str, Field(min_length=1, description="where the file comes from")]
Trim = Annotated[bool, Field(strict=True, description="true or false")]
Tested = Annotated[bool, Field(strict=True, description="true or false")]
