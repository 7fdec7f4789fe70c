"""One layout that a family reads: its arrays, its manifest, its plain reference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto

from edge_agent.detect.manifest import Manifest
from tests.family_arrays import LABELS, WH
from tests.reference_families.plain import Reference

COUNTED = (1, 2, 3)
THRESHOLD = 0.3


@dataclass(frozen=True)
class Case:
    """One layout: the arrays of one picture, and how a manifest describes them."""

    family: str
    outputs: Callable[[np.random.Generator], dict[str, np.ndarray]]
    reference: Reference
    keys: Mapping[str, Any] = field(default_factory=dict)  # of the manifest
    options: Mapping[str, Any] = field(default_factory=dict)  # of the reference, beside `keys`
    batched: bool = True  # whether the outputs have an axis for pictures
    extra: Mapping[str, tuple[Any, list[Any]]] = field(default_factory=dict)  # type, shape
    dtype: int = TensorProto.FLOAT
    sure: bool = True  # whether its claim is the most certain one


def manifest(case: Case, **changes: object) -> Manifest:
    values = {
        "name": "made-up",
        "file": "made-up.onnx",
        "sha256": "0" * 64,
        "family": case.family,
        "input_wh": WH,
        "channels": "rgb",
        "letterbox": "stretch",
        "labels": LABELS,
        "score_threshold": THRESHOLD,
        "licence": "Apache-2.0",
        "source": "here",
        **case.keys,
    }
    return Manifest.model_validate(values | changes)
