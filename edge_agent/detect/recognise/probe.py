"""Open a model file that nobody has described and run it once: what families judge by."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge_agent.detect.graph_facts import GraphFacts, Probe, TensorFacts
from edge_agent.detect.recognise.runtime_words import refusal_words, run_words
from edge_agent.errors import ModelError
from edge_agent.types import ByteArray, Wh

#: Inputs of a picture may have these types; NumPy's words.
PICTURE_TYPES = ("float32", "float16", "uint8", "int8")
ACCEPTED_INPUT = (
    "accepted is one picture input of 4 axes, (1 or open, 3, h, w) or (1 or open, h, w, 3), of "
    f"{', '.join(PICTURE_TYPES)}, and beside it at most the picture's size"
)

_DTYPES = {"float": "float32", "double": "float64"}  # ONNX Runtime's words that are not NumPy's
#: Sides tried where the graph leaves them open, the commonest first.
_SIDES = (640, 416, 320, 512, 384, 608, 800, 1280)
_MOST_NUMBERS = 16  # of an input beside the picture
_FATAL_ONLY = 4


class OpenModel:
    """A model in ONNX Runtime, on one thread."""

    def __init__(self, file: Path) -> None:
        """Open `file`. Raises: ModelError in ONNX Runtime's words."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL_ONLY
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(file), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ModelError(refusal_words(error)) from error
        self.inputs = _tensors(self._session.get_inputs())
        self.outputs = _tensors(self._session.get_outputs())
        meta = self._session.get_modelmeta()
        self.metadata: Mapping[str, str] = dict(meta.custom_metadata_map)
        self.producer: str = meta.producer_name

    def facts(
        self, bgr: ByteArray, opset: int | None, wish_wh: Sequence[int] | None = None
    ) -> list[GraphFacts]:
        """Return what the graph declares and what a run on `bgr` gives: at 0..1 and at 0..255.

        `wish_wh` is the size of the input where the graph leaves it open.
        A net that wants the one says little at the other. What gives no numbers is left out.
        Raises: ModelError where no input takes a picture, or where no run is of use.
        """
        picture = picture_input(self.inputs)
        scales = (1.0,) if picture.dtype in ("uint8", "int8") else (1 / 255, 1.0)
        fault = ""
        for wh in input_sizes(picture, self.metadata, wish_wh):
            probes = []
            for scale in scales:
                try:
                    outputs = self._run(picture, bgr, wh, scale)
                except ModelError as error:
                    fault = fault or str(error)
                    break
                wrong = _output_fault(outputs)
                if wrong is None:
                    probes.append(Probe(wh, outputs))
                fault = wrong or fault
            if probes:
                return [
                    GraphFacts(self.inputs, self.outputs, self.metadata, opset, self.producer, p)
                    for p in probes
                ]
        raise ModelError(fault)

    def _run(
        self, picture: TensorFacts, bgr: ByteArray, wh: Wh, scale: float
    ) -> dict[str, NDArray[Any]]:
        feed = {tensor.name: _beside(tensor, wh) for tensor in self.inputs if tensor is not picture}
        feed[picture.name] = _pixels(picture, bgr, wh, scale)
        try:
            outputs = self._session.run(None, feed)
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ModelError(
                f"a run on a picture of {wh[0]}×{wh[1]} fails: {run_words(error)}"
            ) from error
        named = zip(self.outputs, outputs, strict=True)
        return {tensor.name: np.asarray(output) for tensor, output in named}


def picture_input(inputs: Sequence[TensorFacts]) -> TensorFacts:
    """Return the input that takes the picture.

    Raises: ModelError where there is none or more than one, or where an input beside it is more
    than some numbers.
    """
    large = [tensor for tensor in inputs if not _is_small(tensor)]
    seen = ", ".join(map(tensor_words, inputs)) or "no input at all"
    if len(large) != 1:
        what = "no input takes a picture" if not large else f"{len(large)} inputs take pictures"
        raise ModelError(f"{what}: {seen}; {ACCEPTED_INPUT}")
    (picture,) = large
    if fault := _picture_fault(picture):
        raise ModelError(f"{fault}: {seen}; {ACCEPTED_INPUT}")
    return picture


def _picture_fault(picture: TensorFacts) -> str | None:
    shape = picture.shape
    if len(shape) != 4:
        return f"the input has {len(shape)} axes"
    if picture.dtype not in PICTURE_TYPES:
        return f"the input takes {picture.dtype}"
    if 0 in shape:
        return "an axis of the input has the length 0"
    if isinstance(shape[0], int) and shape[0] != 1:
        return f"the batch is fixed at {shape[0]} pictures"
    if 3 not in (shape[1], shape[3]):
        return "no axis of the input has the 3 colours"
    return None


def _is_small(tensor: TensorFacts) -> bool:
    """Return whether an input can only be some numbers, as the picture's size is, or a mask."""
    if len(tensor.shape) == 3 and "mask" in tensor.name.lower():
        return True
    lengths = [length for length in tensor.shape[1:] if isinstance(length, int)]
    is_open = len(lengths) < len(tensor.shape[1:])
    return len(tensor.shape) <= 2 and not is_open and int(np.prod(lengths)) <= _MOST_NUMBERS


def is_channels_last(picture: TensorFacts) -> bool:
    """Return whether a picture input is (n, h, w, 3)."""
    return picture.shape[3] == 3 and picture.shape[1] != 3


def input_sizes(
    picture: TensorFacts, metadata: Mapping[str, str], wish_wh: Sequence[int] | None = None
) -> Iterator[Wh]:
    """Yield the sizes (w, h) at which the model may run, the likeliest first.

    Raises: ModelError where the graph has another size than `wish_wh`.
    """
    axes = (1, 2) if is_channels_last(picture) else (2, 3)
    h, w = (picture.shape[axis] for axis in axes)
    if wish_wh is not None:
        if any(isinstance(n, int) and n != wish for n, wish in zip((w, h), wish_wh, strict=True)):
            raise ModelError(f"its input is fixed at {w}×{h}, not {wish_wh[0]}×{wish_wh[1]}")
        yield wish_wh[0], wish_wh[1]
        return
    if isinstance(h, int) and isinstance(w, int):
        yield w, h
        return
    told = _told_size(metadata)
    for side_w, side_h in [*told, *((side, side) for side in _SIDES)]:
        yield w if isinstance(w, int) else side_w, h if isinstance(h, int) else side_h


def _told_size(metadata: Mapping[str, str]) -> list[Wh]:
    """Return the size that Ultralytics' exports tell under `imgsz`: "[h, w]" or one number."""
    numbers = [int(text) for text in re.findall(r"\d{1,5}", metadata.get("imgsz", "")[:100])]
    good = [number for number in numbers if 8 <= number <= 8192]
    return [(good[-1], good[0])] if 1 <= len(good) <= 2 else []


def _pixels(picture: TensorFacts, bgr: ByteArray, wh: Wh, scale: float) -> NDArray[Any]:
    rgb = cv2.resize(bgr, wh, interpolation=cv2.INTER_AREA)[..., ::-1]
    planes = rgb if is_channels_last(picture) else rgb.transpose(2, 0, 1)
    if picture.dtype == "uint8":
        return np.ascontiguousarray(planes[None])
    if picture.dtype == "int8":
        return np.ascontiguousarray(planes[None].astype(np.int16) - 128, dtype=np.int8)
    return np.ascontiguousarray(planes[None] * scale, dtype=picture.dtype)


def _beside(tensor: TensorFacts, wh: Wh) -> NDArray[Any]:
    """Return what an input beside the picture may take: the size of the picture, or ones."""
    whole = (1, wh[1], wh[0]) if len(tensor.shape) == 3 else (1, 1)
    shape = [n if isinstance(n, int) else whole[axis] for axis, n in enumerate(tensor.shape)]
    if shape[-1:] == [2] and "scale" not in tensor.name.lower():
        return np.broadcast_to(np.array(wh), shape).astype(tensor.dtype)
    return np.ones(shape, tensor.dtype)


def _output_fault(outputs: Mapping[str, NDArray[Any]]) -> str | None:
    if not outputs:
        return "it has no outputs"
    for name, output in outputs.items():
        if output.dtype.kind == "f" and output.size:
            wrong = 1 - float(np.isfinite(output).mean())
            if wrong > 0:
                return f"output {name!r}: {wrong:.0%} of its values are NaN or infinite"
    return None


def _tensors(nodes: Sequence[Any]) -> tuple[TensorFacts, ...]:
    return tuple(TensorFacts(node.name, _dtype(node.type), tuple(node.shape)) for node in nodes)


def _dtype(word: str) -> str:
    """Return NumPy's word for `tensor(float)` and its like, others as they stand."""
    inner = word.removeprefix("tensor(").removesuffix(")")
    return _DTYPES.get(inner, inner)


def tensor_words(tensor: TensorFacts) -> str:
    """Return an input or output in words: `images float32 1×3×416×416`."""
    lengths = "×".join("?" if length is None else str(length) for length in tensor.shape)
    return f"{tensor.name} {tensor.dtype} {lengths or 'of any shape'}"


def told_labels(metadata: Mapping[str, str]) -> list[str] | None:
    """Return the labels that a file carries, None where it carries none.

    Ultralytics writes a Python dict under `names`; others a list or a text with commas.
    """
    for key in ("names", "labels", "classes", "class_names"):
        text = metadata.get(key, "").strip()
        if not text or len(text) > 1_000_000:
            continue
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            value = [part.strip() for part in re.split(r"[,\n]", text)]
        if isinstance(value, dict):
            value = [value[place] for place in sorted(value, key=_number)]
        if isinstance(value, list | tuple) and value and all(isinstance(v, str) for v in value):
            return list(value)
    return None


def told_licence(metadata: Mapping[str, str]) -> str:
    """Return the licence of the weights as the file tells it."""
    for key in ("license", "licence"):
        if text := metadata.get(key, "").strip():
            return text.split(" ")[0][:100]
    return "unknown: ask who trained it"


def told_source(facts: GraphFacts, file: str) -> str:
    """Return where the file comes from, as far as it tells."""
    told = [facts.metadata.get(key, "").strip()[:200] for key in ("source", "description")]
    known = [text for text in told if text]
    return known[0] if known else f"{Path(file).name}, exported by {facts.producer or 'unknown'}"


def _number(key: object) -> tuple[int, str]:
    text = str(key)
    return (int(text) if text.isdecimal() else 0, text)
