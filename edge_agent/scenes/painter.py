"""One frame: the backdrop, then shadows, then bodies from far to near, each against the depth.

Every body is drawn alone first, so its whole extent is known; the pixels that it still owns
when all are drawn are its visible part.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.scenes.backdrop import Backdrop, build_scenery, draw_backdrop
from edge_agent.scenes.glows import add_street_glow, add_vehicle_lights, lamp_light
from edge_agent.scenes.light import infrared_fall, light_of, shade
from edge_agent.scenes.mesh import COARSE, FINE, LimbShape, Mesh, place
from edge_agent.scenes.motion import Place
from edge_agent.scenes.persons import Gait, figure, pose
from edge_agent.scenes.raster import NEAR_M, Sprite, draw_sprite
from edge_agent.scenes.shadows import Shadow, cast_shadow, lay_shadow
from edge_agent.scenes.stage import HALF_LENGTH_M, Actor, Scene, Stage
from edge_agent.scenes.truth import ObjectTruth
from edge_agent.scenes.vehicles import vehicle
from edge_agent.scenes.view import View, view_of
from edge_agent.types import FloatArray, IntArray, Wh

#: Of a body that covers less than this many pixels there is nothing to see and nothing told.
_LEAST_PX = 4
#: Soles and tyres touch the ground: so much nearer they count as, m.
_CONTACT_M = 0.05
#: A stride (two steps) of a walking and of a running person, in body heights.
_STRIDE = {Gait.WALK: 0.82, Gait.RUN: 1.5}
_SMALL_PX = 34  # persons below this height are drawn coarsely
_SHIFTS_A_S = 2.0  # so often a standing person moves
_SADDLE_M = 0.36  # how far a rider's feet frame lies above the ground
_BIG_PICTURE_PX = 1600  # px of width: from here on edges of the town are drawn with one sample


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """An actor at a moment: where, and how it was drawn alone."""

    actor: Actor
    place: Place
    sprite: Sprite
    shadow: Shadow | None
    distance: float
    area: int  # pixels that it covers, outside the picture too
    moment: float  # of its pose, s


class Painter:
    """Draws the frames of one stage in one picture size; keeps what does not move."""

    def __init__(self, scene: Scene, stage: Stage, seed: int, wh: Wh) -> None:
        self.stage, self.wh = stage, wh
        rng = np.random.default_rng([37, seed])
        self._light = light_of(scene.hour, scene.weather, rng)
        eye = view_of(stage.rig.pose, wh).eye
        self._scenery = build_scenery(stage.town, self._light, scene.weather, eye)
        self._backdrop: Backdrop | None = None
        self._drawn: dict[int, Body] = {}  # bodies at rest under a fixed camera

    def paint(
        self, time_s: float, places: Sequence[tuple[Actor, Place]]
    ) -> tuple[FloatArray, FloatArray, View, tuple[ObjectTruth, ...]]:
        """Return the light (h, w, 3), the depth (h, w), the view and who is seen.

        Args: `places` of the actors at that time, as `places_at` gives them.
        """
        view = view_of(self.stage.rig.pose_at(time_s), self.wh)
        backdrop = self._see(view)
        bodies = [
            body
            for actor, place in places
            if (body := self._draw(actor, place, time_s, view, backdrop))
        ]
        bodies.sort(key=lambda body: -body.distance)
        light, depth = backdrop.bgr.copy(), backdrop.depth.copy()
        for body in bodies:
            if body.shadow is not None:
                lay_shadow(light, backdrop.is_ground, body.shadow)
        if self._light.lamps_lit:
            add_vehicle_lights(light, backdrop.is_ground, view, places)
        owner = np.zeros(depth.shape, np.int32)
        contrast = {body.actor.id: self._compose(light, depth, owner, body) for body in bodies}
        if self._light.lamps_lit:
            add_street_glow(light, depth, view, self.stage.town, self._light, places)
        seen = tuple(
            filter(None, (self._truth_of(body, owner, contrast[body.actor.id]) for body in bodies))
        )
        return light, depth, view, tuple(sorted(seen, key=lambda o: o.id))

    def _see(self, view: View) -> Backdrop:
        if self._backdrop is not None and self.stage.rig.fixed:
            return self._backdrop
        big = self.wh[0] > _BIG_PICTURE_PX
        self._backdrop = draw_backdrop(self._scenery, view, samples=1 if big else 2)
        return self._backdrop

    def _draw(
        self, actor: Actor, where: Place, time_s: float, view: View, backdrop: Backdrop
    ) -> Body | None:
        """Return the actor drawn alone, or None where nothing of it is in the picture."""
        moment = moment_of(actor, where, time_s)
        kept = self._drawn.get(actor.id)
        if kept is not None and kept.place == where and kept.moment == moment:
            return kept
        if _is_out_of_sight(actor, where, view, backdrop):
            return None
        middle = np.array([[where.x, where.y, 1.0]], np.float32)
        distance = float(view.depths(middle)[0])
        mesh = body_mesh(actor, where, moment, COARSE if is_small(view, distance) else FINE)
        ground = self._scenery.ground
        sunny = ground.at(ground.sun_map, where.x, where.y)
        lit = lamp_light(ground, self._light, where, actor)
        colours = shade(mesh, self._light, view.eye, lit, sunny)
        sprite = draw_sprite(mesh.xyz, mesh.faces, colours, view)
        if sprite is None:
            return None
        fade = 1 - np.exp(-max(distance, 0) * self._light.haze_per_m)
        sprite.bgr[:] += (self._light.haze * sprite.alpha[..., None] - sprite.bgr) * fade
        height_px = sprite.xyxy[3] - sprite.xyxy[1]
        shadow = cast_shadow(mesh, actor, self._light, view, sunny, height_px)
        body = Body(
            actor, where, sprite, shadow, distance, int((sprite.alpha >= 0.5).sum()), moment
        )
        if self.stage.rig.fixed and where.speed == 0:
            self._drawn[actor.id] = body
        return body

    def _compose(self, light: FloatArray, depth: FloatArray, owner: IntArray, body: Body) -> float:
        """Lay a body over the picture; return by how many grey levels it stands out there."""
        sprite, window = body.sprite, _inside(body.sprite, self.wh)
        if window is None:
            return 0.0
        picture, part = window
        alpha, near = sprite.alpha[part], sprite.depth[part]
        in_front = near < depth[picture] + _CONTACT_M
        cover = np.where(in_front, alpha, 0)[..., None]
        shown = np.where(in_front[..., None], sprite.bgr[part], 0)
        behind = light[picture].copy()
        light[picture] = behind * (1 - cover) + shown
        solid = in_front & (alpha >= 0.5)
        stands_out = np.abs(light[picture] - behind)[solid]
        np.copyto(depth[picture], near, where=solid)
        np.copyto(owner[picture], np.int32(body.actor.id), where=solid)
        if len(stands_out) == 0:
            return 0.0
        lamp = infrared_fall(np.float32(body.distance)) if self._light.infrared else 1.0
        return float(stands_out.mean() * 255 * lamp)

    def _truth_of(self, body: Body, owner: IntArray, contrast: float) -> ObjectTruth | None:
        window = _inside(body.sprite, self.wh)
        if window is None or body.area < _LEAST_PX:
            return None
        picture, part = window
        if int((body.sprite.alpha[part] >= 0.5).sum()) < _LEAST_PX:
            return None
        visible = int((owner[picture] == body.actor.id).sum()) / body.area
        x1, y1, x2, y2 = body.sprite.xyxy
        width, height = self.wh
        actor, place = body.actor, body.place
        return ObjectTruth(
            actor.id, actor.object_class, actor.subclass,
            (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))),
            visible, contrast, (place.x, place.y), float(np.degrees(place.heading)), place.speed,
            actor.carrier,
        )  # fmt: skip


def is_small(view: View, distance: float) -> bool:
    """Return whether a person so far away is drawn coarsely."""
    return view.focal_px * 1.7 < _SMALL_PX * max(distance, 0.1)


def moment_of(actor: Actor, where: Place, time_s: float) -> float:
    """Return the time that decides an actor's pose: who stands shifts its weight in steps."""
    if where.speed > 0:
        return time_s
    return 0.0 if actor.subclass is not None else math.floor(time_s * _SHIFTS_A_S) / _SHIFTS_A_S


def _is_out_of_sight(actor: Actor, where: Place, view: View, backdrop: Backdrop) -> bool:
    """Return whether a ball around a body misses the picture or lies behind the town."""
    radius = HALF_LENGTH_M[actor.subclass] + (0.8 if actor.subclass is None else 1.7)
    middle = np.array([[where.x, where.y, 1.0]], np.float32)
    far = float(view.depths(middle)[0])
    if far < -radius:
        return True
    if far < radius + NEAR_M:
        return False  # so near that its ball has no outline in the picture
    x, y = (float(v) for v in view.project(middle)[0])
    reach = radius * view.focal_px / (far - radius) * 1.3
    width, height = view.wh
    x1, y1 = max(0, int(x - reach)), max(0, int(y - reach))
    x2, y2 = min(width, int(x + reach) + 1), min(height, int(y + reach) + 1)
    if x2 <= x1 or y2 <= y1:
        return True
    return bool(backdrop.depth[y1:y2, x1:x2].max() < far - radius)


def body_mesh(actor: Actor, where: Place, time_s: float, shape: LimbShape = FINE) -> Mesh:
    """Return an actor's body at a place and moment, in world coordinates."""
    if actor.subclass is not None:
        car = vehicle(actor.subclass, actor.number, actor.paint)
        lean = 0.1 if actor.subclass == "motorcycle" and where.speed == 0 else 0.0
        return place(car.mesh, (where.x, where.y, 0), where.heading, lean=lean)
    who = figure(actor.number)
    gait = actor.gait if where.speed > 0.05 or actor.gait is Gait.RIDE else Gait.STAND
    stride = _STRIDE.get(gait)
    phase = where.gone / (stride * who.height) * 2 * np.pi if stride else 0.8 * time_s + actor.id
    if gait is Gait.RIDE:
        back = -0.28
        at = (where.x + back * np.cos(where.heading), where.y + back * np.sin(where.heading))
        return place(pose(who, gait, 0.0, shape), (*at, _SADDLE_M - 0.35), where.heading)
    return place(pose(who, gait, float(phase), shape), (where.x, where.y, 0), where.heading)


def _inside(sprite: Sprite, wh: Wh) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return the part of the picture that a sprite's window covers, and that of the window."""
    height, width = sprite.alpha.shape
    x1, y1 = max(sprite.left, 0), max(sprite.top, 0)
    x2, y2 = min(sprite.left + width, wh[0]), min(sprite.top + height, wh[1])
    if x2 <= x1 or y2 <= y1:
        return None
    return (slice(y1, y2), slice(x1, x2)), (
        slice(y1 - sprite.top, y2 - sprite.top),
        slice(x1 - sprite.left, x2 - sprite.left),
    )
