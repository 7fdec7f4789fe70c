"""Each family's layouts on small built graphs, beside the plain references."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.detect import open_detector
from edge_agent.detect.candidates import Candidates
from edge_agent.detect.families import FAMILIES
from edge_agent.errors import ModelError
from edge_agent.settings import Plan
from tests import reference_yolox
from tests.detect_support import frame_of
from tests.families_support import as_boxes, unpaired, write_manifest
from tests.family_arrays import LABELS, WH
from tests.family_case import COUNTED, THRESHOLD, Case, manifest
from tests.family_cases import CASES
from tests.family_graphs import facts_of, write_graph
from tests.reference_families.plain import Task
from tests.reference_yolox import Box

GROUPS = {1: "person", 2: "vehicle", 3: "vehicle"}

every_case = pytest.mark.parametrize("name", CASES)


def plain_boxes(case: Case, outputs: Mapping[str, np.ndarray], threshold: float) -> list[Box]:
    task = Task(WH, COUNTED, threshold, len(LABELS), {**case.keys, **case.options})
    parts = [array[0] if case.batched else array for array in outputs.values()]
    return case.reference(parts, task)


def decoded(candidates: Candidates) -> list[Box]:
    return [
        Box(*map(float, xyxy), float(score), COUNTED[class_id])
        for xyxy, score, class_id in zip(
            candidates.xyxy, candidates.score, candidates.class_id, strict=True
        )
    ]


def in_pixels(case: Case, outputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the outputs as the graph gives them."""
    told = dict(outputs)
    if "orig_target_sizes" in case.extra:
        told["boxes"] = told["boxes"] * np.float32(WH * 2)
    return list(told.values())


@every_case
def test_every_candidate_is_the_references(name: str) -> None:
    case = CASES[name]
    pictures = 2 if case.batched else 1
    made = [case.outputs(np.random.default_rng(seed)) for seed in range(pictures)]
    told = zip(*(in_pixels(case, outputs) for outputs in made), strict=True)
    outputs = [np.concatenate(parts) for parts in told]
    found = FAMILIES[case.family].build_decoder(manifest(case)).decode(outputs, pictures)
    assert len(found) == pictures
    for picture, candidates in zip(made, found, strict=True):
        wanted = plain_boxes(case, picture, 0.1)
        assert len(wanted) == len(candidates.score) > 5
        assert {box.label for box in wanted} == set(COUNTED)
        assert candidates.not_finite == 0
        assert candidates.xyxy.dtype == candidates.score.dtype == np.float32
        assert candidates.class_id.dtype == np.int32
        ours = decoded(candidates)
        assert unpaired(wanted, ours, 1e-4) == []
        for box in wanted:
            off = min(
                max(abs(box.x1 - o.x1), abs(box.y1 - o.y1), abs(box.x2 - o.x2), abs(box.y2 - o.y2))
                for o in ours
                if o.label == box.label
            )
            assert off < 0.01


@pytest.mark.parametrize("half", [False, True], ids=["float", "half"])
@every_case
def test_a_graph_of_the_family_is_decoded_right(name: str, half: bool, tmp_path: Path) -> None:
    case = CASES[name]
    outputs = case.outputs(np.random.default_rng(7))
    file = tmp_path / "family.onnx"
    write_graph(file, case, outputs, half=half)
    described = {
        "family": case.family,
        "input_wh": list(WH),
        "channels": "rgb",
        "letterbox": "stretch",
        "labels": list(LABELS),
        **case.keys,
    }
    path = write_manifest(tmp_path, file, score_threshold=THRESHOLD, **described)
    pictures = 3 if case.batched else 1
    detector = open_detector(path, plan=Plan(batch=pictures), provider="cpu")
    batch = detector.detect([frame_of(np.zeros((64, 128, 3), np.uint8))] * pictures, 0)
    if half:
        outputs = {
            n: o.astype(np.float16).astype(np.float32) if o.dtype == np.float32 else o
            for n, o in outputs.items()
        }
    kept = reference_yolox.suppress(plain_boxes(case, outputs, 0.1), GROUPS, 0.45)
    whole = [reference_yolox.to_picture(box, WH, WH) for box in kept]
    wanted = [box for box in whole if box.x2 > box.x1 and box.y2 > box.y1]
    near = 0.005 if half else 1e-4
    for place in range(pictures):
        ours = as_boxes(detector, batch.rows(place), LABELS)
        assert len([box for box in wanted if box.score > THRESHOLD]) > 2
        strong = [box for box in wanted if box.score >= 0.1 + near]
        assert unpaired(strong, ours, near) == []
        assert unpaired([box for box in ours if box.score >= 0.1 + near], wanted, near) == []


@every_case
def test_another_layout_is_refused_by_its_shape(name: str) -> None:
    case = CASES[name]
    decoder = FAMILIES[case.family].build_decoder(manifest(case))
    for shapes in ([], [(1, 3)], [(1, 7, 11, 13, 2)], [(1, 17, 23)] * 3):
        with pytest.raises(ModelError, match=r"model made-up@0{12}: .*(not|none of)"):
            decoder.decode([np.zeros(shape, np.float32) for shape in shapes], 1)


@every_case
def test_what_is_no_number_is_dropped_and_counted(name: str) -> None:
    case = CASES[name]
    outputs = in_pixels(case, case.outputs(np.random.default_rng(3)))
    decoder = FAMILIES[case.family].build_decoder(manifest(case))
    before = decoder.decode(outputs, 1)[0]
    rng = np.random.default_rng(5)
    broken = [output.copy() for output in outputs]
    for output in broken:
        if output.dtype.kind == "f" and output.size > 20:
            flat = output.reshape(-1)
            flat[rng.choice(len(flat), len(flat) // 20, replace=False)] = np.nan
            flat[rng.choice(len(flat), len(flat) // 50, replace=False)] = np.inf
    found = decoder.decode(broken, 1)[0]
    assert np.isfinite(found.xyxy).all()
    assert np.isfinite(found.score).all()
    assert 0 < len(found.score) <= len(before.score) + found.not_finite
    assert found.not_finite > 0


def test_as_many_labels_as_rows_of_the_grid_are_still_told_apart() -> None:
    # (1, 16, 16, 16): 16 labels on 16 × 16 cells read both ways, but only one way fits all.
    case = CASES["yolov8 heads"]
    described = manifest(
        case, input_wh=(128, 128), labels=("person", *(f"other-{i}" for i in range(15)))
    )
    rng = np.random.default_rng(1)
    heads = [rng.normal(-3, 1, (1, 16, 128 // s, 128 // s)) for s in (8, 16, 32)]
    heads += [rng.normal(0, 2, (1, 64, 128 // s, 128 // s)) for s in (8, 16, 32)]
    heads = [head.astype(np.float32) for head in heads]
    wanted = case.reference(
        [head[0] for head in heads], Task((128, 128), (0,), 0.1, 16, {**case.keys, **case.options})
    )
    (found,) = FAMILIES[case.family].build_decoder(described).decode(heads, 1)
    assert len(wanted) == len(found.score) > 5
    np.testing.assert_allclose(
        np.sort(found.xyxy[:, 0]), np.sort([box.x1 for box in wanted]), atol=0.01
    )


#: A label number as an int, as a float, and how a picture with it ends.
NAMED = [
    (4, "ignored"),  # a dog
    (-1, "padding"),
    (1, "found"),
    (5, "a box of label number 5, but `labels` of the manifest ends with number 4"),
    (90, "a box of label number 90"),
]


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.int32])
@pytest.mark.parametrize(("label", "end"), NAMED)
def test_a_label_number_is_known_or_refused(label: int, end: str, dtype: type) -> None:
    decoder = FAMILIES["tensorrt_nms"].build_decoder(manifest(CASES["tensorrt"]))
    outputs = [
        np.array([[2]], np.int32),
        np.array([[[1, 1, 9, 9], [20, 1, 29, 9], [5, 5, 6, 6]]], np.float32),
        np.array([[0.9, 0.8, 0.7]], np.float32),
        np.array([[2, label, 99]], dtype),  # the third row lies behind the count
    ]
    if " " in end:
        with pytest.raises(ModelError, match=end):
            decoder.decode(outputs, 1)
    else:
        (found,) = decoder.decode(outputs, 1)
        assert found.class_id.tolist() == ([1, 0] if end == "found" else [1])


def test_rows_without_a_picture_number_belong_to_one_picture() -> None:
    described = manifest(CASES["yolov10"])
    decoder = FAMILIES["end_to_end"].build_decoder(described)
    rows = np.array([[1, 1, 9, 9, 0.9, 1], [2, 2, 8, 8, 0.8, 2]], np.float32)
    assert len(decoder.decode([rows], 1)[0].score) == 2
    with pytest.raises(ModelError, match="which of 2 rows belong to which of 2 pictures"):
        decoder.decode([rows], 2)
    # A second output counts each picture's rows.
    for counts in ([2, 0], [1, 1], [0, 2]):
        found = decoder.decode([rows, np.array(counts, np.int32)], 2)
        assert [len(candidates.score) for candidates in found] == counts
    with pytest.raises(ModelError, match=r"output \(1, 2, 6\) for 2 pictures"):
        decoder.decode([rows[None]], 2)


def test_rows_go_to_the_picture_that_they_name() -> None:
    decoder = FAMILIES["end_to_end"].build_decoder(manifest(CASES["yolov7 end to end"]))
    rows = np.array(
        [[1, 1, 1, 9, 9, 2, 0.9], [0, 2, 2, 8, 8, 1, 0.8], [1, 3, 3, 7, 7, 1, 0.7]], np.float32
    )
    first, second, third = decoder.decode([rows], 3)
    assert first.score.tolist() == pytest.approx([0.8])
    assert second.score.tolist() == pytest.approx([0.9, 0.7])
    assert len(third.score) == 0
    assert len(decoder.decode([rows[:0]], 1)[0].score) == 0


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 1, 3), None])
def test_a_model_of_one_label_needs_no_axis_for_it(shape: tuple[int, ...] | None) -> None:
    boxes = np.array([[[1, 1, 9, 9], [20, 1, 29, 9], [5, 5, 60, 60]]], np.float32)
    score = np.array([0.9, 0.05, 0.7], np.float32)
    one = manifest(CASES["pp-yoloe"], labels=("person",), outputs=("boxes", "scores"))
    outputs = [boxes, score.reshape(shape)] if shape else [np.dstack((boxes, score[None]))]
    if not shape:  # the fifth column is the score
        one = manifest(CASES["pp-yoloe"], labels=("person",), outputs=("boxes",))
    (found,) = FAMILIES["boxes_scores"].build_decoder(one).decode(outputs, 1)
    assert found.score.tolist() == pytest.approx([0.9, 0.7])
    assert found.xyxy.tolist() == boxes[0, [0, 2]].tolist()
    assert found.class_id.tolist() == [0, 0]


def test_an_infinite_number_before_the_sigmoid_is_none() -> None:
    case = CASES["rf-detr"]
    boxes, logits = in_pixels(case, case.outputs(np.random.default_rng(3)))
    logits[:] = -9
    logits[0, :3, 1] = [np.inf, 3, np.nan]
    (found,) = FAMILIES[case.family].build_decoder(manifest(case)).decode([boxes, logits], 1)
    assert (len(found.score), found.not_finite) == (1, 2)


@every_case
def test_a_picture_without_anything_gives_nothing(name: str) -> None:
    case = CASES[name]
    outputs = in_pixels(case, case.outputs(np.random.default_rng(3)))
    for output in outputs:
        # Before the sigmoid 0 is a half; as a class it is a cat.
        output[:] = -30 if case.options.get("raw") or case.family in ("detr", "yolov5") else 0
    if case.keys.get("activation") == "softmax":
        outputs[0][..., -1] = 30  # no object
    (found,) = FAMILIES[case.family].build_decoder(manifest(case)).decode(outputs, 1)
    assert found.xyxy.shape == (0, 4)
    assert (found.score.shape, found.class_id.shape, found.not_finite) == ((0,), (0,), 0)


def test_the_pages_example_is_a_family() -> None:
    page = (Path(__file__).parents[1] / "docs" / "design" / "families.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    told: dict[str, Any] = {}
    exec(compile(code, "example.py", "exec"), told)
    case = CASES["yolov8"]
    rows = np.array([[[0.25, 0.5, 0.5, 0.25, -9, 2, -9, -9, -9]]], np.float32)
    decoder = told["FAMILY"].build_decoder(manifest(case))
    (found,) = decoder.decode([rows], 1)
    np.testing.assert_allclose(found.xyxy, [[32, 32, 96, 48]])
    np.testing.assert_allclose(found.score, [1 / (1 + np.exp(-2))], rtol=1e-6)
    claim = told["FAMILY"].recognise(facts_of(case, {"output": rows}))
    assert claim is not None
    assert (claim.family, claim.labels) == ("example", 5)
