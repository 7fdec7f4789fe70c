"""Frames of a scene with their truth: pure, the same for the same scene and seed."""

from collections.abc import Iterator

import numpy as np

from edge_agent.errors import UsageError
from edge_agent.scenes.lens import Lens
from edge_agent.scenes.painter import Painter
from edge_agent.scenes.scripts import SCRIPTS
from edge_agent.scenes.stage import Cast, Scene, Stage, places_at
from edge_agent.scenes.truth import FrameTruth, crossings_between
from edge_agent.types import ByteArray, Point, Wh


def build_stage(scene: Scene, seed: int) -> Stage:
    """Return the town, the actors and the camera of a scene.

    Raises: UsageError naming an unknown scene.
    """
    if scene.name not in SCRIPTS:
        raise UsageError(f"scene {scene.name!r}: not one of {', '.join(SCRIPTS)}")
    return SCRIPTS[scene.name].script(scene, Cast(scene, np.random.default_rng([3, seed])))


def frames(
    scene: Scene, *, seed: int, seconds: float, fps: float, wh: Wh | None = None
) -> Iterator[tuple[ByteArray, FrameTruth]]:
    """Yield each picture (h, w, 3) BGR with what is truly in it.

    Args: `fps` pictures a second of the scene's time; `wh` the scene's own size if None.
    Raises: UsageError naming an unknown scene.
    """
    wh = wh or scene.wh
    stage = build_stage(scene, seed)
    painter, lens = Painter(scene, stage, seed, wh), Lens(scene, seed, wh)
    before: dict[int, Point] = {}
    for index in range(round(seconds * fps)):
        time_s = index / fps
        places = places_at(stage, time_s)
        light, depth, view, objects = painter.paint(time_s, places)
        # Gates are crossed on the ground, whether the camera sees it or not.
        now = {actor.id: (place.x, place.y) for actor, place in places}
        crossed = crossings_between(stage.gates, before, now)
        before = now
        picture = lens.take(light, depth, index, time_s)
        yield picture, FrameTruth(index, time_s, view.pose, objects, crossed)
