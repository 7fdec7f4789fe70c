"""The YOLOX decoder beside the plain reference, and what it does with broken numbers."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from edge_agent.detect.candidates import MAX_CANDIDATES, Candidates
from edge_agent.detect.families.yolox import build_decoder
from edge_agent.detect.manifest import Manifest
from edge_agent.errors import ModelError
from tests import reference_yolox


def manifest(**changes: object) -> Manifest:
    values = {
        "name": "made-up",
        "file": "made-up.onnx",
        "sha256": "0" * 64,
        "family": "yolox",
        "input_wh": (96, 64),
        "channels": "bgr",
        "letterbox": "top_left",
        "labels": ("cat", "person", "car", "truck", "dog"),
        "score_threshold": 0.3,
        "licence": "Apache-2.0",
        "source": "here",
    }
    return Manifest.model_validate(values | changes)


def random_output(
    seed: int, pictures: int, wh: tuple[int, int], strides: Sequence[int], labels: int
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    anchors = sum((wh[0] // s) * (wh[1] // s) for s in strides)
    raw = rng.normal(0, 0.7, (pictures, anchors, 5 + labels)).astype(np.float32)
    raw[..., 4:] = rng.uniform(0, 1, raw[..., 4:].shape) ** 3
    return raw


def by_score(candidates: Candidates) -> Candidates:
    order = np.argsort(-candidates.score)
    parts = (candidates.xyxy, candidates.score, candidates.class_id)
    return Candidates(*(part[order] for part in parts), candidates.not_finite)


@pytest.mark.parametrize("strides", [(8, 16, 32), (8,), (16, 4)])
@pytest.mark.parametrize("pictures", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_every_candidate_equals_the_reference(
    strides: tuple[int, ...], pictures: int, dtype: type
) -> None:
    described = manifest(strides=strides)
    raw = random_output(7, pictures, described.input_wh, strides, 5).astype(dtype)
    found = build_decoder(described).decode([raw], pictures)
    assert len(found) == pictures
    for picture, candidates in zip(raw, found, strict=True):
        wanted = reference_yolox.decode(picture.tolist(), (96, 64), strides, (1, 2, 3), 0.1)
        wanted.sort(key=lambda box: -box.score)
        ours = by_score(candidates)
        assert len(wanted) == len(ours.score) > 0
        assert [box.label - 1 for box in wanted] == ours.class_id.tolist()
        np.testing.assert_allclose(ours.score, [box.score for box in wanted], rtol=1e-5)
        np.testing.assert_allclose(
            ours.xyxy, [(b.x1, b.y1, b.x2, b.y2) for b in wanted], rtol=1e-4, atol=1e-3
        )


def test_candidates_reach_down_to_the_trackers_second_stage() -> None:
    raw = np.zeros((1, 126, 10), np.float32)
    raw[0, :, 5 + 1] = 1  # all persons
    raw[0, :4, 4] = [0.09, 0.1, 0.29, 0.9]
    found = build_decoder(manifest()).decode([raw], 1)[0]
    np.testing.assert_allclose(np.sort(found.score), [0.1, 0.29, 0.9])
    strict = manifest(score_threshold=0.05)  # a model whose own threshold is lower still
    assert len(build_decoder(strict).decode([raw], 1)[0].score) == 4


def test_a_picture_without_anything_gives_empty_arrays() -> None:
    found = build_decoder(manifest()).decode([np.zeros((2, 126, 10), np.float32)], 2)
    assert [c.xyxy.shape for c in found] == [(0, 4), (0, 4)]
    assert [c.class_id.dtype for c in found] == [np.int32, np.int32]


def test_other_labels_are_no_candidates() -> None:
    raw = np.zeros((1, 126, 10), np.float32)
    raw[0, :, 4] = 1
    raw[0, :, 5] = 0.9  # cats
    raw[0, 3, 5 + 3] = 0.8  # and a truck
    found = build_decoder(manifest()).decode([raw], 1)[0]
    assert found.class_id.tolist() == [2]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((0, 5, 4), np.nan),  # objectness
        ((0, 5, 4), np.inf),
        ((0, 5, 6), np.nan),  # the score of a label that counts
        ((0, 5, 0), np.nan),  # a coordinate
        ((0, 5, 2), 500.0),  # exp() overflows
        ((0, 5, slice(0, 4)), np.inf),  # infinity less infinity
    ],
)
def test_an_anchor_that_is_no_number_is_dropped_and_counted(
    place: tuple[int, int, int | slice], value: float
) -> None:
    raw = np.zeros((2, 126, 10), np.float32)
    raw[:, 5:7, 4] = 0.9
    raw[:, :, 6] = 1
    raw[place] = value
    first, second = build_decoder(manifest()).decode([raw], 2)
    assert (len(first.score), first.not_finite) == (1, 1)
    assert (len(second.score), second.not_finite) == (2, 0)


def test_a_picture_of_nothing_but_nan_is_an_error() -> None:
    raw = np.zeros((2, 126, 10), np.float32)
    raw[1, :, 4] = np.nan
    with pytest.raises(ModelError, match="made-up@000000000000: no objectness of a picture"):
        build_decoder(manifest()).decode([raw], 2)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(1, 252, 10)], "merges the batch into the anchors"),
        ([(2, 126, 9)], "(2, 126, 9), not (2, 126, 10)"),
        ([(2, 10, 126)], "(2, 10, 126), not (2, 126, 10)"),
        ([(2, 96, 10), (2, 24, 10), (2, 6, 10)], "(2, 96, 10), (2, 24, 10), (2, 6, 10), not"),
        ([], "output , not"),
    ],
)
def test_outputs_of_another_shape_are_refused(shapes: list[tuple[int, ...]], words: str) -> None:
    outputs = [np.zeros(shape, np.float32) for shape in shapes]
    with pytest.raises(ModelError) as error:
        build_decoder(manifest()).decode(outputs, 2)
    assert words in str(error.value)


def test_a_flood_is_cut_to_the_best() -> None:
    described = manifest(input_wh=(512, 512), strides=(8,))
    raw = random_output(3, 1, (512, 512), (8,), 5)
    raw[..., 4] = np.linspace(0.2, 1, 4096)
    raw[..., 6] = 1
    found = build_decoder(described).decode([raw], 1)[0]
    assert len(found.score) == MAX_CANDIDATES
    assert found.score.min() == pytest.approx(np.sort(raw[0, :, 4])[-MAX_CANDIDATES])


def test_labels_may_share_a_class() -> None:
    described = manifest(
        class_map={"cat": "person", "person": "person", "dog": "vehicle/sledge", "car": "vehicle"}
    )
    table = described.class_table
    assert [dataclasses.astuple(c) for c in table.classes] == [
        ("person", None),
        ("vehicle", None),
        ("vehicle", "sledge"),
    ]
    assert table.columns.tolist() == [0, 1, 2, 4]
    assert table.rows.tolist() == [0, 0, 1, 2]
    assert table.groups.tolist() == [0, 1, 1]
