"""The detector's training data: covers, split, ignore boxes, and where boxes go with pixels."""

import json
from collections import Counter

import numpy as np
import pytest

from edge_agent.scenes.truth import FrameTruth, ObjectTruth, Pose
from models.training.augment import Knobs, compose, cut, lay, mirrored
from models.training.evaluate import Results, scene_figures
from models.training.labels import HARDLY_SEEN, PERSON, VEHICLE, Picture, labels_of
from models.training.rendered import labels_of_truth, training_scene
from models.training.scoring import Matched
from models.training.shards import Shard, write_shard
from models.training.sources import labelled, read_entries
from models.training.teacher import BICYCLE, fuse, suppress

NOTHING = np.zeros((0, 6), np.float32)


@pytest.fixture
def data(tmp_path):
    """Two sets of two pictures as in ../shared/data."""

    def image(number, source, split, covers):
        return {"id": number, "file_name": f"images/{number}.png", "width": 100, "height": 80,
                "source": source, "split": split, "covers": covers}  # fmt: skip

    def box(image_id, category, bbox, crowd=0):
        return {"image_id": image_id, "category_id": category, "bbox": bbox, "iscrowd": crowd}

    first = {
        "images": [image(1, "coco", "train", ["person", "vehicle"]),
                   image(2, "penn", "val", ["person"])],
        "annotations": [box(1, 1, [10, 10, 20, 40]), box(1, 2, [50, 20, 30, 20], 1),
                        box(2, 1, [5, 5, 10, 30])],
    }  # fmt: skip
    second = {
        "images": [image(1, "nepal", "train", ["vehicle"])],
        "annotations": [box(1, 2, [60, 40, 20, 20])],
    }
    teacher = {
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 20], "score": 0.5},
            {"image_id": 1, "category_id": 1, "bbox": [40, 2, 10, 20], "score": 0.2},
            {"image_id": 1, "category_id": 1, "bbox": [80, 2, 10, 20], "score": 0.05},
        ]
    }
    for name, content in (("annotations", first), ("annotations2", second),
                          ("teacher_boxes2", teacher)):  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def rows_of(labels):
    return [
        (labels.xyxy[i].tolist(), int(labels.class_id[i]), bool(labels.ignore[i]))
        for i in range(len(labels))
    ]


def test_only_the_split_asked_for_is_read(data):
    assert [e.path.name for e in read_entries(data, "train")] == ["1.png", "1.png"]
    assert [e.source for e in read_entries(data, "val")] == ["penn"]


def test_a_crowd_is_an_ignore_box(data):
    entry = read_entries(data, "train")[0]
    assert rows_of(labelled(entry, NOTHING)) == [
        ([10, 10, 30, 50], PERSON, False), ([50, 20, 80, 40], VEHICLE, True)
    ]  # fmt: skip


def test_what_a_picture_does_not_cover_comes_from_the_teacher(data):
    entry = read_entries(data, "train")[1]
    assert rows_of(labelled(entry, NOTHING)) == [
        ([60, 40, 80, 60], VEHICLE, False), ([1, 2, 11, 22], PERSON, False),
        ([40, 2, 50, 22], PERSON, True),
    ]  # fmt: skip


def test_what_people_left_unboxed_is_ignored_where_the_teachers_are_sure(data):
    entry = read_entries(data, "train")[1]
    seen = np.array([[0, 60, 30, 80, 0.7, VEHICLE], [61, 40, 80, 60, 0.9, VEHICLE],
                     [30, 0, 40, 10, 0.2, VEHICLE]], np.float32)  # fmt: skip
    extra = [r for r in rows_of(labelled(entry, seen)) if r[1] == VEHICLE and r[2]]
    assert extra == [([0, 60, 30, 80], VEHICLE, True)]


def test_a_bicycle_is_ignored_as_a_vehicle(data):
    entry = read_entries(data, "train")[0]
    seen = np.array([[20, 30, 40, 60, 0.6, BICYCLE]], np.float32)
    assert ([20, 30, 40, 60], VEHICLE, True) in rows_of(labelled(entry, seen))


def picture(w=100, h=80, box=(20, 10, 40, 30), class_id=PERSON, known=(True, True), source="coco"):
    bgr = np.zeros((h, w, 3), np.uint8)
    x1, y1, x2, y2 = box
    bgr[y1:y2, x1:x2] = 255
    return Picture(bgr, labels_of([(box, class_id, 1.0, False)]), np.array(known), source)


def bright_box(bgr):
    """Return the edges of what is bright, x1 y1 x2 y2."""
    rows = np.flatnonzero((bgr[..., 0] > 200).any(1))
    columns = np.flatnonzero((bgr[..., 0] > 200).any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.mark.parametrize(("factor", "offset"), [(1.0, (0, 0)), (0.5, (7, 3)), (1.7, (-20, -10)),
                                                 (0.83, (0, 0))])  # fmt: skip
def test_a_box_goes_where_its_pixels_go(factor, offset):
    canvas = np.full((96, 128, 3), 114, np.uint8)
    moved = lay(canvas, picture(), (10, 5, 128, 96), factor, offset)
    assert not moved.ignore.any()
    assert moved.xyxy[0] == pytest.approx(bright_box(canvas), abs=1.01)


def test_what_shows_too_little_is_ignored_and_what_is_outside_is_gone():
    rows = [((0, 0, 40, 40), PERSON, 1.0, False), ((35, 0, 75, 40), VEHICLE, 1.0, False),
            ((50, 50, 60, 60), PERSON, 1.0, False)]  # fmt: skip
    left = cut(labels_of(rows), (0, 0, 40, 40))
    assert rows_of(left) == [([0, 0, 40, 40], PERSON, False), ([35, 0, 40, 40], VEHICLE, True)]


def test_the_mirror_image_keeps_boxes_on_their_objects():
    bgr, labels = mirrored(picture().bgr, picture().labels)
    assert labels.xyxy[0].tolist() == bright_box(bgr).tolist()


def test_a_quarter_of_a_mosaic_ignores_the_class_it_does_not_know():
    one = picture(known=(True, False))
    made = compose(lambda: one, (128, 96), Knobs(mosaic=1.0), np.random.default_rng(4))
    regions = [r for r in rows_of(made.labels) if r[1] == VEHICLE]
    assert len(regions) == 4
    assert all(ignored for _, _, ignored in regions)
    assert made.known.all()


def test_the_same_seed_composes_the_same_sample():
    first, again, other = (
        compose(picture, (128, 96), Knobs(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert (first.bgr == again.bgr).all()
    assert (first.labels.xyxy == again.labels.xyxy).all()
    assert (first.bgr != other.bgr).any()


def test_a_shard_gives_back_what_was_written_scaled_to_its_limit(tmp_path):
    written = [picture(), picture(200, 100, (20, 10, 60, 50), VEHICLE, (True, False), "aerial")]
    assert write_shard(tmp_path / "one", written, 100) == 2
    shard = Shard(tmp_path / "one")
    first, second = shard.picture(0), shard.picture(1)
    assert (first.bgr == written[0].bgr).all()
    assert second.bgr.shape == (50, 100, 3)
    assert rows_of(second.labels) == [([10, 5, 30, 25], VEHICLE, False)]
    assert second.known.tolist() == [True, False]
    assert shard.sources == ["coco", "aerial"]


def test_teachers_that_agree_give_their_mean_and_one_alone_a_third():
    box = [10.0, 10, 30, 30]
    found = [np.array([[*box, s, PERSON]], np.float32) for s in (0.9, 0.6)]
    found.append(np.array([[60, 60, 80, 80, 0.9, PERSON]], np.float32))
    both, alone = fuse(found)
    assert both[:5].tolist() == pytest.approx([*box, 0.5])
    assert alone[4] == pytest.approx(0.3)


def test_suppression_keeps_what_is_of_another_class():
    rows = np.array([[0, 0, 10, 10, 0.9, PERSON], [0, 0, 10, 9, 0.8, PERSON],
                     [0, 0, 10, 10, 0.7, VEHICLE]], np.float32)  # fmt: skip
    assert suppress(rows, 0.5)[:, 4].tolist() == pytest.approx([0.9, 0.7])


def test_a_rendered_body_that_can_hardly_be_seen_is_ignored_by_its_own_box():
    def body(visible, contrast):
        return ObjectTruth(1, "person", None, (1, 2, 3, 9), visible, contrast, (0, 0), 0, 0)

    bodies = (body(1.0, 40.0), body(0.2, 40.0), body(1.0, 2.0))
    labels = labels_of_truth(FrameTruth(0, 0.0, Pose(0, 0, 5, 0, 0, 0, 60), bodies, ()))
    assert labels.ignore.tolist() == [False, True, True]
    assert labels.score.tolist() == [1.0, HARDLY_SEEN, HARDLY_SEEN]


def test_later_rendered_towns_have_every_hour_and_weather_alike():
    early, late = (
        Counter((scene.hour, scene.weather) for scene in map(training_scene, seeds))
        for seeds in (range(1600), range(3000, 4600))
    )
    assert len(late) == 16
    assert max(late.values()) < 2 * min(late.values())
    assert max(early.values()) > 4 * min(early.values())


def test_rendered_recall_is_told_where_more_false_alarms_are_allowed():
    result = Results()
    found = Matched(np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([1, 0, 1, 0], bool), 4)
    nothing = Matched(np.zeros(0, np.float32), np.zeros(0, bool), 0)
    result.matches["day, clear", "person"] = [found]
    result.matches["day, clear", "vehicle"] = [nothing]
    figures = scene_figures(result)
    assert figures["pooled, both classes"]["recall"] == 0.25
    assert figures["pooled, both classes, 1 false"]["recall"] == 0.5
    assert figures["pooled, both classes, 3 false"]["false_per_picture"] == 2.0
