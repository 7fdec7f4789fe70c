"""What a graph is fed: axes, types, and the inputs beside the picture."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tomlkit
from onnx import TensorProto, helper

from edge_agent.detect import load_manifest, open_detector
from edge_agent.detect.batching import batch_fault
from edge_agent.detect.session import Session
from edge_agent.errors import ModelError
from edge_agent.settings import Plan
from tests.detect_support import frame_of
from tests.families_support import write_manifest
from tests.toy_model import paint, write_toy_yolox

STREET = (("person", (100, 80, 160, 220)), ("car", (300, 100, 420, 180)))


def seal(manifest: Path, model: onnx.ModelProto, **keys: Any) -> Path:
    """Write another graph and other keys in place of a manifest's."""
    onnx.save(model, manifest.with_suffix(".onnx"))
    document = tomlkit.parse(manifest.read_text())
    digest = hashlib.sha256(manifest.with_suffix(".onnx").read_bytes()).hexdigest()
    document.update({"sha256": digest, **keys})
    manifest.write_text(tomlkit.dumps(document))
    return manifest


def turned(folder: Path, dtype: int, *, nhwc: bool = True, **keys: Any) -> Path:
    """Write the toy detector with an input of other axes and of another type.

    int8 inputs hold 128 less.
    """
    manifest = write_toy_yolox(folder)
    model = onnx.load(manifest.with_suffix(".onnx"))
    (old,) = model.graph.input
    sides = ["batch", 96, 160, 3] if nhwc else ["batch", 3, 96, 160]
    new = helper.make_tensor_value_info("tensor", dtype, sides)
    off = 128.0 if dtype == TensorProto.INT8 else 0.0
    head = [
        helper.make_node("Cast", ["tensor"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["off"], value_float=off),
        helper.make_node("Add", ["real", "off"], ["shifted"]),
        helper.make_node("Transpose", ["shifted"], [old.name], perm=[0, 3, 1, 2])
        if nhwc
        else helper.make_node("Identity", ["shifted"], [old.name]),
    ]
    nodes = [*head, *model.graph.node]
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    model.graph.input.append(new)
    return seal(manifest, model, layout="nhwc" if nhwc else "nchw", **keys)


TYPES = {
    "float": (TensorProto.FLOAT, {}),
    "half": (TensorProto.FLOAT16, {}),
    "uint8": (TensorProto.UINT8, {}),
    "int8": (TensorProto.INT8, {"mean": [128, 128, 128]}),
}


@pytest.mark.parametrize("letterbox", ["centre", "top_left"])
@pytest.mark.parametrize("nhwc", [True, False], ids=["nhwc", "nchw"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_and_order_of_axes_finds_the_same(
    kind: str, nhwc: bool, letterbox: str, tmp_path: Path
) -> None:
    dtype, keys = TYPES[kind]
    manifest = turned(tmp_path, dtype, nhwc=nhwc, letterbox=letterbox, **keys)
    detector = open_detector(manifest, plan=Plan(batch=2), provider="cpu")
    frames = [frame_of(paint((640, 360), *STREET)), frame_of(paint((300, 200)))]
    batch = detector.detect(frames, 0)
    assert batch.row_splits.tolist() == [0, 2, 2]
    found = sorted(batch.rows(0).xyxy.tolist())
    np.testing.assert_allclose(found, [box for _, box in STREET], atol=4)


def test_a_batch_of_whole_numbers_is_proven_too(tmp_path: Path) -> None:
    manifest = load_manifest(turned(tmp_path, TensorProto.UINT8))
    assert batch_fault(Session(manifest, threads=1, provider="cpu"), manifest, 3) is None


@pytest.mark.parametrize(
    ("dtype", "keys", "made"),
    [
        (TensorProto.UINT8, {"scale": 1 / 255}, "uint8, but scale, mean and std make 0 to 1 of"),
        (TensorProto.UINT8, {"mean": [1, 0, 0]}, "uint8, but scale, mean and std make -1 to 255"),
        (TensorProto.INT8, {}, "int8, but scale, mean and std make 0 to 255 of 0 to 255"),
    ],
)
def test_values_that_the_inputs_type_cannot_hold_are_refused(
    dtype: int, keys: dict[str, Any], made: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as error:
        open_detector(turned(tmp_path, dtype, **keys), plan=Plan())
    assert made in str(error.value)
    assert "leave them out for uint8, or set mean to 128 for int8" in str(error.value)


def test_the_other_order_of_axes_is_refused(tmp_path: Path) -> None:
    manifest = turned(tmp_path, TensorProto.UINT8)
    document = tomlkit.parse(manifest.read_text())
    document["layout"] = "nchw"
    manifest.write_text(tomlkit.dumps(document))
    with pytest.raises(ModelError) as error:
        open_detector(manifest, plan=Plan())
    assert "input tensor ['batch', 96, 160, 3] tensor(uint8), not one of" in str(error.value)
    assert "[1 or dynamic, 3, 96, 160]" in str(error.value)


def echo(folder: Path, extras: dict[str, tuple[int, list[Any]]], batch: Any = "batch") -> Path:
    """Write a graph whose only row tells the sums of its extra inputs: their mean as a corner."""
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, 64, 96])]
    inputs += [helper.make_tensor_value_info(n, k, shape) for n, (k, shape) in extras.items()]
    nodes, sums = [], []
    for name in extras:
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_real"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", [f"{name}_real"], [f"{name}_flat"], axis=0),
            helper.make_node("Identity", [f"{name}_flat"], [f"{name}_out"]),
        ]
        sums.append(helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, None))
    nodes.append(helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=1))
    sums.append(helper.make_tensor_value_info("mean", TensorProto.FLOAT, None))
    graph = helper.make_graph(nodes, "echo", inputs, sums)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / "echo.onnx"
    onnx.save(model, path)
    return path


def described(folder: Path, file: Path, **keys: Any) -> Path:
    return write_manifest(
        folder,
        file,
        family="yolov8",
        input_wh=[96, 64],
        channels="rgb",
        letterbox="stretch",
        **keys,
    )


#: An extra input's type and shape, what the manifest says, and what two pictures give.
EXTRAS = [
    (TensorProto.INT64, ["batch", 2], "input_wh", [96, 64, 96, 64]),
    (TensorProto.FLOAT, ["batch", 2], "input_hw", [64, 96, 64, 96]),
    (TensorProto.FLOAT, ["batch", 2], "ones", [1, 1, 1, 1]),
    (TensorProto.FLOAT16, ["batch", 2], [1.5, 2], [1.5, 2, 1.5, 2]),
    (TensorProto.INT32, [1, 2], "input_wh", [96, 64]),
    (TensorProto.INT64, ["n", "m"], "input_wh", [96, 64, 96, 64]),
    (TensorProto.FLOAT, [], [0.25], [0.25]),
    (TensorProto.INT64, [1], [300], [300]),
    (TensorProto.INT64, ["batch", 4, 4], "ones", [1] * 32),
]


@pytest.mark.parametrize(("kind", "shape", "said", "wanted"), EXTRAS)
def test_an_extra_input_is_given_what_the_manifest_says(
    kind: int, shape: list[Any], said: Any, wanted: list[float], tmp_path: Path
) -> None:
    file = echo(tmp_path, {"sizes": (kind, shape)})
    manifest = load_manifest(described(tmp_path, file, extra_inputs={"sizes": said}))
    session = Session(manifest, threads=1, provider="cpu")
    ((outputs, pictures),) = session.run(np.zeros((2, 3, 64, 96), np.float32))
    assert pictures == 2
    assert outputs[0].ravel().tolist() == wanted


@pytest.mark.parametrize(
    ("extra", "said", "words"),
    [
        ((TensorProto.INT64, [1, 2]), {}, "; name the others in extra_inputs; the model is not"),
        (
            (TensorProto.INT64, [1, 2]),
            {"sizes": [1, 2, 3]},
            "input sizes [1, 2] tensor(int64) cannot be given [1.0, 2.0, 3.0] of extra_inputs",
        ),
        (
            (TensorProto.INT64, [1, 2]),
            {"sizes": "ones", "mask": "ones"},
            'extra_inputs names "mask", but the graph\'s inputs are images, sizes',
        ),
        (
            (TensorProto.INT64, [1, 5]),
            {"sizes": "input_wh"},
            'input sizes [1, 5] tensor(int64) cannot be given "input_wh" of extra_inputs',
        ),
    ],
)
def test_an_extra_input_that_does_not_fit_is_refused(
    extra: tuple[int, list[Any]], said: dict[str, Any], words: str, tmp_path: Path
) -> None:
    file = echo(tmp_path, {"sizes": extra})
    manifest = load_manifest(described(tmp_path, file, extra_inputs=said))
    with pytest.raises(ModelError) as error:
        Session(manifest, threads=1, provider="cpu")
    assert words in str(error.value)
    assert str(error.value).endswith("the model is not loaded")
