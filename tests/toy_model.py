"""A toy detector in YOLOX's layout, built on the spot: it finds coloured blobs.

Red blobs are persons, blue ones cars, green ones trucks; everything else is background.
A blob's box is the extent of the coloured run through its middle, so rectangles and discs
come out exact to about one pixel of the input (a 640 px wide frame: about 4 px). A blob's
score grows with its colour's purity: pure red (BGR 0, 0, 255) gives 0.98, (0, 0, 125) gives
0.50, contrasts below 60 are not seen. Blobs of one colour must not touch.

    manifest = write_toy_yolox(tmp_path)
    detector = open_detector(manifest, plan=Plan())
    picture = ArrayPicture(paint((640, 360), ("person", (100, 80, 160, 220))))
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LABELS = ("person", "car", "truck")
COLOURS_BGR = {"person": (0, 0, 255), "car": (255, 0, 0), "truck": (0, 255, 0)}

_CELL = 8  # the grid's stride; each of the three levels holds one label
_MIN_CONTRAST = 60.0
_FAR = 4096.0

_MANIFEST = """\
name = "toy"
file = "{file}"
sha256 = "{sha256}"
family = "yolox"
input_wh = [{w}, {h}]
layout = "nchw"
channels = "bgr"
letterbox = "top_left"
pad = 0
strides = [8, 8, 8]
labels = ["person", "car", "truck"]
score_threshold = 0.5
iou_threshold = 0.45
licence = "Apache-2.0"
source = "built by tests/toy_model.py"
"""

Box = tuple[float, float, float, float]
Blob = tuple[str, Box] | tuple[str, Box, float]


def paint(wh: tuple[int, int], *blobs: Blob, background: int = 24) -> NDArray[np.uint8]:
    """Return an (h, w, 3) uint8 BGR picture with a filled rectangle for each blob.

    Args: `blobs` (label, xyxy) in pure colour, or (label, xyxy, purity 0..1).
    """
    bgr = np.full((wh[1], wh[0], 3), background, np.uint8)
    for label, xyxy, *purity in blobs:
        x1, y1, x2, y2 = (max(0, round(v)) for v in xyxy)
        bgr[y1:y2, x1:x2] = np.asarray(COLOURS_BGR[label]) * (purity[0] if purity else 1)
    return bgr


def write_toy_yolox(
    folder: Path,
    *,
    name: str = "toy",
    input_wh: tuple[int, int] = (160, 96),
    batch: int | None = None,
    merged: bool = False,
    poison: float | None = None,
    half: bool = False,
    dynamic_int8: bool = False,
) -> Path:
    """Write `name`.onnx and `name`.toml into `folder` and return the manifest's path.

    Args: `input_wh` multiples of 8; `batch` fixes the batch axis (None: dynamic); `merged`
    makes the export that folds the batch into the anchors; `poison` replaces the scores of
    found blobs (nan, inf); `half` takes and gives float16; `dynamic_int8` quantises the input
    with one scale for the whole batch, as dynamically quantised models do.
    """
    graph = _Graph()
    _build(graph, input_wh, merged, poison, half, dynamic_int8)
    w, h = input_wh
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [helper.make_tensor_value_info("images", kind, [batch or "batch", 3, h, w])],
            [helper.make_tensor_value_info("output", kind, None)],
            initializer=graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    model = onnx.shape_inference.infer_shapes(model)
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    (folder / f"{name}.onnx").write_bytes(data)
    manifest = folder / f"{name}.toml"
    manifest.write_text(
        _MANIFEST.format(file=f"{name}.onnx", sha256=hashlib.sha256(data).hexdigest(), w=w, h=h)
    )
    return manifest


class _Graph:
    """Collects nodes and constants; each call returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: object, outputs: Sequence[str] = (), **attributes: object):
        names = [i if isinstance(i, str) else self._constant(i) for i in inputs]
        made = list(outputs) or [f"{kind}_{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, names, made, **attributes))
        return made[0]

    def _constant(self, value: object) -> str:
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name


def _build(
    g: _Graph, input_wh: tuple[int, int], merged: bool, poison: float | None, half: bool,
    dynamic_int8: bool,
) -> None:  # fmt: skip
    w, h = input_wh
    images = g.op("Cast", "images", to=TensorProto.FLOAT) if half else "images"
    if dynamic_int8:
        small, scale, zero = (f"quantised{i}" for i in range(3))
        g.op("DynamicQuantizeLinear", images, outputs=[small, scale, zero])
        images = g.op("DequantizeLinear", small, scale, zero)
    contrast = _contrast(g, images)
    blob = g.op("Cast", g.op("Greater", contrast, _MIN_CONTRAST), to=TensorProto.FLOAT)
    x1, x2, mid_x = _extent(g, blob, input_wh, axis=3)
    y1, y2, mid_y = _extent(g, blob, input_wh, axis=2)
    middle = g.op("Mul", blob, g.op("Mul", mid_x, mid_y))
    purity = g.op("Clip", g.op("Div", contrast, 250.0), np.float32(0), np.float32(0.98))
    score = _cells(g, g.op("Mul", middle, purity))
    if poison is not None:
        score = g.op("Where", g.op("Greater", score, 0.0), np.float32(poison), np.float32(0))
    # A cell takes the union of the boxes of its middles: outer edges are maxima.
    right, bottom = (_cells(g, g.op("Mul", middle, edge)) for edge in (x2, y2))
    left = g.op("Sub", float(w), _cells(g, g.op("Mul", middle, g.op("Sub", float(w), x1))))
    top = g.op("Sub", float(h), _cells(g, g.op("Mul", middle, g.op("Sub", float(h), y1))))
    raw = [
        _offset(g, left, right, np.arange(w // _CELL).reshape(1, 1, 1, -1)),
        _offset(g, top, bottom, np.arange(h // _CELL).reshape(1, 1, -1, 1)),
        _log_size(g, left, right),
        _log_size(g, top, bottom),
        score,
    ]
    anchors = 3 * (w // _CELL) * (h // _CELL)
    rows = [g.op("Reshape", part, np.array([0, anchors, 1])) for part in raw]
    one_hot = np.repeat(np.eye(3), anchors // 3, axis=0)[None]
    finite = g.op("Mul", rows[0], 0.0)  # carries the batch axis
    out = g.op("Concat", *rows, g.op("Add", finite, one_hot), axis=2)
    if merged:
        out = g.op("Reshape", out, np.array([1, -1, 8]))
    last = {"to": TensorProto.FLOAT16} if half else {}
    g.op("Cast" if half else "Identity", out, outputs=["output"], **last)


def _contrast(g: _Graph, images: str) -> str:
    """Return (n, 3, h, w): how much each label's colour stands over the other two."""
    blue, green, red = (f"plane{i}" for i in range(3))
    g.op("Split", images, np.array([1, 1, 1]), outputs=[blue, green, red], axis=1)
    order = [(red, green, blue), (blue, green, red), (green, blue, red)]
    return g.op(
        "Concat",
        *(g.op("Sub", own, g.op("Max", a, b)) for own, a, b in order),
        axis=1,
    )


def _extent(g: _Graph, blob: str, wh: tuple[int, int], *, axis: int) -> tuple[str, str, str]:
    """Return first pixel, end pixel and "stands in the middle" of each pixel's run.

    The end of a run is the nearest background pixel, which a running maximum finds.
    """
    size = wh[3 - axis]
    shape = [1, 1, 1, 1]
    shape[axis] = size
    at = np.arange(size, dtype=np.float32).reshape(shape)
    hide = g.op("Mul", blob, _FAR)
    end = g.op("Neg", _running_max(g, g.op("Sub", -at, hide), wh, axis, ahead=True))
    end = g.op("Min", end, float(size))
    first = g.op("Add", _running_max(g, g.op("Sub", at, hide), wh, axis, ahead=False), 1.0)
    first = g.op("Max", first, 0.0)
    middle = g.op("Div", g.op("Add", first, end), 2.0)
    near = g.op("LessOrEqual", g.op("Abs", g.op("Sub", middle, at + 0.5)), 1.0)
    wide = g.op("Greater", g.op("Sub", end, first), 1.5)
    both = g.op("Cast", g.op("And", near, wide), to=TensorProto.FLOAT)
    return first, end, both


def _running_max(g: _Graph, value: str, wh: tuple[int, int], axis: int, *, ahead: bool) -> str:
    """Return the maximum from each pixel to the end (or, not `ahead`, the start) of its line.

    Two steps: over the `near` pixels next to it, then, on a view in which pixels `near` apart
    are neighbours, over the rest of the line.
    """
    w, h = wh
    size = wh[3 - axis]
    near = next(n for n in range(int(size**0.5), 0, -1) if size % n == 0)
    value = _pool(g, value, near, axis, ahead=ahead)
    folded = [0, 3 * h, size // near, near] if axis == 3 else [0, 3, size // near, near * w]
    value = _pool(g, g.op("Reshape", value, np.array(folded)), size // near, 2, ahead=ahead)
    return g.op("Reshape", value, np.array([0, 3, h, w]))


def _pool(g: _Graph, value: str, length: int, axis: int, *, ahead: bool) -> str:
    kernel, pads = [1, 1], [0, 0, 0, 0]
    kernel[axis - 2] = length
    pads[axis - 2 + (2 if ahead else 0)] = length - 1
    return g.op("MaxPool", value, kernel_shape=kernel, pads=pads)


def _cells(g: _Graph, value: str) -> str:
    return g.op("MaxPool", value, kernel_shape=[_CELL, _CELL], strides=[_CELL, _CELL])


def _offset(g: _Graph, low: str, high: str, cell: NDArray[np.int64]) -> str:
    centre = g.op("Div", g.op("Add", low, high), 2.0 * _CELL)
    return g.op("Sub", centre, cell.astype(np.float32))


def _log_size(g: _Graph, low: str, high: str) -> str:
    size = g.op("Max", g.op("Sub", high, low), 1.0)
    return g.op("Log", g.op("Div", size, float(_CELL)))
