"""The sums behind `models inspect`: judgement, labels, the search, words, the manifest's text."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edge_agent.detect import Manifest
from edge_agent.detect.agreement import Found
from edge_agent.detect.graph_facts import Claim, TensorFacts
from edge_agent.detect.labels import COCO_LABELS
from edge_agent.detect.recognise.judgement import Judgement, judge, lead
from edge_agent.detect.recognise.labels import attribute, choose_labels
from edge_agent.detect.recognise.manifest_text import manifest_text
from edge_agent.detect.recognise.pictures import TestPicture as Picture
from edge_agent.detect.recognise.pictures import builtin_pictures, own_picture
from edge_agent.detect.recognise.probe import input_sizes, picture_input, told_labels
from edge_agent.detect.recognise.trials import Choice, Search, Trial
from edge_agent.detect.recognise.verdict import certainty, passes
from edge_agent.errors import ModelError
from edge_agent.types import Json, ObjectClass

CLASSES = (ObjectClass("person", None), ObjectClass("vehicle", "car"))
BGR = np.zeros((100, 200, 3), np.uint8)


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(*rows: tuple[float, float, float, float, float, int]) -> Found:
    """Return detections from (x1, y1, x2, y2, score, class)."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Found(table[:, :4], table[:, 4], table[:, 5].astype(np.int32))


PICTURE = Picture(
    "p", "photograph", BGR, ("person", "person", "vehicle"),
    boxes((0, 0, 20, 60), (40, 0, 60, 60), (100, 20, 180, 80)), boxes((70, 0, 95, 60)),
)  # fmt: skip

#: what is found -> (found, false, AP); 3 objects are wanted
JUDGED = {
    "all of them": (
        [(0, 0, 20, 60, 0.9, 0), (40, 0, 60, 60, 0.8, 0), (100, 20, 180, 80, 0.7, 1)], 3, 0, 1.0),
    "nothing": ([], 0, 0, 0.0),
    "the wrong class": ([(100, 20, 180, 80, 0.9, 0)], 0, 1, 0.0),
    "one object twice": ([(0, 0, 20, 60, 0.9, 0), (0, 0, 20, 58, 0.8, 0)], 1, 1, 1 / 3),
    "too loose a box": ([(0, 0, 60, 60, 0.9, 0)], 0, 1, 0.0),
    "where nobody knows": ([(70, 0, 95, 60, 0.9, 0), (0, 0, 20, 60, 0.5, 0)], 1, 0, 1 / 3),
    "a false one first": ([(0, 80, 20, 99, 0.9, 0), (0, 0, 20, 60, 0.5, 0)], 1, 1, 1 / 6),
    "a false one before two": (
        [(0, 80, 20, 99, 0.9, 0), (0, 0, 20, 60, 0.6, 0), (40, 0, 60, 60, 0.5, 0)], 2, 1, 4 / 9),
    "too weak to count": ([(0, 0, 20, 60, 0.2, 0), (150, 0, 199, 10, 0.2, 1)], 0, 0, 1 / 3),
}  # fmt: skip


@pytest.mark.parametrize("case", JUDGED)
def test_what_is_found_is_held_against_what_is_there(case: str) -> None:
    rows, count, false, ap = JUDGED[case]
    judged = judge(PICTURE, found(*rows), CLASSES)
    assert (judged.wanted, judged.found, judged.false) == (3, count, false)
    assert judged.ap == pytest.approx(ap)


def test_a_net_of_persons_is_not_asked_for_vehicles() -> None:
    assert judge(PICTURE, found(), CLASSES[:1]).wanted == 2


def test_strength_falls_with_weak_scores_loose_boxes_and_false_ones() -> None:
    def strength(*rows: tuple[float, float, float, float, float, int]) -> float:
        return judge(PICTURE, found(*rows), CLASSES).strength

    best = strength((0, 0, 20, 60, 1.0, 0))
    assert best == pytest.approx(1 / 3)
    assert strength((0, 0, 20, 60, 0.6, 0)) < best
    assert strength((0, 0, 20, 50, 1.0, 0)) < best
    assert strength((0, 0, 20, 60, 1.0, 0), (0, 80, 20, 99, 0.5, 0)) < best


def test_a_lead_counts_only_where_it_is_steady() -> None:
    low = Judgement((0.5, 0.5, 0.5, 0.5, 0.0))
    assert lead(Judgement((0.6, 0.61, 0.59, 0.6, 0.0)), low) > 10
    assert abs(lead(Judgement((0.9, 0.1, 0.9, 0.1, 0.0)), low)) < 1
    assert lead(Judgement((0.9,)), Judgement((0.1,))) == 0  # one object tells nothing


def test_labels_are_attributed_to_what_they_find() -> None:
    rows = [(0, 0, 20, 60, 0.9, 4), (40, 0, 60, 60, 0.8, 4), (100, 20, 180, 80, 0.7, 2),
            (0, 80, 20, 99, 0.9, 1)]  # fmt: skip
    chance = (0, 0, 20, 60, 0.5, 3)  # label 3 hits a person once
    names = [f"label-{i}" for i in range(6)]
    pictures = [found(*rows, chance), found(*rows), found(*rows)]
    class_map, judged = attribute([PICTURE] * 3, pictures, names)
    assert class_map == {"label-4": "person", "label-2": "vehicle"}
    assert (judged.wanted, judged.found) == (9, 9)


#: (given, told by the file, room in the outputs) -> the labels, or what is wrong
LABELS = [
    ((None, None, 80), COCO_LABELS),
    ((None, None, 1), ("person",)),
    ((None, None, 3), ("label-0", "label-1", "label-2")),
    ((None, None, None), COCO_LABELS),  # outputs that tell numbers
    ((None, ["a", "b"], 2), ("a", "b")),
    ((["c", "d"], ["a", "b"], 2), ("c", "d")),  # the user knows better
    ((["c", "d"], None, None), ("c", "d")),
    ((None, ["a", "a", " "], 3), ("a", "a-2", "label-2")),
    ((None, ["\x1b[31m red"], 1), ("?[31m red",)),  # no file colours a terminal
    ((None, ["a", "b"], 80), "room for 80 labels, but it names 2"),
    ((["a"], None, 80), "room for 80 labels, but 1 are given"),
    ((["a", "b"], None, 3, 1), ("a", "b")),  # the last column may be "no object"
    ((["a", "b", "c"], None, 3, 1), ("a", "b", "c")),
    ((["a"], None, 3, 1), "room for 3 labels, but 1 are given"),
    ((None, None, 81, 1), COCO_LABELS),
    ((None, None, 2, 1), ("label-0", "label-1")),  # one label less would be a guess
]


@pytest.mark.parametrize(("asked", "wanted"), LABELS)
def test_labels_come_from_the_user_the_file_or_their_number(asked, wanted) -> None:  # type: ignore[no-untyped-def]
    if isinstance(wanted, str):
        with pytest.raises(ModelError, match=wanted):
            choose_labels(*asked)
    else:
        assert choose_labels(*asked).labels == wanted


@pytest.mark.parametrize(
    ("metadata", "labels"),
    [
        ({"names": "{0: 'person', 10: 'van', 2: 'car'}"}, ["person", "car", "van"]),
        ({"names": '["person", "car"]'}, ["person", "car"]),
        ({"classes": "person, car"}, ["person", "car"]),
        ({"names": "{0: __import__('os')}"}, ["{0: __import__('os')}"]),  # never run
        ({"names": ""}, None),
        ({}, None),
    ],
)
def test_labels_in_the_metadata_are_read(
    metadata: dict[str, str], labels: list[str] | None
) -> None:
    assert told_labels(metadata) == labels


class Readings:
    """A search over made-up judgements: a reading's hits are `base` plus what its values add."""

    def __init__(self, adds: Mapping[Json, float]) -> None:
        self.adds = adds
        self.asked: list[dict[str, Json]] = []

    def judge(self, values: Mapping[str, Json]) -> dict[str, Judgement]:
        self.asked.append(dict(values))
        level = 0.5
        for value in values.values():
            level += self.adds[value]
        hits = tuple(max(0.0, level + 0.01 * i) for i in range(8)) if level > 0.05 else (0.0,) * 8
        return {"photograph": Judgement(hits)}


#: (what each value adds to every object's score, the values tried) -> the values chosen
SEARCHES = [
    # the usual one is as good: it stays
    ({"rgb": 0.0, "bgr": 0.005}, {"channels": ("rgb", "bgr")}, {"channels": "rgb"}),
    # another one is better by some percent: it is taken
    ({"rgb": 0.0, "bgr": 0.05}, {"channels": ("rgb", "bgr")}, {"channels": "bgr"}),
    # where the picture lies takes more than some percent
    ({"centre": 0.0, "top_left": 0.05}, {"letterbox": ("centre", "top_left")},
     {"letterbox": "centre"}),
    ({"centre": 0.0, "stretch": 0.2}, {"letterbox": ("centre", "stretch")},
     {"letterbox": "stretch"}),
    # the usual one finds nothing, whatever the other key says
    ({1: -2.0, 255: 0.0, "rgb": 0.0, "bgr": 0.1}, {"channels": ("rgb", "bgr"), "scale": (1, 255)},
     {"channels": "bgr", "scale": 255}),
    # nothing is found unless two keys change together
    ({1: -2.0, 255: 0.0, "xyxy": -2.0, "yxyx": 0.0},
     {"box_format": ("xyxy", "yxyx"), "scale": (1, 255)}, {"box_format": "yxyx", "scale": 255}),
]  # fmt: skip


@pytest.mark.parametrize(("adds", "alternatives", "wanted"), SEARCHES)
def test_the_reading_that_finds_most_is_chosen(adds, alternatives, wanted) -> None:  # type: ignore[no-untyped-def]
    readings = Readings(adds)
    trial, choices = Search(readings.judge).best(alternatives)
    assert trial.values == wanted
    assert [choice.tried[0][0] for choice in choices] == [wanted[c.key] for c in choices]
    assert len(readings.asked) == len({repr(values) for values in readings.asked})


def test_doubt_about_colours_lowers_the_certainty_and_a_failed_test_most() -> None:
    claim = Claim("yolox", 0.95, "", {})
    hits = Judgement((0.5,) * 6, 6, ((0.5, True),) * 6)
    photo, rendered = Trial({}, {"photograph": hits}), Trial({}, {"rendered": hits})
    clear, doubt = (
        Choice("channels", (("rgb", 0.5), ("bgr", 0.4)), told) for told in (True, False)
    )
    sure = certainty(claim, photo, [clear], passed=True)
    assert sure > 0.95
    assert certainty(claim, photo, [doubt], passed=True) < sure
    assert certainty(claim, rendered, [clear], passed=True) < sure
    assert certainty(claim, photo, [clear], passed=False) < 0.5
    assert passes(photo)
    assert not passes(Trial({}, {"photograph": Judgement((0.0,) * 6)}))
    assert not passes(Trial({}, {}))


def test_a_size_that_the_graph_leaves_open_is_told_or_tried() -> None:
    fixed = TensorFacts("x", "float32", (1, 3, 384, 640))
    assert list(input_sizes(fixed, {})) == [(640, 384)]
    open_size = TensorFacts("x", "float32", ("n", 3, "h", "w"))
    assert next(input_sizes(open_size, {"imgsz": "[384, 640]"})) == (640, 384)
    assert next(input_sizes(open_size, {})) == (640, 640)
    half = TensorFacts("x", "uint8", (1, None, 320, 3))
    assert next(input_sizes(half, {})) == (320, 640)


def test_a_mask_or_a_size_beside_the_picture_is_no_second_picture() -> None:
    picture = TensorFacts("pixel_values", "float32", ("n", 3, 640, 640))
    mask = TensorFacts("pixel_mask", "int64", ("n", 640, 640))
    size = TensorFacts("orig_target_sizes", "int64", ("n", 2))
    assert picture_input((mask, size, picture)) is picture


def test_the_manifest_s_text_loads_and_says_the_same(tmp_path: Path) -> None:
    values: dict[str, Json] = {
        "class_map": {"lorry, big": "vehicle/truck", "Mensch": "person"},
        "name": "net", "file": "net.onnx", "sha256": "0" * 64, "family": "yolox",
        "input_wh": [416, 416], "channels": "bgr", "letterbox": "top_left",
        "labels": ["lorry, big", 'a "b"', "Mensch", *(f"l{i}" for i in range(9))],
        "score_threshold": 0.3, "licence": "x", "source": 'from "there"\nand more', "tested": False,
    }  # fmt: skip
    text = manifest_text(values, ["seen:\x07 a\nb", "", "end"])
    assert tomllib.loads(text) == values
    assert list(tomllib.loads(text))[:3] == ["name", "file", "sha256"]
    assert Manifest.model_validate(tomllib.loads(text)).tested is False
    assert text.startswith("# seen:? a b\n")


def test_every_built_in_picture_holds_the_boxes_it_is_said_to(tmp_path: Path) -> None:
    pictures = builtin_pictures()
    assert {p.kind for p in pictures} == {"photograph", "rendered"}
    for picture in pictures:
        h, w = picture.bgr.shape[:2]
        every = np.concatenate((picture.xyxy, picture.unsure))
        assert (every >= 0).all(), picture.name
        assert (every[:, [0, 2]] <= w).all(), picture.name
        assert (every[:, [1, 3]] <= h).all(), picture.name
        assert (every[:, 2:] > every[:, :2]).all(), picture.name
        assert len(picture.classes) == len(picture.xyxy) > 0
    assert sum(len(p.xyxy) for p in pictures) > 40


def test_an_own_picture_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(b"no picture")
    with pytest.raises(ModelError, match="no picture that can be read"):
        own_picture(tmp_path / "p.jpg", "person")
