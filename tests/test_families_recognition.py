"""Whether a family knows its own files by what they tell, and leaves others alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_agent.detect.families import FAMILIES
from edge_agent.detect.graph_facts import TensorFacts, spread_keys
from tests.family_arrays import LABELS
from tests.family_case import manifest
from tests.family_cases import CASES
from tests.family_graphs import facts_of


@pytest.mark.parametrize("name", CASES)
def test_the_family_recognises_its_own(name: str) -> None:
    case = CASES[name]
    facts = facts_of(case, case.outputs(np.random.default_rng(11)))
    claims = [claim for f in FAMILIES.values() if (claim := f.recognise(facts)) is not None]
    own = next(claim for claim in claims if claim.family == case.family)
    best = max(claims, key=lambda claim: claim.certainty)
    assert best is own or not case.sure, [(c.family, c.certainty) for c in claims]
    assert own.labels in (None, len(LABELS), len(LABELS) + 1)
    for key, values in own.alternatives.items():
        if "+" not in key:
            assert own.values[key] == values[0]
    # What it claims is a manifest, and says what the case knows.
    described = manifest(case, **own.values)
    for key in ("columns", "outputs", "box_units", "box_format", "strides", "extra_inputs"):
        if key in case.keys:
            assert getattr(described, key) == getattr(manifest(case), key), key


@pytest.mark.parametrize(
    ("dtype", "shape", "wanted"),
    [
        ("float32", (1, 3, 64, 128), {"layout": "nchw", "scale": 1 / 255, "mean": (0, 0, 0)}),
        ("uint8", ("n", 64, 128, 3), {"layout": "nhwc", "scale": 1.0, "mean": (0, 0, 0)}),
        ("int8", (1, 64, 128, 3), {"layout": "nhwc", "scale": 1.0, "mean": (128, 128, 128)}),
        ("float16", (None, None, None, 3), {"layout": "nhwc", "scale": 1 / 255}),
    ],
)
def test_a_claim_follows_the_inputs_type_and_axes(
    dtype: str, shape: tuple[Any, ...], wanted: dict[str, Any]
) -> None:
    case = CASES["yolov8"]
    facts = facts_of(case, case.outputs(np.random.default_rng(2)))
    inputs = (
        TensorFacts("x", dtype, shape),
        TensorFacts("im_shape", "float32", (None, 2)),
        TensorFacts("scale_factor", "float32", (None, 2)),
        TensorFacts("import/orig_target_sizes:0", "int64", (1, 2)),
        TensorFacts("others", "int64", (1, 2)),
    )
    claim = FAMILIES["yolov8"].recognise(replace(facts, inputs=inputs))
    assert claim is not None
    assert {key: claim.values[key] for key in wanted} == wanted
    assert claim.values["input_wh"] == [128, 64]
    assert claim.values["extra_inputs"] == {
        "im_shape": "input_hw",
        "scale_factor": "ones",
        "import/orig_target_sizes:0": "input_wh",
        "others": "input_wh",
    }


@pytest.mark.parametrize(
    "shapes",
    [
        [("detection", "float32", (1, None, None)), ("config", "float32", (3,))],  # no picture
        [("a", "float32", (1, 3, 64, 64)), ("b", "float32", (1, 3, 64, 64))],  # two of them
        [("grey", "float32", (1, 1, 64, 128))],
    ],
)
def test_no_family_claims_a_graph_without_one_picture_input(shapes: list[Any]) -> None:
    inputs = tuple(TensorFacts(*told) for told in shapes)
    for case in CASES.values():
        facts = facts_of(case, case.outputs(np.random.default_rng(2)))
        for family in FAMILIES.values():
            assert family.recognise(replace(facts, inputs=inputs)) is None


def test_several_keys_of_a_claim_spread() -> None:
    told = {"channels": "rgb", "scale+mean": (0.5, (1, 2, 3))}
    assert spread_keys(told) == {"channels": "rgb", "scale": 0.5, "mean": (1, 2, 3)}
