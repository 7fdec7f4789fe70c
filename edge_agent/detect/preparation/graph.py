"""Changes to an ONNX graph: ONNX Runtime's own clean-up, and a batch axis of any length."""

from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
from onnx import numpy_helper

from edge_agent.errors import ModelError

_BATCH = "batch"
_OPSET_BY_CHANNEL = 13


def write_optimised(source: Path, target: Path) -> None:
    """Let ONNX Runtime fold constants and drop what does nothing, and write the graph.

    Only what stays standard ONNX (ORT_ENABLE_BASIC): the file runs on every provider, and on
    this ONNX Runtime or a newer one. What fits one processor alone is done at each load anyway.
    Raises: ModelError where ONNX Runtime refuses the file.
    Source: ONNX Runtime, Graph Optimizations in ONNX Runtime, "offline mode".
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class
        words = " ".join(str(error).split())[:300]
        raise ModelError(f"{source}: ONNX Runtime refuses it: {words}; nothing is made") from error


def free_batch(file: Path) -> list[str]:
    """Make the batch axis of the graph in `file` dynamic, in place; return what was changed.

    Reshapes to a constant shape get their first length from their input: a 1 becomes 0 (copy)
    where another length is open, else the first length becomes the open one, as in
    (1, 2, 58, 40, 40). Whether the outputs are still right must be proven by running it.
    """
    model = onnx.load(file)
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    changed = []
    for value in [*inputs, *graph.output]:
        first = value.type.tensor_type.shape.dim[0] if value.type.tensor_type.shape.dim else None
        if first is not None and first.dim_value == 1:
            first.dim_param = _BATCH
            changed.append(f"{value.name}: (1, …) to (batch, …)")
    for number, node in enumerate(graph.node):
        if node.op_type != "Reshape" or node.input[1] not in weights:
            continue
        old = numpy_helper.to_array(weights[node.input[1]])
        new = _open_shape(old)
        if new is not None:
            name = f"{node.name or node.output[0]}_shape_{number}"
            graph.initializer.append(numpy_helper.from_array(new, name))
            node.input[1] = name
            changed.append(f"{node.name or node.output[0]}: {old.tolist()} to {new.tolist()}")
    del graph.value_info[:]
    onnx.save(model, file)
    return changed


def _open_shape(shape: np.ndarray) -> np.ndarray | None:
    """Return a Reshape's constant shape with its first length open, None where it is already."""
    if shape.size == 0 or shape[0] in (0, -1):
        return None
    new = shape.copy()
    if -1 not in shape:
        new[0] = -1
    elif shape[0] == 1:
        new[0] = 0
    else:
        return None
    return new


def fixed_batch(file: Path) -> bool:
    """Return whether the graph's input has a batch of 1 written into it."""
    graph = onnx.load(file, load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    return any(value.type.tensor_type.shape.dim[:1][0].dim_value == 1 for value in inputs)


def sensitive_convolutions(file: Path) -> list[str]:
    """Return the convolutions that lose most by 8 bits: stem, depthwise, and predictions.

    Stem: no convolution before it. Prediction: none after it. On YOLOX-Nano, keeping these in
    float costs .02 of AP50 instead of .3.
    """
    graph = onnx.load(file).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    kept = []
    seen: set[str] = set()
    for node in graph.node:
        after = any(name in seen for name in node.input)
        if node.op_type == "Conv":
            if not after or _is_depthwise(node, shapes):
                kept.append(node.name)
            after = True
        if after:
            seen.update(node.output)
    seen = set()
    for node in reversed(graph.node):
        before = any(name in seen for name in node.output)
        if node.op_type == "Conv":
            if not before:
                kept.append(node.name)
            before = True
        if before:
            seen.update(node.input)
    return list(dict.fromkeys(kept))


def _is_depthwise(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> bool:
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    outputs = shapes.get(node.input[1], (0,))[0]
    return group > 1 and group == outputs


def ready_for_int8(file: Path) -> None:
    """Bring the graph in `file` to an opset that has scales by channel, and name every node.

    Quantisation leaves nodes out by their names.
    Source: ONNX operators, DequantizeLinear-13 (`axis`).
    """
    model = onnx.load(file)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset < _OPSET_BY_CHANNEL:
        model = onnx.version_converter.convert_version(model, _OPSET_BY_CHANNEL)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
    onnx.save(model, file)
