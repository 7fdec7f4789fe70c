"""Each scripted scene holds what its name says, and looks real to a detector."""

import hashlib

import numpy as np
import pytest

from edge_agent.detect import open_detector
from edge_agent.geometry import iou_matrix
from edge_agent.scenes import DEMO, SCRIPTS, build_stage, frames, scene_named
from edge_agent.scenes.view import view_of
from edge_agent.settings import Plan
from edge_agent.types import Layer, Ring
from tests.detect_support import SHARED, frame_of, nano_manifest, needs_shared


def play(name: str, *, seconds: float, fps: float, seed: int = 1, wh=(320, 180)):
    return list(frames(scene_named(name), seed=seed, seconds=seconds, fps=fps, wh=wh))


def test_the_registry_names_every_scene_once_and_the_demo_covers_rings_and_layers() -> None:
    scenes = [SCRIPTS[name].scene for name in DEMO]
    assert {s.layer for s in scenes} == set(Layer)
    assert {s.ring for s in scenes} == set(Ring)
    assert all(entry.about and name == entry.scene.name for name, entry in SCRIPTS.items())


@pytest.mark.parametrize("name", DEMO)
def test_a_scene_of_the_demo_holds_persons_and_vehicles_that_move(name: str) -> None:
    seen = [truth for _, truth in play(name, seconds=24, fps=0.5)]
    for wanted in ("person", "vehicle"):
        told = [o for t in seen for o in t.objects if o.object_class == wanted and o.visible > 0.5]
        moving = {o.id for o in told if o.speed > 0}
        assert len(moving) >= 3, wanted
        present = sum(any(o.object_class == wanted for o in t.objects) for t in seen)
        assert present >= 8, wanted


def test_the_cars_are_abreast_and_side_by_side() -> None:
    for _, truth in play("two-cars-abreast", seconds=5, fps=2):
        a, b = truth.objects
        assert a.subclass == b.subclass == "car"
        assert a.ground[0] == b.ground[0]
        assert abs(a.ground[1] - b.ground[1]) == 4.0
        assert a.visible == b.visible == 1.0 or truth.time_s > 4.5


def test_the_pan_shifts_a_point_by_a_fifth_of_the_width_a_second() -> None:
    stage = build_stage(scene_named("pan"), 1)
    before, after = (view_of(stage.rig.pose_at(t), (640, 360)) for t in (0.95, 1.05))
    ahead = before.eye - before.axes[2] * 40  # what the middle of the picture shows
    (a, _), (b, _) = before.project(ahead)[0], after.project(ahead)[0]
    assert abs(b - a) / 0.1 == pytest.approx(0.2 * 640, rel=0.02)


def test_the_4k_square_has_many_persons_of_12_px() -> None:
    ((picture, truth),) = play("square-4k", seconds=1, fps=1, wh=None)
    heights = [o.xyxy[3] - o.xyxy[1] for o in truth.objects if o.object_class == "person"]
    assert picture.shape == (2160, 3840, 3)
    assert len(heights) >= 50
    assert np.median(heights) == pytest.approx(12, abs=2)


def test_the_night_street_is_empty_and_only_its_clock_ticks() -> None:
    scene = scene_named("night-street", noise=0.0)
    shown = list(frames(scene, seed=1, seconds=2, fps=2, wh=(640, 360)))
    assert all(truth.objects == () for _, truth in shown)
    (first, _), (same_second, _), (next_second, _), _ = shown
    assert (first == same_second).all()
    changed = (first != next_second).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert rows.max() < 36
    assert columns.max() < 320
    assert first.mean() < 70


def test_the_parked_car_stays_while_a_van_passes_before_it() -> None:
    shown = [truth for _, truth in play("parked-car", seconds=12, fps=4, wh=(640, 360))]
    parked = [next(o for o in t.objects if o.speed == 0) for t in shown]
    assert {(o.id, o.xyxy, o.subclass) for o in parked} == {(1, parked[0].xyxy, "car")}
    assert parked[0].visible == parked[-1].visible > 0.95
    assert min(o.visible for o in parked) < 0.7
    assert {o.subclass for t in shown for o in t.objects if o.speed > 0} == {"van"}


@pytest.mark.parametrize("seed", range(6))
def test_anywhere_shows_something_and_tells_boxes_inside_the_picture(seed: int) -> None:
    ((picture, truth),) = play("anywhere", seconds=1, fps=1, seed=seed, wh=(320, 180))
    assert picture.std() > 5
    for o in truth.objects:
        x1, y1, x2, y2 = o.xyxy
        assert 0 <= x1 < x2 <= 320
        assert 0 <= y1 < y2 <= 180
        assert 0 <= o.visible <= 1


@needs_shared
def test_a_detector_that_never_saw_the_town_finds_what_is_in_it(tmp_path) -> None:
    model = SHARED / "models" / "yolox_nano.onnx"
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    manifest = nano_manifest(tmp_path, model.name, digest)
    detector = open_detector(manifest, plan=Plan(lanes=1, threads=1, batch=1))
    found = {"person": [], "vehicle": []}
    for name in ("street-corner", "checkpoint", "two-cars-abreast"):
        for picture, truth in play(name, seconds=24, fps=0.4, wh=(640, 360)):
            boxes = detector.detect([frame_of(picture)], 0).rows(0)
            boxes = boxes.keep(boxes.score >= detector.score_threshold)
            names = np.array([detector.classes[c].name for c in boxes.class_id], dtype=object)
            for o in truth.objects:
                if o.xyxy[3] - o.xyxy[1] < 60 or o.visible < 0.5:
                    continue
                mine = boxes.xyxy[names == o.object_class]
                iou = iou_matrix(np.array([o.xyxy], np.float32), mine)
                found[o.object_class].append(bool((iou >= 0.5).any()))
    for name, hits in found.items():
        assert len(hits) >= 8, name
        assert np.mean(hits) >= 0.3, name
