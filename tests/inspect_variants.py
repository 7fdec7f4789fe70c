"""Exports of the boxed detector as other tools would have made them, built with `onnx`.

The boxed detector has YOLOX's raw rows, BGR 0..255, an open input and two labels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_agent.config import boxed_model

BOXED = boxed_model().with_suffix(".onnx")
_STRIDES = (8, 16, 32)
_COLUMNS = ([0, 1], [2, 3], [4, 5])  # centre, size, label scores
_STD, _MEAN = np.float32([58.395, 57.12, 57.375]), np.float32([123.675, 116.28, 103.53])


class Variant:
    """The boxed detector, with nodes put before and after it."""

    def __init__(self, wh: tuple[int, int] = (320, 192)) -> None:
        self.model = onnx.load(BOXED)
        self.wh = wh
        graph = self.model.graph
        self._input, self._output = graph.input[0].name, graph.output[0].name
        self._kind, self._shape = TensorProto.FLOAT, [1, 3, wh[1], wh[0]]
        self._before: list[onnx.NodeProto] = []
        self._names = ("pixels", "detections")
        self._count = 0

    def take(self, kind: int, *, channels_last: bool = False) -> "Variant":
        """Take another type of pixels, and perhaps (1, h, w, 3)."""
        self._kind = kind
        value = self._put_before("Cast", to=TensorProto.FLOAT)
        if channels_last:
            self._shape = [1, self.wh[1], self.wh[0], 3]
            value = self._put_before("Transpose", perm=[0, 3, 1, 2])
        assert value
        return self

    def open_batch(self) -> "Variant":
        self._shape[0] = "batch"  # type: ignore[call-overload]
        return self

    def open_size(self) -> "Variant":
        self._shape[2:] = ["height", "width"]  # type: ignore[list-item]
        return self

    def scaled(self, gain: object, bias: object = 0.0) -> "Variant":
        """Multiply and shift the pixels before they reach the net."""
        for kind, value in (("Mul", gain), ("Add", bias)):
            array = np.asarray(value, np.float32).reshape(-1, 1, 1)
            self._put_before(kind, array)
        return self

    def rgb(self) -> "Variant":
        self._put_before("Gather", np.array([2, 1, 0]), axis=1)
        return self

    def renamed(self, picture: str, output: str) -> "Variant":
        self._names = (picture, output)
        return self

    def labels(self, columns: Sequence[int], count: int) -> "Variant":
        """Spread the two label scores over `count` columns, at `columns`; others are 0."""
        place = np.full(count, 7, np.int64)  # a column of zeros
        place[list(columns)] = [5, 6]
        index = np.concatenate([np.arange(5), place])
        padded = self._after("Pad", np.array([0, 0, 0, 0, 0, 1]))
        self._output = padded
        self._output = self._after("Gather", index, axis=2)
        return self

    def decoded(self, *, objectness: bool, columns_first: bool = False) -> "Variant":
        """Turn the raw rows into boxes in pixels, as YOLOv5 or YOLOv8 give them."""
        labels = 2
        parts = [f"part{i}" for i in range(4)]
        split = self._constant(np.array([2, 2, 1, labels]))
        self.model.graph.node.append(
            helper.make_node("Split", [self._output, split], parts, axis=2)
        )
        cells, strides = [], []
        for stride in _STRIDES:
            y, x = np.mgrid[: self.wh[1] // stride, : self.wh[0] // stride]
            cells.append(np.stack([x.ravel(), y.ravel()], 1))
            strides.append(np.full((x.size, 1), stride))
        grid, step = (np.concatenate(v).astype(np.float32)[None] for v in (cells, strides))
        centre = self._op("Mul", self._op("Add", parts[0], grid), step)
        size = self._op("Mul", self._op("Exp", parts[1]), step)
        scores = parts[2:] if objectness else [self._op("Mul", parts[2], parts[3])]
        self._output = self._op("Concat", centre, size, *scores, axis=2)
        if columns_first:
            self._output = self._op("Transpose", self._output, perm=[0, 2, 1])
        return self

    def finished(self, ids: tuple[int, int]) -> "Variant":
        """Turn the raw rows into the 100 best as YOLOv10 gives them, with labels told by `ids`."""
        self.decoded(objectness=False)
        parts = [self._op("Gather", self._output, np.array(c), axis=2) for c in _COLUMNS]
        half = self._op("Mul", parts[1], np.float32(0.5))
        low, high = self._op("Sub", parts[0], half), self._op("Add", parts[0], half)
        best = self._op("ReduceMax", parts[2], axes=[2], keepdims=0)
        scores, rows = self._name("scores"), self._name("rows")
        top = helper.make_node("TopK", [best, self._constant(np.array([100]))], [scores, rows])
        top.attribute.append(helper.make_attribute("axis", 1))
        self.model.graph.node.append(top)
        label = self._op("ArgMax", parts[2], axis=2)
        number = self._op("Gather", np.float32(ids), label)
        table = self._op("Concat", low, high, self._op("Unsqueeze", best, np.array([2])), number,
                         axis=2)  # fmt: skip
        index = self._op(
            "Expand", self._op("Unsqueeze", rows, np.array([2])), np.array([1, 100, 6])
        )
        self._output = self._op("GatherElements", table, index, axis=1)
        return self

    def write(self, path: Path, **metadata: str) -> Path:
        """Write the file and return its path."""
        graph = self.model.graph
        names = [*(node.output[0] for node in self._before), self._input]
        value = self._names[0]
        for node, name in zip(self._before, names[1:], strict=True):
            node.input[0], node.output[0] = value, name
            value = name
        if self._before:
            graph.node.insert(0, self._before[0])
            for place, node in enumerate(self._before[1:], 1):
                graph.node.insert(place, node)
        else:
            graph.node.insert(0, helper.make_node("Identity", [self._names[0]], [self._input]))
        graph.node.append(helper.make_node("Identity", [self._output], [self._names[1]]))
        del graph.input[:], graph.output[:], graph.value_info[:]
        shape = helper.make_tensor_value_info(self._names[0], self._kind, self._shape)
        graph.input.append(shape)
        graph.output.append(helper.make_tensor_value_info(self._names[1], TensorProto.FLOAT, None))
        del self.model.metadata_props[:]
        helper.set_model_props(self.model, metadata)
        onnx.save(self.model, path)
        return path

    def _put_before(self, kind: str, *values: np.ndarray, **attributes: object) -> str:
        name = self._name(kind)
        inputs = ["", *(self._constant(value) for value in values)]
        self._before.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def _after(self, kind: str, *values: np.ndarray, **attributes: object) -> str:
        return self._op(kind, self._output, *values, **attributes)

    def _op(self, kind: str, *inputs: object, **attributes: object) -> str:
        names = [i if isinstance(i, str) else self._constant(np.asarray(i)) for i in inputs]
        name = self._name(kind)
        self.model.graph.node.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def _constant(self, value: np.ndarray) -> str:
        name = self._name("constant")
        self.model.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"variant_{kind}_{self._count}"


def imagenet() -> Variant:
    """Return the detector as one that wants RGB less ImageNet's mean, by its deviation."""
    return Variant().scaled(_STD, _MEAN).rgb()
