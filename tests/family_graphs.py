"""Small graphs in the layouts of the families: what they put out is known, whatever they see.

The graph adds nothing but the batch axis: each output is its array plus 0 × the pictures' mean, so
that a batch of n gives n.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_agent.detect.graph_facts import GraphFacts, Probe, TensorFacts
from tests.family_arrays import WH
from tests.family_case import Case


def write_graph(path: Path, case: Case, outputs: Mapping[str, np.ndarray], *, half: bool) -> None:
    """Write the graph that puts out `outputs` for each picture."""
    w, h = WH
    dtype = TensorProto.FLOAT16 if half else case.dtype
    batch: Any = "batch" if case.batched else 1
    inputs = [helper.make_tensor_value_info("images", dtype, [batch, 3, h, w])]
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
    ]
    constants = {"zero": np.float32(0)}
    for name, (kind, shape) in case.extra.items():
        sides = ["batch" if side is None else side for side in shape]
        inputs.append(helper.make_tensor_value_info(name, kind, sides))
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_real"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMin", [f"{name}_real"], [f"{name}_min"], keepdims=0),
        ]
    made = []
    for name, array in outputs.items():
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        if half and kind == TensorProto.FLOAT:
            kind = TensorProto.FLOAT16
        constants[f"{name}_value"] = array.astype(np.float32)
        constants[f"{name}_shape"] = np.array(
            [-1] + [1] * (array.ndim - 1) if case.batched else [1] * array.ndim
        )
        source = f"{name}_sum"
        nodes += [
            helper.make_node("Reshape", ["nothing", f"{name}_shape"], [f"{name}_nothing"]),
            helper.make_node("Add", [f"{name}_value", f"{name}_nothing"], [source]),
        ]
        if name == "boxes" and "orig_target_sizes" in case.extra:
            constants["axes"] = np.array([1])
            nodes += [
                helper.make_node(
                    "Concat",
                    ["orig_target_sizes_real"] * 2,
                    ["sizes"],
                    axis=1,
                ),
                helper.make_node("Unsqueeze", ["sizes", "axes"], ["each"]),
                helper.make_node("Mul", [source, "each"], ["scaled"]),
            ]
            source = "scaled"
        nodes.append(helper.make_node("Cast", [source], [name], to=kind))
        shape = [batch if case.batched else array.shape[0], *array.shape[1:]]
        made.append(helper.make_tensor_value_info(name, kind, shape))
    weights = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
    graph = helper.make_graph(nodes, "family", inputs, made, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def facts_of(case: Case, outputs: Mapping[str, np.ndarray]) -> GraphFacts:
    """Return what a file with these outputs tells about itself."""
    w, h = WH
    inputs = [TensorFacts("images", "float32", ("batch", 3, h, w))]
    for name, (kind, shape) in case.extra.items():
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind)).name
        inputs.append(TensorFacts(name, dtype, tuple(shape)))
    if "orig_target_sizes" in case.extra:
        outputs = {**outputs, "boxes": outputs["boxes"] * np.float32(WH * 2)}
    told = tuple(TensorFacts(n, o.dtype.name, o.shape) for n, o in outputs.items())
    return GraphFacts(tuple(inputs), told, probe=Probe(WH, outputs))
