"""Finished detections are batched only where each picture keeps its own."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_agent.detect import load_manifest, open_detector
from edge_agent.detect.batching import batch_fault
from edge_agent.detect.preparation.proof import open_single, output_fault
from edge_agent.detect.session import Session
from edge_agent.errors import ModelError
from edge_agent.settings import Plan
from tests.detect_support import frame_of
from tests.families_support import write_manifest
from tests.toy_model import paint

COLUMNS = ["batch", "x1", "y1", "x2", "y2", "class", "score"]
ROWS = np.array(
    [[0, 4, 4, 30, 40, 0, 0.2], [0, 40, 8, 90, 60, 2, 0.1], [0, 9, 9, 20, 20, 1, 0.3]], np.float32
)


def write_rows(
    path: Path,
    *,
    shared: bool = False,
    numbered: bool = True,
    reversed_rows: bool = False,
    score: float = 1.0,
    columns: int = 7,
) -> Path:
    """Write a graph of three rows a picture, (3 n, 7), whose scores grow with the picture.

    `shared` takes the mean over the whole batch; without `numbered` every row says picture 0;
    `reversed_rows` turns their order; `score` multiplies the scores.
    """
    rows = ROWS * np.array([1, 1, 1, 1, 1, 1, score], np.float32)
    rows = rows[::-1] if reversed_rows else rows
    constants = {
        "rows": rows[None, :, 7 - columns :],
        "to_score": np.array([0] * (columns - 1) + [score / 512], np.float32),
        "to_batch": np.array([1.0] + [0] * (columns - 1), np.float32),
        "one": np.float32(1 if numbered and columns == 7 else 0),
        "axis": np.array(0),
        "flat": np.array([-1, columns]),
        "box": np.array([-1, 1, 1]),
    }
    mean_axes: dict[str, Any] = {} if shared else {"axes": [1, 2, 3]}
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], keepdims=1, **mean_axes),
        helper.make_node("ReduceMean", ["images"], ["each"], keepdims=1, axes=[1, 2, 3]),
        helper.make_node("Reshape", ["means", "box"], ["mean"]),
        helper.make_node("Reshape", ["each", "box"], ["own"]),
        helper.make_node("Mul", ["own", "zero"], ["zeros"]),
        helper.make_node("Add", ["zeros", "one"], ["ones"]),
        helper.make_node("CumSum", ["ones", "axis"], ["numbers"], exclusive=1),
        helper.make_node("Mul", ["numbers", "to_batch"], ["batch_part"]),
        helper.make_node("Mul", ["mean", "to_score"], ["score_part"]),
        helper.make_node("Add", ["rows", "score_part"], ["scored"]),
        helper.make_node("Add", ["scored", "batch_part"], ["numbered"]),
        helper.make_node("Add", ["numbered", "zeros"], ["whole"]),
        helper.make_node("Reshape", ["whole", "flat"], ["output"]),
    ]
    constants["zero"] = np.float32(0)
    graph = helper.make_graph(
        nodes,
        "rows",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 64, 96])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["found", columns])],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def described(folder: Path, file: Path, columns: list[str] = COLUMNS) -> Path:
    return write_manifest(
        folder,
        file,
        family="end_to_end",
        input_wh=[96, 64],
        channels="rgb",
        letterbox="stretch",
        labels=["person", "cat", "car"],
        columns=columns,
    )


def fault_of(manifest: Path) -> str | None:
    loaded = load_manifest(manifest)
    return batch_fault(Session(loaded, threads=1, provider="cpu"), loaded, 3)


def test_rows_that_name_their_picture_may_be_batched(tmp_path: Path) -> None:
    manifest = described(tmp_path, write_rows(tmp_path / "rows.onnx"))
    assert fault_of(manifest) is None
    detector = open_detector(manifest, plan=Plan(batch=2), provider="cpu")
    frames = [frame_of(paint((96, 64))), frame_of(paint((96, 64), background=200))]
    batch = detector.detect(frames, 0)
    assert batch.row_splits.tolist() == [0, 2, 4]
    np.testing.assert_allclose(batch.score, [0.247, 0.147, 0.591, 0.491], atol=0.001)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ({"shared": True}, r"picture \d loses a box of score 0\.\d+"),
        ({"numbered": False}, r"picture 0 gains a box of score 0\.\d+"),
        ({"score": 0.0}, "it finds nothing in the test pictures, so that nothing is proven"),
    ],
    ids=["a scale of the batch", "all of picture 0", "nothing found"],
)
def test_what_a_batch_changes_is_seen(graph: dict[str, Any], words: str, tmp_path: Path) -> None:
    manifest = described(tmp_path, write_rows(tmp_path / "rows.onnx", **graph))
    fault = fault_of(manifest)
    assert fault is not None
    refused = f"cannot be run with batch 3: {words}; set batch = 1 or leave it out"
    with pytest.raises(ModelError, match=refused):
        open_detector(manifest, plan=Plan(batch=3))
    assert open_detector(manifest, plan=Plan()).one_by_one is False


def test_rows_that_name_no_picture_run_alone(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.onnx", columns=6)
    manifest = described(tmp_path, file, COLUMNS[1:])
    fault = fault_of(manifest)
    assert fault == (
        "nothing tells which of 9 rows belong to which of 3 pictures; run one picture a time"
    )
    with pytest.raises(ModelError, match="nothing tells which of 6 rows"):
        open_detector(manifest, plan=Plan(batch=2))
    alone = open_detector(manifest, plan=Plan(), provider="cpu")
    assert len(alone.detect([frame_of(paint((96, 64)))], 0).score) == 2


def test_a_prepared_graph_may_turn_the_order_of_its_rows(tmp_path: Path) -> None:
    original = load_manifest(described(tmp_path, write_rows(tmp_path / "rows.onnx")))
    turned = write_rows(tmp_path / "turned.onnx", reversed_rows=True)
    other = write_rows(tmp_path / "other.onnx", score=0.9)
    for file, fault in ((turned, None), (other, "picture 0 loses a box of score")):
        prepared = load_manifest(described(tmp_path, file))
        seen = output_fault(open_single(original), open_single(prepared), original)
        assert seen is fault or (seen is not None and seen.startswith(str(fault)))
