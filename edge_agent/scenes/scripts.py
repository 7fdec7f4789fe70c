"""The scenes by name: scripted ones for tests, those of the demo, and one for training."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge_agent.errors import UsageError
from edge_agent.scenes.casting import stroll
from edge_agent.scenes.demo_scripts import (
    play_checkpoint,
    play_country_uav,
    play_square,
    play_street_corner,
)
from edge_agent.scenes.light import Hour
from edge_agent.scenes.motion import follow, stay
from edge_agent.scenes.stage import Cast, Gate, Rig, Scene, Script, Stage
from edge_agent.scenes.towns import (
    clear_view,
    crossing_town,
    ring_of,
    road_town,
    square_town,
    yard_town,
)
from edge_agent.scenes.training_script import play_anywhere
from edge_agent.scenes.view import Pose
from edge_agent.types import Layer, Ring


@dataclass(frozen=True, slots=True)
class Entry:
    """A scene of the registry: its knobs as shipped, its script, what it shows."""

    scene: Scene
    script: Script
    about: str


def _two_cars_abreast(scene: Scene, cast: Cast) -> Stage:
    town = road_town(cast, width=8.0, lanes=2, gantry_at=-24.0)
    for y in (-2.0, 2.0):
        cast.vehicle("car", follow([(48, y), (-60, y)], 12.0))
    rig = Rig(Pose(-23.5, 0, 6.2 * scene.camera_height, 0, -12, 0, 50))
    town = clear_view(town, rig.pose, 16)
    return Stage(town, tuple(cast.actors), rig, (Gate("gate", ((0, 4.5), (0, -4.5))),))


def _three_perimeters(scene: Scene, cast: Cast) -> Stage:
    radii = (16.0, 11.0, 6.0)
    cast.person(follow([(22, 0), (2.5, 0)], 1.4, waits=True))
    rig = Rig(Pose(15, -17, 7.5 * scene.camera_height, 112, -19, 0, 72))
    gates = tuple(
        Gate(name, ring_of(half))
        for name, half in zip(("outer", "middle", "inner"), radii, strict=True)
    )
    return Stage(yard_town(cast, radii), tuple(cast.actors), rig, gates)


def _pan(scene: Scene, cast: Cast) -> Stage:
    hfov, pitch = 62.0, -12.0
    stroll(cast, (-50, 6.4), (50, 6.4), 14)
    cast.vehicle("car", stay(9.0, 3.55, np.pi))
    # A turn of one radian moves the middle of a level picture by the focal length.
    level = 0.2 * 2 * np.tan(np.radians(hfov) / 2)
    rate = float(np.degrees(level / np.cos(np.radians(pitch))))
    rig = Rig(Pose(-7, -7, 5.0 * scene.camera_height, 65, pitch, 0, hfov), pan_deg_s=-rate)
    return Stage(clear_view(crossing_town(cast), rig.pose, 12), tuple(cast.actors), rig)


def _square_4k(scene: Scene, cast: Cast) -> Stage:
    for _ in range(14):
        a, b = (tuple(float(v) for v in cast.rng.uniform(-45, 45, 2)) for _ in range(2))
        stroll(cast, (a[0], a[1]), (b[0], b[1]), 13, spread=2.0)
    rig = Rig(Pose(0, -165, 122 * scene.camera_height, 90, -36, 0, 95))
    return Stage(square_town(cast, half=50), tuple(cast.actors), rig)


def _night_street(scene: Scene, cast: Cast) -> Stage:
    rig = Rig(Pose(-28, -5.5, 6.0 * scene.camera_height, 8, -11, 0, 58))
    return Stage(clear_view(crossing_town(cast), rig.pose, 12), tuple(cast.actors), rig)


def _parked_car(scene: Scene, cast: Cast) -> Stage:
    cast.vehicle("car", stay(2.0, 3.6, np.pi))
    cast.vehicle("van", follow([(60, 1.0), (-60, 1.0)], 10.0, start_s=-2.0))
    rig = Rig(Pose(-9, -11, 5.2 * scene.camera_height, 52, -16, 0, 56))
    town = road_town(cast, width=9.0, lanes=2)
    return Stage(clear_view(town, rig.pose, 16), tuple(cast.actors), rig)


SCRIPTS: dict[str, Entry] = {
    entry.scene.name: entry
    for entry in (
        Entry(Scene("street-corner", layer=Layer.PORTRAIT), play_street_corner,
              "demo, urban/portrait: a street corner with persons near the camera"),
        Entry(Scene("checkpoint", ring=Ring.SUBURBAN, layer=Layer.CHECKPOINT), play_checkpoint,
              "demo, suburban/checkpoint: a road with a gate under a portal"),
        Entry(Scene("square", wh=(768, 432)), play_square,
              "demo, urban/panoramic: a square from a high camera"),
        Entry(Scene("country-uav", ring=Ring.RURAL, layer=Layer.UAV), play_country_uav,
              "demo, rural/uav: a drone over a country road"),
        Entry(Scene("two-cars-abreast", ring=Ring.SUBURBAN, layer=Layer.CHECKPOINT),
              _two_cars_abreast, "two cars abreast over the gate"),
        Entry(Scene("three-perimeters", ring=Ring.RURAL, layer=Layer.PORTRAIT),
              _three_perimeters, "a person walks inward through three perimeters"),
        Entry(Scene("pan", layer=Layer.UAV), _pan, "a pan of 20 % of the width a second"),
        Entry(Scene("square-4k", wh=(3840, 2160)), _square_4k,
              "a 4K square with persons of 12 px"),
        Entry(Scene("night-street", hour=Hour.NIGHT, clock=True), _night_street,
              "an empty street at night with a burnt-in clock"),
        Entry(Scene("parked-car", ring=Ring.SUBURBAN), _parked_car,
              "a parked car that is still there after a reconnection; a van passes before it"),
        Entry(Scene("anywhere"), play_anywhere,
              "training: any place, camera, traffic and crowd, drawn from the seed"),
    )
}  # fmt: skip

#: The four clips of the demo.
DEMO = ("street-corner", "checkpoint", "square", "country-uav")


def scene_named(name: str, **knobs: Any) -> Scene:
    """Return a scene of the registry with other knobs, fields of `Scene`.

    Raises: UsageError naming an unknown scene.
    """
    if name not in SCRIPTS:
        raise UsageError(f"scene {name!r}: not one of {', '.join(SCRIPTS)}")
    return replace(SCRIPTS[name].scene, **knobs)
