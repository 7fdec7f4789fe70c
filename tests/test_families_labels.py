"""How labels fold into classes, with a table and without."""

from typing import Any

import pytest
from pydantic import ValidationError

from edge_agent.detect.families import FAMILIES
from edge_agent.detect.labels import COCO_LABELS, LABEL_SETS, fold_labels
from edge_agent.detect.manifest import Manifest


def words(labels: tuple[str, ...], class_map: dict[str, str] | None = None) -> list[str]:
    """Return for each label that counts "label: class"."""
    table = fold_labels(labels, class_map)
    names = [f"{c.name}/{c.subclass}" if c.subclass else c.name for c in table.classes]
    return [
        f"{labels[column]}: {names[row]}"
        for column, row in zip(table.columns, table.rows, strict=True)
    ]


#: Labels, a class map, what counts.
FOLDS: list[tuple[tuple[str, ...], Any, list[str]]] = [
    # COCO's words, as ever
    (("person", "dog", "bus"), None, ["person: person", "bus: vehicle/bus"]),
    # Pascal VOC's and VisDrone's
    (("background", "motorbike"), None, ["motorbike: vehicle/motorcycle"]),
    (("pedestrian", "van"), None, ["pedestrian: person", "van: vehicle/van"]),
    # in any case of letters
    (("Person", "CAR"), None, ["Person: person", "CAR: vehicle/car"]),
    # a table replaces the rule, and leaves out what it does not name
    (("person", "car", "tram"), {"tram": "vehicle/tram"}, ["tram: vehicle/tram"]),
    # what is ignored may be said
    (("rider", "sign"), {"rider": "person", "sign": "ignored"}, ["rider: person"]),
    # finer words pass through, of persons too
    (("worker",), {"worker": "person/worker"}, ["worker: person/worker"]),
]


@pytest.mark.parametrize(("labels", "class_map", "wanted"), FOLDS)
def test_labels_fold_into_classes(
    labels: tuple[str, ...], class_map: dict[str, str] | None, wanted: list[str]
) -> None:
    assert words(labels, class_map) == wanted


def test_subclasses_of_a_person_are_one_group_for_suppression() -> None:
    table = fold_labels(("a", "b", "c"), {"a": "person/a", "b": "vehicle/b", "c": "person"})
    assert table.groups.tolist() == [0, 1, 0]


def test_labels_by_category_id_are_cocos_with_the_gaps() -> None:
    by_id = LABEL_SETS["coco91"]
    assert len(by_id) == len(set(by_id)) == 91
    assert tuple(label for label in by_id if not label.startswith("unused-")) == COCO_LABELS
    # Source: COCO's instances_val2017, `categories`.
    told = {
        1: "person",
        3: "car",
        11: "fire hydrant",
        13: "stop sign",
        44: "bottle",
        90: "toothbrush",
    }
    assert {i: by_id[i] for i in told} == told


@pytest.mark.parametrize("word", ["vehicle/", "person/Worker", "animal", "vehicle/car/red", ""])
def test_other_words_are_no_class(word: str) -> None:
    values = {
        "name": "made-up",
        "file": "made-up.onnx",
        "sha256": "0" * 64,
        "family": "yolov8",
        "input_wh": (96, 64),
        "channels": "rgb",
        "letterbox": "stretch",
        "labels": ["person"],
        "score_threshold": 0.3,
        "licence": "Apache-2.0",
        "source": "here",
    }
    Manifest.model_validate(values | {"class_map": {"person": "person/worker"}})
    with pytest.raises(ValidationError, match=r"class_map\.person"):
        Manifest.model_validate(values | {"class_map": {"person": word}})


def test_a_family_is_called_as_its_file() -> None:
    for name, family in FAMILIES.items():
        assert family.build_decoder.__module__ == f"edge_agent.detect.families.{name}"
        assert family.required <= family.keys <= set(Manifest.model_fields)
