"""What a scene is made of: knobs, the town, who moves in it, the camera, and the gates."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edge_agent.scenes.light import Hour, Weather
from edge_agent.scenes.motion import Motion, Place
from edge_agent.scenes.persons import Gait
from edge_agent.scenes.town import Town
from edge_agent.scenes.vehicles import pick_number
from edge_agent.scenes.view import Pose
from edge_agent.types import Layer, Point, Ring, Wh


@dataclass(frozen=True, slots=True)
class Scene:
    """A script's name and its knobs; with a seed it says every pixel of a clip."""

    name: str
    hour: Hour = Hour.DAY
    weather: Weather = Weather.CLEAR
    wh: Wh = (640, 360)  # what the script was made for; a caller may ask for another size
    camera_height: float = 1.0  # times the script's own height
    crowd: float = 1.0  # times the script's own number of persons and vehicles
    held_out: bool = False  # only buildings, bodies and figures that training never shows
    clock: bool = False  # a burnt-in clock
    noise: float = 1.0  # times the sensor's own noise
    ring: Ring = Ring.URBAN
    layer: Layer = Layer.PANORAMIC


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or vehicle of a clip; a rider has the vehicle that carries it."""

    id: int
    subclass: str | None  # None is a person
    number: int  # which figure or body
    paint: int
    motion: Motion
    gait: Gait = Gait.WALK
    carrier: int | None = None

    @property
    def object_class(self) -> str:
        return "person" if self.subclass is None else "vehicle"


@dataclass(frozen=True, slots=True)
class Gate:
    """A line on the ground, or a closed ring of three points or more.

    A line from a to b is crossed `in` from its left side to its right; a ring, towards its
    inside.
    """

    name: str
    points: tuple[Point, ...]

    @property
    def closed(self) -> bool:
        return len(self.points) > 2


@dataclass(frozen=True, slots=True)
class Rig:
    """A camera: fixed, panning, or flying with the sway of a drone."""

    pose: Pose
    pan_deg_s: float = 0.0
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)  # m/s
    sway_deg: float = 0.0

    @property
    def fixed(self) -> bool:
        return self.pan_deg_s == 0 and self.sway_deg == 0 and not any(self.velocity)

    def pose_at(self, t: float) -> Pose:
        """Return the pose at `t` seconds."""
        p, (vx, vy, vz), sway = self.pose, self.velocity, self.sway_deg
        return Pose(
            p.x + vx * t, p.y + vy * t, p.z + vz * t + sway * 0.15 * float(np.sin(0.9 * t)),
            p.yaw + self.pan_deg_s * t + sway * float(np.sin(0.7 * t)),
            p.pitch + sway * 0.4 * float(np.sin(1.3 * t + 1)),
            p.roll + sway * 0.5 * float(np.sin(1.1 * t + 2)), p.hfov,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """A scene played with one seed."""

    town: Town
    actors: tuple[Actor, ...]
    rig: Rig
    gates: tuple[Gate, ...] = ()


@dataclass(slots=True)
class Cast:
    """Engages actors one after another, each with the next id, dressed from one seed."""

    scene: Scene
    rng: np.random.Generator
    actors: list[Actor] = field(default_factory=list)

    def person(self, motion: Motion, gait: Gait = Gait.WALK) -> Actor:
        """Engage a person who moves so."""
        number = pick_number(self.rng, self.scene.held_out, 1000)
        return self._engage(Actor(len(self.actors) + 1, None, number, 0, motion, gait))

    def vehicle(self, subclass: str, motion: Motion, *, rider: bool = True) -> Actor:
        """Engage a vehicle; a motorcycle that moves brings its rider."""
        number = pick_number(self.rng, self.scene.held_out)
        paint = int(self.rng.integers(64))
        who = self._engage(Actor(len(self.actors) + 1, subclass, number, paint, motion))
        if subclass == "motorcycle" and rider:
            figure = pick_number(self.rng, self.scene.held_out, 1000)
            self._engage(
                Actor(len(self.actors) + 1, None, figure, 0, motion, Gait.RIDE, carrier=who.id)
            )
        return who

    def any_vehicle(self, motion: Motion) -> Actor:
        """Engage a vehicle of the mix seen on a street."""
        odds = (0.62, 0.12, 0.07, 0.1, 0.09)
        names = ("car", "van", "bus", "truck", "motorcycle")
        return self.vehicle(names[int(self.rng.choice(5, p=odds))], motion)

    def times(self, count: float) -> int:
        """Return a script's own number of actors under the crowd knob, rounded."""
        return max(0, round(count * self.scene.crowd))

    def _engage(self, actor: Actor) -> Actor:
        self.actors.append(actor)
        return actor


#: Half a body's length, m: how far its heading looks ahead, and its ball of sight.
HALF_LENGTH_M = {None: 0.5, "car": 2.5, "van": 3.1, "bus": 6.3, "truck": 5.1, "motorcycle": 1.1}


def places_at(stage: Stage, time_s: float) -> list[tuple[Actor, Place]]:
    """Return who is there at a moment, seen or not, and where."""
    found = []
    for actor in stage.actors:
        place = actor.motion.at(time_s, reach=HALF_LENGTH_M[actor.subclass] * 0.7)
        if place is not None:
            found.append((actor, place))
    return found


#: A script casts and sets up a scene.
Script = Callable[[Scene, Cast], Stage]
