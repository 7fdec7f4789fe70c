"""What people boxed is read as they meant it, and held against what was found."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_agent.detect.evaluation.boxed import Truth, read_pictures
from edge_agent.detect.evaluation.scoring import (
    Hits,
    Judged,
    at_threshold,
    average_precision,
    best_threshold,
    match_hits,
)
from edge_agent.errors import UsageError
from edge_agent.types import ObjectClass
from tests.boxed_album import FAR, LEFT, RIGHT, Album, needs_evaluator


def judged(
    truth: list[list[float]], found: list[list[float]], score: list[float], crowds: int = 0
) -> Judged:
    """Return one picture; the last `crowds` boxes of the truth are regions to ignore."""
    ignored = np.arange(len(truth)) >= len(truth) - crowds
    boxes = (np.array(b, np.float32).reshape(-1, 4) for b in (truth, found))
    return Judged(Truth(next(boxes), ignored), next(boxes), np.array(score, np.float32))


@needs_evaluator
@pytest.mark.parametrize(
    ("pictures", "ap50"),
    [
        # All found, nothing else.
        ([judged([[0, 0, 10, 10]], [[0, 0, 10, 10]], [0.9])], 1.0),
        # One of two found: 51 of 101 points of recall have a precision of 1.
        ([judged([[0, 0, 10, 10], [50, 0, 60, 10]], [[0, 0, 10, 10]], [0.9])], 51 / 101),
        # A false alarm before the right one halves the precision everywhere.
        ([judged([[0, 0, 10, 10]], [[50, 0, 60, 10], [0, 0, 10, 10]], [0.9, 0.8])], 0.5),
        # The second box of one object is a false alarm, but after the object.
        ([judged([[0, 0, 10, 10]], [[0, 0, 10, 10], [0, 0, 10, 9]], [0.9, 0.8])], 1.0),
        # What lies on a crowd counts neither way, however many boxes lie there.
        (
            [judged([[0, 0, 10, 10], [40, 40, 90, 90]],
                    [[50, 50, 60, 60], [52, 52, 62, 62], [0, 0, 10, 10]], [0.9, 0.8, 0.5], 1)],
            1.0,
        ),
        # A box in a picture without objects is a false alarm.
        ([judged([], [[0, 0, 10, 10]], [0.9]), judged([[0, 0, 9, 9]], [[0, 0, 9, 9]], [0.8])], 0.5),
        # Found at an IoU of 0.45: not right.
        ([judged([[0, 0, 10, 10]], [[0, 0, 10, 4.5]], [0.9])], 0.0),
        # Nothing found.
        ([judged([[0, 0, 10, 10]], [], [])], 0.0),
    ],
)  # fmt: skip
def test_average_precision_is_as_reckoned_by_hand(pictures: list[Judged], ap50: float) -> None:
    assert average_precision(pictures).ap50 == pytest.approx(ap50, abs=1e-6)


@needs_evaluator
def test_ap_is_the_mean_over_ten_ious() -> None:
    found = average_precision([judged([[0, 0, 10, 10]], [[0, 0, 10, 7.2]], [0.9])])
    assert (found.ap50, found.ap) == (1.0, pytest.approx(0.5))  # right at .50, .55, … .70


@needs_evaluator
def test_without_an_object_there_is_no_ap() -> None:
    found = average_precision([judged([[0, 0, 50, 50]], [[0, 0, 10, 10]], [0.9], crowds=1)])
    assert found.objects == 0
    assert np.isnan(found.ap50)


@needs_evaluator
def test_hits_leave_out_what_lies_on_ignored_regions() -> None:
    hits = match_hits(
        [judged([[0, 0, 10, 10], [40, 40, 90, 90]], [[50, 50, 60, 60], [0, 0, 10, 10]], [0.9, 0.8],
                crowds=1),
         judged([[0, 0, 10, 10]], [[70, 0, 80, 10]], [0.7])]
    )  # fmt: skip
    assert hits.objects == 2
    assert hits.right.tolist() == [True, False]
    assert hits.score == pytest.approx([0.8, 0.7])


def hits_of(*scores: tuple[float, bool], objects: int) -> Hits:
    return Hits(
        np.array([s for s, _ in scores], np.float32), np.array([r for _, r in scores]), objects
    )


def test_a_threshold_gives_recall_precision_and_f1() -> None:
    hits = hits_of((0.9, True), (0.8, False), (0.6, True), (0.3, False), objects=4)
    found = at_threshold(hits, 0.6)
    assert (found.recall, found.precision) == (0.5, pytest.approx(2 / 3))
    assert found.f1 == pytest.approx(2 * 2 / (4 + 3))
    assert at_threshold(hits, 0.95).precision == 1.0  # nothing is told, so nothing is wrong


@pytest.mark.parametrize(
    ("classes", "best"),
    [
        # Right ones down to .60, wrong ones from .40: any step between; the middle one.
        ([hits_of((0.9, True), (0.6, True), (0.4, False), objects=2)], 0.51),
        # A class with more objects does not outweigh another: from .80 on both have all.
        (
            [hits_of(*[(0.8, True)] * 9, *[(0.2, False)] * 3, objects=9),
             hits_of((0.9, True), (0.7, False), objects=1)],
            0.76,
        ),
        # A class without objects says nothing.
        ([hits_of((0.5, True), objects=1), hits_of((0.9, False), objects=0)], 0.26),
    ],
)  # fmt: skip
def test_the_best_threshold_has_the_highest_mean_f1(classes: list[Hits], best: float) -> None:
    assert best_threshold(classes, 0.02) == pytest.approx(best)


def test_no_threshold_below_the_floor_is_best() -> None:
    assert best_threshold([hits_of((0.9, True), (0.1, True), objects=2)], 0.3) >= 0.3


@pytest.mark.parametrize(
    ("categories", "found", "counts"),
    [
        # Sets of vehicles do not box bicycles.
        ("person vehicle", ("vehicle", "car"), True),
        ("person vehicle", ("vehicle", None), True),
        ("person vehicle", ("vehicle", "bicycle"), False),
        # Where a bicycle has a category it counts.
        ("person bicycle", ("vehicle", "bicycle"), True),
        ("person vehicle bicycle", ("vehicle", "bicycle"), True),
        # A set of cars and buses says nothing of trucks, but a plain vehicle may be a car.
        ("car bus", ("vehicle", "truck"), False),
        ("car bus", ("vehicle", "bus"), True),
        ("car bus", ("vehicle", None), True),
    ],
)
def test_only_what_people_would_have_boxed_counts(
    tmp_path: Path, categories: str, found: tuple[str, str | None], counts: bool
) -> None:
    album = Album(tmp_path, *categories.split())
    album.add([], [])
    pictures = read_pictures(album.write(), "val")
    assert pictures.counts(ObjectClass(*found)) is counts


def test_covers_limits_what_a_picture_is_judged_for(tmp_path: Path) -> None:
    album = Album(tmp_path, "person", "vehicle", "dog")
    boxes = [("person", LEFT), ("vehicle", RIGHT), ("dog", FAR)]
    album.add([], boxes, covers=["person"])
    album.add([], boxes, covers=[])
    album.add([], boxes)  # says nothing: all that the file has categories for
    pictures = read_pictures(album.write(), "all")
    assert [set(p.truth) for p in pictures.pictures] == [{"person"}, set(), {"person", "vehicle"}]
    assert pictures.passed_over == ("dog",)


def test_the_models_words_name_categories(tmp_path: Path) -> None:
    album = Album(tmp_path, "walker", "car")
    album.add([], [("walker", LEFT), ("car", RIGHT)])
    pictures = read_pictures(album.write(), "all", class_map={"walker": "person"})
    assert {name: len(t.xyxy) for name, t in pictures.pictures[0].truth.items()} == {
        "person": 1, "vehicle": 1
    }  # fmt: skip


def test_a_split_is_chosen_by_its_name(tmp_path: Path) -> None:
    album = Album(tmp_path, "person")
    for split in ("train", "val", "val"):
        album.add([], [], split=split)
    folder = album.write()
    sizes = [len(read_pictures(folder, split).pictures) for split in ("train", "val", "all")]
    assert sizes == [1, 2, 3]
    with pytest.raises(UsageError, match="none is in split 'test'; there are train, val"):
        read_pictures(folder, "test")


def _coco(folder: Path, album: Album) -> None:
    """Lay the album out as COCO does: two annotation files, a folder for each split."""
    for image in album.images:
        image["file_name"] = Path(image["file_name"]).name
    (folder / "images").rename(folder / "val2017")
    album.write("annotations/instances_val2017.json")
    album.write("annotations/instances_train2017.json")


def _roboflow(folder: Path, album: Album) -> None:
    """Lay the album out as many exports do: pictures beside the annotations."""
    for image in album.images:
        name = Path(image["file_name"]).name
        (folder / "images" / name).rename(folder / name)
        image["file_name"] = name
    album.write("_annotations.coco.json")


def _plain(folder: Path, album: Album) -> None:
    """Lay the album out in the simplest way: instances.json beside images/."""
    for image in album.images:
        image["file_name"] = Path(image["file_name"]).name
    album.write("instances.json")


@pytest.mark.parametrize("lay_out", [_coco, _roboflow, _plain])
def test_usual_layouts_are_read(tmp_path: Path, lay_out: Callable[[Path, Album], None]) -> None:
    album = Album(tmp_path, "person")
    album.add([], [("person", LEFT)])
    lay_out(tmp_path, album)
    pictures = read_pictures(tmp_path, "val")
    assert [p.path.is_file() for p in pictures.pictures] == [True]
    assert pictures.pictures[0].truth["person"].xyxy.tolist() == [list(LEFT)]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no annotation file there"),
        ({"annotations/a.json": "{}", "annotations/b.json": "{}"}, "a.json, b.json there"),
        ({"annotations.json": "{"}, "no COCO annotations: the file: Invalid JSON"),
        ({"annotations.json": "[]"}, "no COCO annotations"),
        ({"annotations.json": '{"images": [], "annotations": []}'}, "categories: Field required"),
        (
            {"annotations.json": '{"images": [], "annotations": [{"image_id": 1, "category_id": 1,'
             ' "bbox": [1, 2, 3]}], "categories": []}'},
            "annotations.0.bbox.3: Field required (1 problems)",
        ),
        ({"annotations.json": '{"images": [], "annotations": [], "categories": []}'}, "0 images"),
        (
            {"annotations.json": '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [],'
             ' "categories": [{"id": 1, "name": "dog"}]}'},
            "(dog) fold into neither person nor vehicle",
        ),
        (
            {"annotations.json": '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [],'
             ' "categories": [{"id": 1, "name": "person"}]}'},
            "its first image, a.png, lies in none of",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(tmp_path: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        read_pictures(tmp_path, "val")
    assert words in str(caught.value)
