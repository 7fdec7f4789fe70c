"""What the truth says is what the pixels show, the paths do and the gates see."""

import dataclasses
import itertools

import numpy as np
import pytest

from edge_agent.errors import UsageError
from edge_agent.scenes import (
    Hour,
    Weather,
    build_stage,
    frames,
    read_truth,
    scene_named,
    write_truth,
)
from edge_agent.scenes.clip import gates_in_picture
from edge_agent.scenes.motion import follow
from edge_agent.scenes.stage import Gate
from edge_agent.scenes.town import Floor, House, Town
from edge_agent.scenes.truth import ClipTruth, Crossing, crossings_between
from edge_agent.scenes.view import view_of
from tests import scenes_support as by_hand
from tests.scenes_support import CAMERA, WH, at, bounds, car, paint, person


def changed(*actors, without, town=by_hand.EMPTY) -> np.ndarray:
    """Return where the picture differs for want of one actor, its shadow left aside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_agent.scenes.painter.cast_shadow", lambda *args: None)
        full, _ = paint(*actors, town=town)
        less, _ = paint(*(a for a in actors if a.id != without), town=town)
    return np.abs(full - less).max(axis=2) > 0.01


@pytest.mark.parametrize(
    "actor",
    [
        person(1, at(9, 1.5)),
        person(1, at(24, -4, 1.0)),
        car(1, at(14, -2, 2.5)),
        car(1, at(22, 3, 1.57), "bus"),
        car(1, at(12, 3, 0.4), "motorcycle"),
    ],
    ids=["near person", "far person", "car", "bus", "motorcycle"],
)
def test_a_box_is_where_the_pixels_change(actor) -> None:
    _, objects = paint(actor)
    mask = changed(actor, without=1)
    assert np.abs(bounds(mask) - objects[1].xyxy).max() <= 1.5
    assert objects[1].visible == 1.0


def test_the_visible_part_is_the_part_that_an_occluder_leaves() -> None:
    # A person at 16 m, the side of a car at 12 m before its lower part.
    someone, other = person(1, at(16, 0)), car(2, at(12.5, -0.6, np.pi / 2))
    _, alone = paint(someone)
    _, both = paint(someone, other)
    whole = changed(someone, without=1).sum()
    left = changed(someone, other, without=1).sum()
    assert 0.1 < both[1].visible < 0.9
    assert both[1].visible == pytest.approx(left / whole, abs=0.04)
    assert both[1].xyxy == alone[1].xyxy  # the box is that of the whole body
    assert both[2].visible == 1.0


def test_a_wall_hides_as_well_and_nothing_is_told_of_what_it_hides_wholly() -> None:
    wall = Town(Floor.PAVED, 1, houses=(House(13, 5, 2, 9.8, 2, 7),))  # from y 0.1 to 9.9
    _, half = paint(person(1, at(20, 0.1)), town=wall)
    _, none = paint(person(1, at(20, 4)), person(2, at(20, -4)), town=wall)
    assert 0.1 < half[1].visible < 0.9
    assert 1 not in none or none[1].visible == 0
    assert none[2].visible == 1.0


def test_a_body_cut_by_the_picture_counts_what_lies_outside_as_not_visible() -> None:
    edge = 10 * np.tan(np.radians(30)) / np.cos(np.radians(8))  # of the view at 10 m
    _, objects = paint(car(1, at(10, float(edge), 0.0)))
    assert objects[1].xyxy[0] == 0.0
    assert 0.2 < objects[1].visible < 0.8


def test_a_point_on_the_ground_falls_where_the_camera_equation_says() -> None:
    view = view_of(CAMERA, WH)
    # 4 m up, looking 8° down: the axis meets the ground 4 / tan 8° ahead.
    (x, y), behind = view.project([(4 / np.tan(np.radians(8)), 0, 0), (-5, 0, 0)])
    assert (x, y) == (pytest.approx(320, abs=0.01), pytest.approx(180, abs=0.01))
    assert np.isnan(behind).all()


def test_speed_is_the_finite_difference_of_the_positions_and_ids_stay() -> None:
    scene = scene_named("two-cars-abreast")
    seen = [truth for _, truth in frames(scene, seed=3, seconds=3, fps=10, wh=(160, 90))]
    assert all({o.id for o in truth.objects} == {1, 2} for truth in seen)
    for before, now in itertools.pairwise(seen):
        for a, b in zip(before.objects, now.objects, strict=True):
            moved = np.hypot(b.ground[0] - a.ground[0], b.ground[1] - a.ground[1])
            assert moved / 0.1 == pytest.approx(b.speed, rel=1e-3)
            assert b.heading == pytest.approx(180)


def test_a_vehicle_brakes_stands_and_drives_on() -> None:
    motion = follow([(0, 0), (100, 0)], 10.0, stops=[(50, 4.0)], acceleration=2.0)
    step = 0.05
    times = np.arange(motion.time[0], motion.time[-1], step)
    xs = np.array([motion.at(float(t)).x for t in times])
    speeds = np.array([motion.at(float(t)).speed for t in times])
    differences = np.diff(xs) / step
    assert np.abs(differences - speeds[:-1]).max() < 0.35  # a step of time may straddle two
    assert np.count_nonzero(speeds == 0) * step == pytest.approx(4.0, abs=0.1)
    assert xs[speeds == 0] == pytest.approx(50, abs=0.1)
    assert np.abs(np.diff(differences) / step).max() < 8  # no jolt beyond what sampling makes
    assert motion.at(motion.time[0] - 1) is None
    assert motion.at(motion.time[-1] + 1) is None


def test_gates_are_crossed_in_the_frame_and_direction_of_the_path() -> None:
    scene = scene_named("two-cars-abreast")
    seen = [truth for _, truth in frames(scene, seed=1, seconds=5, fps=10, wh=(160, 90))]
    crossings = {truth.index: truth.crossings for truth in seen if truth.crossings}
    # From x = 48 at 12 m/s the gate at x = 0 is reached at 4.0 s: in frame 40, or 41 if the
    # last bit of 4.0 s falls short.
    assert len(crossings) == 1
    (index,) = crossings
    assert index in (40, 41)
    assert set(crossings[index]) == {Crossing("gate", 1, "in"), Crossing("gate", 2, "in")}


def test_a_person_crosses_three_perimeters_one_after_the_other() -> None:
    scene = scene_named("three-perimeters")
    seen = [truth for _, truth in frames(scene, seed=1, seconds=13, fps=5, wh=(160, 90))]
    found = [(c.gate, c.direction, t.time_s) for t in seen for c in t.crossings]
    assert [(gate, way) for gate, way, _ in found] == [
        ("outer", "in"), ("middle", "in"), ("inner", "in")
    ]  # fmt: skip
    for (_, _, time_s), half in zip(found, (16, 11, 6), strict=True):
        assert time_s == pytest.approx((22 - half) / 1.4, abs=0.21)


def test_a_line_has_two_directions_and_ends() -> None:
    gate = Gate("g", ((0, 4), (0, -4)))

    def cross(a, b):
        return crossings_between([gate], {1: a}, {1: b})

    assert cross((1, 0), (-1, 0)) == (Crossing("g", 1, "in"),)
    assert cross((-1, 0), (1, 0)) == (Crossing("g", 1, "out"),)
    assert cross((1, 5), (-1, 5)) == ()  # past its end
    assert cross((2, 0), (1, 0)) == ()
    assert crossings_between([gate], {}, {1: (1, 0)}) == ()  # it was not there before


def test_gates_lie_in_the_picture_where_cars_cross_them() -> None:
    scene = scene_named("two-cars-abreast")
    ((a, b),) = gates_in_picture(build_stage(scene, 1), (640, 360))
    assert a is not None
    assert b is not None
    seen = [truth for _, truth in frames(scene, seed=1, seconds=4.2, fps=10)]
    for o in seen[40].objects:
        assert a[0] < (o.xyxy[0] + o.xyxy[2]) / 2 < b[0]
        assert o.xyxy[1] < a[1] < o.xyxy[3] + 12


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_the_file_gives_back_what_was_written(tmp_path, suffix: str) -> None:
    scene = scene_named("two-cars-abreast")
    seen = tuple(truth for _, truth in frames(scene, seed=1, seconds=0.3, fps=10, wh=(160, 90)))
    gate = Gate("gate", ((0, 4.5), (0, -4.5)))
    clip = ClipTruth(
        {"name": "x"}, 1, 10.0, (160, 90), "h264", (gate,), (((1.0, 2.0), None),), seen
    )
    path = tmp_path / f"clip{suffix}"
    write_truth(clip, path)
    again = read_truth(path)
    assert dataclasses.replace(again, frames=()) == dataclasses.replace(clip, frames=())
    for a, b in zip(again.frames, clip.frames, strict=True):
        assert (a.index, a.crossings) == (b.index, b.crossings)
        for x, y in zip(a.objects, b.objects, strict=True):
            assert (x.id, x.object_class, x.subclass) == (y.id, y.object_class, y.subclass)
            assert x.xyxy == pytest.approx(y.xyxy, abs=0.006)
            assert x.ground == pytest.approx(y.ground, abs=0.0006)
    first = path.read_bytes()
    write_truth(clip, path)
    assert path.read_bytes() == first


def test_a_file_of_another_kind_is_refused_by_name(tmp_path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"format": "something else"}\n')
    with pytest.raises(UsageError, match=r"truth other\.jsonl: .*scene truth 1"):
        read_truth(path)


def test_contrast_falls_as_fog_and_darkness_swallow_a_body() -> None:
    def contrast(hour: Hour, weather: Weather, far: float) -> float:
        _, objects = paint(car(1, at(far, 0, 0.5)), hour=hour, weather=weather)
        return objects[1].contrast

    clear = contrast(Hour.DAY, Weather.OVERCAST, 60)
    assert clear > 15
    assert contrast(Hour.DAY, Weather.FOG, 60) < 0.6 * clear
    assert contrast(Hour.NIGHT, Weather.OVERCAST, 60) < 0.3 * clear
    near, far = (contrast(Hour.INFRARED, Weather.CLEAR, metres) for metres in (15, 90))
    assert far < 0.3 * near
