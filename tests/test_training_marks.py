"""Paint on roads in training pictures: near vehicles, off every box, and never a label."""

import numpy as np

from models.training.labels import PERSON, VEHICLE, Labels, labels_of
from models.training.marks import marked


def road() -> tuple[np.ndarray, Labels]:
    bgr = np.full((256, 416, 3), 90, np.uint8)
    rows = [([x, 120.0, x + 24, 134], VEHICLE, 1.0, False) for x in (60.0, 180.0, 300.0)]
    rows.append(([200.0, 90.0, 212, 118], PERSON, 1.0, True))
    return bgr, labels_of(rows)


def test_marks_are_bright_and_touch_no_box() -> None:
    painted = 0
    for seed in range(60):
        bgr, labels = road()
        made = marked(bgr, labels, np.random.default_rng(seed))
        ink = (made != 90).any(axis=2)
        painted += bool(ink.any())
        assert made[ink].mean() > 110 if ink.any() else True
        for x1, y1, x2, y2 in labels.xyxy.astype(int):
            assert not ink[y1:y2, x1:x2].any()
    assert 25 <= painted <= 50


def test_a_picture_without_vehicles_stays_as_it_is() -> None:
    for seed in range(10):
        bgr, labels = road()
        persons = labels.keep(labels.class_id == PERSON)
        assert (marked(bgr, persons, np.random.default_rng(seed)) == 90).all()
