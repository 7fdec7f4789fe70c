"""Static int8: weights and activations in 8 bits, scales fixed by pictures of the user's own."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from edge_agent.detect.preparation.graph import ready_for_int8, sensitive_convolutions
from edge_agent.types import FloatArray

_ERRORS = 3


class _Images:
    """What ONNX Runtime calls a calibration data reader."""

    def __init__(self, name: str, images: Sequence[FloatArray]) -> None:
        self._batches = iter([{name: image[None]} for image in images])

    def get_next(self) -> dict[str, FloatArray] | None:
        return next(self._batches, None)


def write_int8(source: Path, target: Path, input_name: str, images: Sequence[FloatArray]) -> int:
    """Quantise the convolutions of a float32 graph; return how many stay in float.

    QDQ, a scale for each channel of the weights, one for each activation over all of `images`
    (its least and greatest value), so that a batch changes nothing. Weights take 7 bits: on
    processors without VNNI, 8-bit products of whole range overflow.
    Args: `images` (3, h, w) float32 each, as the model wants them.
    Source: ONNX Runtime, Quantize ONNX Models.
    """
    with tempfile.TemporaryDirectory(prefix="edge-agent-int8-") as folder:
        onnxruntime.set_default_logger_severity(_ERRORS)  # else a line for each unused weight
        named = Path(folder) / "named.onnx"
        quant_pre_process(source, named, skip_optimization=True, skip_symbolic_shape=True)
        ready_for_int8(named)
        kept = sensitive_convolutions(named)
        quantize_static(
            named,
            target,
            _Images(input_name, [np.asarray(image, np.float32) for image in images]),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )
    return len(kept)
