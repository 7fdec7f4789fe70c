"""The truth of a stage without drawing it: bodies' outlines as boxes, for rules and replay.

A hundred times faster than `frames`, with the same ids, places and boxes to within a pixel.
What hides a body is judged on a few points of its box: other bodies by their boxes, and under a
fixed camera the town by its depth. `visible` is that share, in steps of 1/45; `contrast` is 255.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.scenes.backdrop import build_scenery, draw_backdrop
from edge_agent.scenes.light import light_of
from edge_agent.scenes.mesh import COARSE, FINE
from edge_agent.scenes.motion import Place
from edge_agent.scenes.painter import body_mesh, is_small, moment_of
from edge_agent.scenes.raster import NEAR_M
from edge_agent.scenes.stage import HALF_LENGTH_M, Actor, Scene, Stage, places_at
from edge_agent.scenes.truth import FrameTruth, ObjectTruth, crossings_between
from edge_agent.scenes.view import View, view_of
from edge_agent.types import FloatArray, Point, Wh

#: Points of a box that are looked at, across and down, as shares of its sides.
_ACROSS = np.linspace(0.3, 0.7, 5, dtype=np.float32)
_DOWN = np.linspace(0.06, 0.94, 9, dtype=np.float32)
_LEAST_PX = 2.0  # width and height of a box that is told


@dataclass(frozen=True, slots=True, eq=False)
class _Outline:
    actor: Actor
    place: Place
    xyxy: FloatArray  # (4,) px, may reach over the picture's edges
    distance: float


def outlines(
    scene: Scene, stage: Stage, *, seed: int, seconds: float, fps: float, wh: Wh | None = None
) -> Iterator[FrameTruth]:
    """Yield what is truly in each frame of a stage; `frames` with pictures left out.

    Args: `fps` frames a second of the scene's time; `wh` the scene's own size if None.
    """
    wh = wh or scene.wh
    town = _town_depth(scene, stage, seed, wh) if stage.rig.fixed else None
    before: dict[int, Point] = {}
    for index in range(round(seconds * fps)):
        time_s = index / fps
        places = places_at(stage, time_s)
        view = view_of(stage.rig.pose_at(time_s), wh)
        objects = _objects(places, time_s, view, town)
        now = {actor.id: (place.x, place.y) for actor, place in places}
        crossed = crossings_between(stage.gates, before, now)
        before = now
        yield FrameTruth(index, time_s, view.pose, objects, crossed)


def _town_depth(scene: Scene, stage: Stage, seed: int, wh: Wh) -> FloatArray:
    """Return how far the town is in each pixel (h, w), m."""
    light = light_of(scene.hour, scene.weather, np.random.default_rng([37, seed]))
    view = view_of(stage.rig.pose, wh)
    return draw_backdrop(build_scenery(stage.town, light, scene.weather, view.eye), view,
                         samples=1).depth  # fmt: skip


def _objects(
    places: Sequence[tuple[Actor, Place]], time_s: float, view: View, town: FloatArray | None
) -> tuple[ObjectTruth, ...]:
    drawn = [o for actor, place in places if (o := _outline(actor, place, time_s, view))]
    drawn.sort(key=lambda o: o.distance)
    width, height = view.wh
    found = []
    for i, o in enumerate(drawn):
        visible = _visible(o, [other.xyxy for other in drawn[:i]], view.wh, town)
        x0, y0, x1, y1 = (float(v) for v in o.xyxy)
        box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
        if visible == 0 or box[2] - box[0] < _LEAST_PX or box[3] - box[1] < _LEAST_PX:
            continue
        actor, place = o.actor, o.place
        found.append(
            ObjectTruth(
                actor.id, actor.object_class, actor.subclass, box, visible, 255.0,
                (place.x, place.y), float(np.degrees(place.heading)), place.speed, actor.carrier,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda o: o.id))


def _outline(actor: Actor, place: Place, time_s: float, view: View) -> _Outline | None:
    """Return the box around a body's vertices, None where nothing of it is in the picture."""
    middle = np.array([[place.x, place.y, 1.0]], np.float32)
    distance = float(view.depths(middle)[0])
    if distance < -HALF_LENGTH_M[actor.subclass]:
        return None
    shape = COARSE if is_small(view, distance) else FINE
    seen = view.see(body_mesh(actor, place, moment_of(actor, place, time_s), shape).xyz)
    depth = -seen[:, 2]
    front = depth > NEAR_M
    if not front.any():
        return None
    x = view.wh[0] / 2 + view.focal_px * seen[front, 0] / depth[front]
    y = view.wh[1] / 2 - view.focal_px * seen[front, 1] / depth[front]
    xyxy = np.array((x.min(), y.min(), x.max(), y.max()), np.float32)
    if xyxy[2] <= 0 or xyxy[3] <= 0 or xyxy[0] >= view.wh[0] or xyxy[1] >= view.wh[1]:
        return None
    return _Outline(actor, place, xyxy, distance)


def _visible(o: _Outline, nearer: Sequence[FloatArray], wh: Wh, town: FloatArray | None) -> float:
    """Return the share of a body's points that are in the picture and that nothing hides."""
    x0, y0, x1, y1 = o.xyxy
    x = np.repeat(x0 + (x1 - x0) * _ACROSS, len(_DOWN))
    y = np.tile(y0 + (y1 - y0) * _DOWN, len(_ACROSS))
    shown = (x >= 0) & (y >= 0) & (x < wh[0]) & (y < wh[1])
    for a0, b0, a1, b1 in nearer:
        shown &= (x < a0) | (x > a1) | (y < b0) | (y > b1)
    if town is not None and shown.any():
        margin = HALF_LENGTH_M[o.actor.subclass] + 0.5  # the ground beneath it hides nothing
        row, column = y[shown].astype(np.intp), x[shown].astype(np.intp)
        shown[shown] = town[row, column] > o.distance - margin
    return float(shown.mean())
