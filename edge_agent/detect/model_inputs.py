"""What a graph is fed: its pictures in their type and layout, and the inputs beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.config.problems import shown
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from edge_agent.types import FloatArray

#: ONNX Runtime's words for what an input may hold.
_PICTURE_DTYPES: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
}
_EXTRA_DTYPES: Mapping[str, Any] = {
    **_PICTURE_DTYPES,
    "tensor(double)": np.float64,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
#: Whole numbers must be told apart: a scale to 0..1 would leave two of them.
_LEAST_SPAN = 100


@dataclass(frozen=True, slots=True, eq=False)
class ModelInputs:
    """How to feed one graph."""

    picture: str  # the name of the input that takes pictures
    dtype: np.dtype[Any]
    nhwc: bool
    fixed_batch: bool  # the graph takes one picture a run
    extra: Mapping[str, NDArray[Any]]  # the other inputs' values for one picture
    by_picture: frozenset[str]  # of these, the ones whose first axis is the pictures'

    def feed(self, images: FloatArray) -> dict[str, NDArray[Any]]:
        """Return the inputs of one run for `images` (n, 3, h, w)."""
        pixels = images.transpose(0, 2, 3, 1) if self.nhwc else images
        if self.dtype.kind in "iu":
            pixels = np.rint(pixels)
        fed: dict[str, NDArray[Any]] = {self.picture: pixels.astype(self.dtype, copy=False)}
        for name, value in self.extra.items():
            repeated = name in self.by_picture and len(images) > 1
            fed[name] = value.repeat(len(images), axis=0) if repeated else value
        return fed


def bind_inputs(manifest: Manifest, inputs: Sequence[Any]) -> ModelInputs:
    """Return how to feed a graph with these `inputs` (ONNX Runtime's).

    Raises: ModelError where they are not what the manifest promises.
    """
    subject = f"model {manifest.model_id}"
    pictures = [i for i in inputs if i.name not in manifest.extra_inputs]
    seen = ", ".join(f"{i.name} {i.shape} {i.type}" for i in pictures)
    if len(pictures) != 1 or not _takes_pictures(manifest, pictures[0]):
        more = "; name the others in extra_inputs" if len(pictures) > 1 else ""
        raise ModelError(
            f"{subject}: input {seen}, not one of {_wanted(manifest)}{more}; the model is not "
            "loaded"
        )
    dtype = np.dtype(_PICTURE_DTYPES[pictures[0].type])
    _check_range(subject, manifest, dtype)
    present = {i.name: i for i in inputs}
    for name in manifest.extra_inputs:
        if name not in present:
            raise ModelError(
                f'{subject}: extra_inputs names "{name}", but the graph\'s inputs are '
                f"{', '.join(present)}; the model is not loaded"
            )
    extra = {name: _value(subject, manifest, present[name]) for name in manifest.extra_inputs}
    return ModelInputs(
        pictures[0].name,
        dtype,
        manifest.layout == "nhwc",
        isinstance(pictures[0].shape[0], int),
        extra,
        frozenset(name for name in extra if _is_by_picture(present[name])),
    )


def _takes_pictures(manifest: Manifest, graph_input: Any) -> bool:
    if len(graph_input.shape) != 4 or graph_input.type not in _PICTURE_DTYPES:
        return False
    batch, *rest = graph_input.shape
    sizes_fit = all(
        not isinstance(size, int) or size == want
        for size, want in zip(rest, _sides(manifest), strict=True)
    )
    return sizes_fit and (not isinstance(batch, int) or batch == 1)


def _sides(manifest: Manifest) -> tuple[int, int, int]:
    w, h = manifest.input_wh
    return (3, h, w) if manifest.layout == "nchw" else (h, w, 3)


def _wanted(manifest: Manifest) -> str:
    sides = ", ".join(map(str, _sides(manifest)))
    *types, last = _PICTURE_DTYPES
    return f'[1 or dynamic, {sides}] {", ".join(types)} or {last} ("{manifest.layout}", input_wh)'


def _check_range(subject: str, manifest: Manifest, dtype: np.dtype[Any]) -> None:
    """Refuse a preparation whose values a type of whole numbers cannot hold."""
    if dtype.kind not in "iu":
        return
    gain, bias = (np.array(values) for values in manifest.gain_bias)
    low, high = bias, 255 * gain + bias
    limits = np.iinfo(dtype)
    if low.min() < limits.min or high.max() > limits.max or (high - low).min() < _LEAST_SPAN:
        raise ModelError(
            f"{subject}: its input holds {dtype.name}, but scale, mean and std make "
            f"{low.min():g} to {high.max():g} of 0 to 255; leave them out for uint8, or set mean "
            "to 128 for int8; the model is not loaded"
        )


def _value(subject: str, manifest: Manifest, graph_input: Any) -> NDArray[Any]:
    """Return what an input beside the picture is given for one picture.

    Its open lengths are 1, or the length of the list in the manifest.
    """
    asked = manifest.extra_inputs[graph_input.name]
    dtype = _EXTRA_DTYPES.get(graph_input.type)
    w, h = manifest.input_wh
    numbers = {"input_wh": (w, h), "input_hw": (h, w), "ones": None}.get(str(asked), asked)
    shape = [size if isinstance(size, int) else 1 for size in graph_input.shape]
    if numbers is not None and shape and not isinstance(graph_input.shape[-1], int):
        shape[-1] = len(numbers)
    count = int(np.prod(shape))
    if dtype is None or (numbers is not None and count != len(numbers)):
        raise ModelError(
            f"{subject}: input {graph_input.name} {graph_input.shape} {graph_input.type} cannot "
            f"be given {shown(asked if isinstance(asked, str) else list(asked))} of extra_inputs; "
            "the model is not loaded"
        )
    if numbers is None:
        return np.ones(_ones_shape(manifest, graph_input.shape, shape), dtype)
    return np.array(numbers, dtype).reshape(shape)


def _ones_shape(manifest: Manifest, declared: Sequence[Any], shape: Sequence[int]) -> list[int]:
    """Return the shape of ones: open sides of a mask are the input's, an open pair is two."""
    w, h = manifest.input_wh
    usual = {3: [1, h, w], 4: [1, 1, h, w], 2: [1, 2]}.get(len(shape), list(shape))
    return [
        size if isinstance(size, int) else default
        for size, default in zip(declared, usual, strict=True)
    ]


def _is_by_picture(graph_input: Any) -> bool:
    return len(graph_input.shape) > 1 and not isinstance(graph_input.shape[0], int)
