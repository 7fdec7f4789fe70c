"""Files that are no usable detector: each is refused with what is wrong, and does no harm.

Every case goes through `models inspect` as a user's file does. Limits on time and memory are the
child's own; a case that hangs or fills the memory fails by never being refused.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.detect.recognise.guard import inspect_model
from edge_agent.errors import ModelRefused
from tests.detect_support import SHARED, needs_shared

F32, F16, U8, I64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8, TensorProto.INT64
PICTURE = [1, 3, 96, 96]


def net(
    *nodes: onnx.NodeProto,
    picture: list[int | str | None] | None = None,
    kind: int = F32,
    more_inputs: tuple[onnx.ValueInfoProto, ...] = (),
    weights: tuple[onnx.TensorProto, ...] = (),
    outputs: int = 1,
    opset: int = 17,
    ir: int = 8,
    metadata: dict[str, str] | None = None,
    domains: tuple[str, ...] = (),
) -> bytes:
    """Return a model from the input "images" over `nodes` to the outputs "out0", "out1", …"""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("images", kind, picture or PICTURE), *more_inputs],
        [helper.make_tensor_value_info(f"out{i}", F32, None) for i in range(outputs)],
        initializer=list(weights),
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir)
    helper.set_model_props(model, metadata or {})
    return model.SerializeToString()


def node(kind: str, *names: str, **attributes: object) -> onnx.NodeProto:
    """Return a node; the last of `names` is its output."""
    return helper.make_node(kind, names[:-1], names[-1:], **attributes)


def weight(name: str, value: object) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def constant_output(value: np.ndarray, **options: object) -> bytes:
    """Return a model whose output is `value` whatever the picture is."""
    zero = weight("zero", np.float32(0))
    return net(
        node("ReduceMax", "images", "most", keepdims=0),
        node("Mul", "most", "zero", "nothing"),
        node("Add", "nothing", "value", "out0"),
        weights=(zero, weight("value", value.astype(np.float32))),
        **options,  # type: ignore[arg-type]
    )


def detector(rows: int = 84, names: str | None = None) -> bytes:
    """Return a net with the outputs of YOLOv8 for 96 × 96 that finds nothing, ever."""
    table = np.zeros((1, rows, 189), np.float32)
    table[:, :4] = np.linspace(4, 92, 189)
    table[:, 4:] = np.random.default_rng(1).uniform(0, 0.6, (1, rows - 4, 189))
    return constant_output(table, metadata={"names": names} if names else {})


def head(channels: int, *tail: onnx.NodeProto, outputs: int = 1) -> bytes:
    """Return a net of one untrained convolution to "features" and then `tail`."""
    kernel = np.random.default_rng(2).normal(size=(channels, 3, 3, 3)).astype(np.float32)
    conv = node("Conv", "images", "kernel", "features", pads=[1, 1, 1, 1])
    return net(conv, *tail, weights=(weight("kernel", kernel),), outputs=outputs)


def external(location: str, length: int = 4) -> bytes:
    tensor = weight("far", np.float32([1.0]))
    onnx.external_data_helper.set_external_data(tensor, location, offset=0, length=length)
    tensor.ClearField("raw_data")
    return net(node("Mul", "images", "far", "out0"), weights=(tensor,))


def claims_two_gigabytes() -> bytes:
    tensor = TensorProto(name="huge", data_type=F32, dims=[512, 1024, 1024])
    return net(node("Identity", "images", "out0"), weights=(tensor,))


def bomb() -> bytes:
    """Return a net of some hundred bytes that wants 2.8 GB for its picture."""
    times = weight("times", np.array([50, 50, 10, 1]))
    return net(
        node("Tile", "images", "times", "big"), node("Relu", "big", "out0"), weights=(times,)
    )


def folded_bomb() -> bytes:
    """Return a net whose constants alone are 256 GB when a runtime folds them."""
    shape = weight("shape", np.array([4096, 4096, 4096]))
    fill = node("ConstantOfShape", "shape", "zeros", value=weight("v", np.float32([1])))
    tail = (node("ReduceMax", "zeros", "most", keepdims=0), node("Add", "images", "most", "out0"))
    return net(fill, *tail, weights=(shape,))


def endless() -> bytes:
    body = helper.make_graph(
        [
            node("Identity", "go_in", "go_out"),
            helper.make_node("Sin", ["x_in"], ["x_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", I64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x_in", F32, None),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x_out", F32, None),
        ],
    )
    loop = helper.make_node("Loop", ["", "go", "images"], ["out0"], body=body)
    return net(loop, weights=(weight("go", np.array(True)),))


def nested(depth: int) -> bytes:
    """Return a file of graphs, each in an attribute of the node of the one before."""
    graph = b""
    for _ in range(depth):
        graph = message(1, message(5, message(6, graph)))  # node, attribute, graph
    return message(7, graph)


def message(number: int, content: bytes) -> bytes:
    """Return a field of Protocol Buffers that holds a message."""
    length, digits = len(content), b""
    while length >= 128:
        digits += bytes([length % 128 + 128])
        length //= 128
    return bytes([number * 8 + 2]) + digits + bytes([length]) + content


def two_pictures() -> bytes:
    other = helper.make_tensor_value_info("right", F32, PICTURE)
    return net(node("Add", "images", "right", "out0"), more_inputs=(other,))


FEATURES = node("Identity", "features", "out0")
POOLED = (node("GlobalAveragePool", "features", "mean"), node("Flatten", "mean", "out0"))
SAME = node("Identity", "images", "out0")
CAST = node("Cast", "images", "out0", to=F32)
NAMES = "{0: 'person', 1: 'car', 2: 'dog'}"
POSE = {"task": "pose", "names": "{0: 'person'}"}

#: what is wrong -> (the file, what the refusal says)
CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    # no ONNX at all
    "empty": (lambda: b"", "is empty: 0 bytes"),
    "text": (lambda: b"name = 'detector'\n", "is a text, not an ONNX model"),
    "web page": (lambda: b"<!DOCTYPE html><title>404</title>", "is a web page, not the model"),
    "Git LFS pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
    "PyTorch file": (lambda: b"PK\x03\x04" + bytes(400), "export it to ONNX first"),
    "random bytes": (lambda: np.random.default_rng(4).bytes(50_000), "not an ONNX model"),
    "cut in half": (lambda: detector()[: len(detector()) // 2], "is cut short or not an ONNX"),
    "one byte short": (lambda: detector()[:-1], "is cut short or not an ONNX"),
    "no graph": (lambda: onnx.ModelProto(ir_version=8).SerializeToString(), "holds no graph"),
    # claims that the file does not keep
    "a field of 2 GB": (lambda: b"\x08\x08\x3a\xff\xff\xff\xff\x07", "claims 2,147,483,647 more"),
    "a weight of 2 GB": (claims_two_gigabytes, "claims 2,147,483,648 bytes .* and holds 0"),
    "weights above the folder": (lambda: external("../far.bin"), "outside of the model's own"),
    "weights at an absolute path": (lambda: external("/etc/passwd"), "outside of the model's own"),
    "weights that are missing": (lambda: external("far.bin"), "'far.bin', which is not there"),
    "too few weights": (lambda: external("near.bin", 4_000), "'near.bin', which has 4 bytes"),
    # what this ONNX Runtime cannot run
    "opset too new": (lambda: net(SAME, opset=99), "opset 99 is newer than the ONNX Runtime"),
    "IR version too new": (lambda: net(SAME, ir=99), "IR version 99 is newer"),
    "operators of a library": (
        lambda: net(helper.make_node("Magic", ["images"], ["out0"], domain="ai.acme"),
                    domains=("ai.acme",)), "operator ai.acme.Magic is not ONNX's"),
    "a TensorRT plugin": (
        lambda: net(node("EfficientNMS_TRT", "images", "out0")), "without a TensorRT plugin"),
    "an unknown operator": (
        lambda: net(node("Magic", "images", "out0")), "operator Magic is none of opset 17"),
    # inputs that take no picture
    "a vector in": (lambda: net(SAME, picture=[1, 1000]), "the input has 2 axes"),
    "three axes": (lambda: net(SAME, picture=[3, 64, 64]), "the input has 3 axes"),
    "an axis of 0": (lambda: net(SAME, picture=[1, 3, 0, 64]), "the length 0"),
    "everything open": (
        lambda: net(SAME, picture=["n", "c", "h", "w"]), "no axis of the input has the 3 colours"),
    "grey pictures": (lambda: net(SAME, picture=[1, 1, 64, 64]), "no axis of .* 3 colours"),
    "a batch of 4": (lambda: net(SAME, picture=[4, 3, 64, 64]), "fixed at 4 pictures"),
    "two pictures": (two_pictures, "2 inputs take pictures"),
    "int64 pixels": (lambda: net(CAST, kind=I64), "the input takes int64"),
    # runs that harm
    "a memory bomb": (bomb, "GB of memory"),
    "a memory bomb when loaded": (folded_bomb, "GB of memory"),
    "an endless loop": (endless, "it takes more than 0.4 s for one picture"),
    "graphs 40 deep": (lambda: nested(40), "nests graphs more than 16 deep"),
    # outputs of something else
    "NaN": (lambda: constant_output(np.full((1, 84, 189), np.nan)), "100% of its values are NaN"),
    "infinity": (lambda: constant_output(np.full((1, 84, 189), np.inf)), "NaN or infinite"),
    "a classifier": (
        lambda: head(1000, *POOLED[:1], node("Flatten", "mean", "flat"),
                     node("Softmax", "flat", "out0")), "like those of a classifier"),
    "an embedding net": (lambda: head(128, *POOLED), "a classifier, or an embedding net"),
    "a segmenter": (lambda: head(21, FEATURES), "as a segmenter gives"),
    "a pose net": (
        lambda: constant_output(np.zeros((1, 56, 189)), metadata=POSE), 'task "pose": a pose net'),
    # detectors that cannot be vouched for
    "3 names for 80 labels": (
        lambda: detector(names=NAMES), "room for 80 labels, but it names 3"),
    "7 labels without names": (lambda: detector(4 + 7), "none of its 7 labels .* with --labels"),
}  # fmt: skip


def refusal(file: Path, *, patience: int = 10) -> ModelRefused:
    """Return why `file` is refused; patiently, since a busy machine is none of its faults."""
    given = ["models", "inspect", str(file), "--patience", str(patience)]
    result = CliRunner().invoke(app, given)
    assert isinstance(result.exception, ModelRefused), (result.exception, result.output)
    assert result.exception.exit_status == 1
    return result.exception


@pytest.mark.parametrize("case", CASES)
def test_a_bad_model_is_refused_with_what_is_wrong(case: str, tmp_path: Path) -> None:
    build, wanted = CASES[case]
    file = tmp_path / "model.onnx"
    (tmp_path / "near.bin").write_bytes(b"\0\0\x80?")
    file.write_bytes(build())
    error = refusal(file, patience=1 if case == "an endless loop" else 10)
    assert str(error).startswith(f"{file}: ")
    assert str(error).endswith("; it is refused")
    with pytest.raises(AssertionError, match=wanted):
        raise AssertionError(str(error))


def test_an_untrained_net_is_described_and_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / "untrained.onnx"
    file.write_bytes(detector())
    result = CliRunner().invoke(app, ["models", "inspect", str(file)])
    assert result.exit_code == 1
    assert 'family = "yolov8"' in result.stdout
    assert "nothing sensible" in result.output


def test_a_folder_or_a_pipe_is_no_model(tmp_path: Path) -> None:
    assert "is no file that can be read" in str(refusal(tmp_path))
    os.mkfifo(tmp_path / "pipe.onnx")
    assert "is no file that can be read" in str(refusal(tmp_path / "pipe.onnx"))


def test_a_link_that_leads_out_of_the_folder_counts_as_outside(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "far.bin").write_bytes(b"\0\0\x80?")
    (folder / "far.bin").symlink_to(tmp_path / "far.bin")
    (folder / "model.onnx").write_bytes(external("far.bin"))
    assert "outside of the model's own folder" in str(refusal(folder / "model.onnx"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(detector())
    file.chmod(0)
    assert "cannot be read: Permission denied" in str(refusal(file))


@needs_shared
def test_a_graph_of_nms_alone_is_no_detector() -> None:
    error = refusal(SHARED / "models" / "not-a-detector-nms.onnx")
    assert "accepted is one picture input of 4 axes" in str(error)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 3", "the examination ended with status 3"),
        ("kill -SEGV $$", r"ONNX Runtime breaks down over it \(SIGSEGV"),
        ("""echo '{"stage": "ready"}'; while :; do :; done""", "it takes more than 0.4 s to load"),
    ],
)
def test_an_examination_that_breaks_down_is_told_as_what_it_is(
    script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child"
    child.write_text(f"#!/bin/sh\n{script}\n")
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    (tmp_path / "model.onnx").write_bytes(detector())
    with pytest.raises(ModelRefused, match=told):
        inspect_model(tmp_path / "model.onnx")
