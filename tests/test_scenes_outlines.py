"""The truth without pictures is the truth of the pictures."""

import numpy as np
import pytest

from edge_agent.scenes import build_stage, frames, outlines, scene_named
from edge_agent.scenes.motion import follow, stay
from edge_agent.scenes.stage import Gate, Rig, Scene, Stage
from edge_agent.scenes.town import Floor, House, Town
from tests.scenes_support import CAMERA, EMPTY, WH, car, person

#: Scenes with a fixed camera, with one that turns, and with one that flies.
NAMES = ["three-perimeters", "checkpoint", "street-corner", "pan", "country-uav"]


@pytest.mark.parametrize("name", NAMES)
def test_boxes_ids_and_places_are_those_of_the_rendered_frames(name: str) -> None:
    scene = scene_named(name, wh=(416, 256))
    quick = outlines(scene, build_stage(scene, 1), seed=1, seconds=2, fps=2)
    compared, hidden = 0, 0  # what boxes hide is a little more than what bodies hide
    for (_, drawn), told in zip(frames(scene, seed=1, seconds=2, fps=2), quick, strict=True):
        found = {o.id: o for o in told.objects}
        for one in drawn.objects:
            if one.visible < 0.6:
                continue
            if one.id not in found:
                hidden += 1
                continue
            other = found[one.id]
            assert other.xyxy == pytest.approx(one.xyxy, abs=1.5)
            assert (other.object_class, other.subclass, other.ground, other.speed) == (
                one.object_class, one.subclass, one.ground, one.speed,
            )  # fmt: skip
            compared += 1
        assert (told.index, told.time_s, told.pose) == (drawn.index, drawn.time_s, drawn.pose)
        assert told.crossings == drawn.crossings
    assert compared > 20 * hidden


def told_of(*actors, town: Town = EMPTY) -> dict:
    stage = Stage(town, actors, Rig(CAMERA))
    (first, *_) = outlines(Scene("by-hand"), stage, seed=1, seconds=1, fps=1, wh=WH)
    return {o.id: o for o in first.objects}


def test_a_body_in_the_open_is_wholly_visible_and_one_beside_the_picture_is_not_told() -> None:
    found = told_of(person(1, stay(10, 0, 0)), person(2, stay(10, 30, 0)), car(3, stay(-20, 0, 0)))
    assert list(found) == [1]
    assert found[1].visible == 1.0


def test_a_body_behind_another_is_hidden_by_it() -> None:
    found = told_of(person(1, stay(20, 0, 0)), car(2, stay(12, 0, np.pi / 2), "bus"))
    assert 1 not in found
    assert found[2].visible == 1.0


def test_a_body_behind_a_house_is_hidden_by_it_and_one_before_it_is_not() -> None:
    town = Town(Floor.PAVED, 1, houses=(House(20, 0, 4, 12, 3, 1),))
    found = told_of(person(1, stay(35, 0, 0)), person(2, stay(12, 0, 0)), town=town)
    assert list(found) == [2]
    assert found[2].visible == 1.0


def test_a_body_half_out_of_the_picture_is_cut_at_its_edge() -> None:
    (one,) = told_of(car(1, stay(9, 5.2, np.pi / 2))).values()
    assert one.xyxy[0] == 0
    assert 0.2 < one.visible < 0.8


def test_gates_are_crossed_as_in_rendered_frames() -> None:
    gate = Gate("g", ((10, -5), (10, 5)))
    walker = person(1, follow([(5, 0), (15, 0)], 2.0))
    stage = Stage(EMPTY, (walker,), Rig(CAMERA), (gate,))
    told = [f.crossings for f in outlines(Scene("by-hand"), stage, seed=1, seconds=4, fps=5, wh=WH)]
    assert [(i, c.direction) for i, crossed in enumerate(told) for c in crossed] == [(13, "in")]
