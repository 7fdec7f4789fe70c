"""Scenes of one's own: who goes where, written in a footage file, in one of the towns."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from edge_agent.scenes.motion import Motion, follow, stay
from edge_agent.scenes.persons import Gait
from edge_agent.scenes.stage import Cast, Rig, Scene, Stage
from edge_agent.scenes.town import Floor, Town
from edge_agent.scenes.towns import (
    clear_view,
    country_town,
    crossing_town,
    road_town,
    square_town,
    yard_town,
)
from edge_agent.scenes.view import Pose
from edge_agent.settings import Frozen

Metres = Annotated[float, Field(ge=-500, le=500)]
GroundPoint = tuple[Metres, Metres]

#: The towns to play in; the origin is their middle, x is east and y is north.
PLACES: dict[str, Callable[[Cast], Town]] = {
    "empty": lambda cast: Town(Floor.PAVED, int(cast.rng.integers(200))),
    "yard": lambda cast: yard_town(cast, (16.0, 11.0, 6.0)),
    "road": lambda cast: road_town(cast, width=8.0, lanes=2),
    "crossing": crossing_town,
    "square": lambda cast: square_town(cast, half=40.0),
    "country": country_town,
}
PlaceName = Literal["empty", "yard", "road", "crossing", "square", "country"]
#: A person that is faster than this runs, m/s.
_RUNS_FROM = 2.4
_CLEAR_M = 16.0  # no tree and no post stands so near before the camera


class View(Frozen):
    """Where the camera stands and looks; degrees, yaw 0 along x and 90 along y."""

    at: tuple[Metres, Metres, Annotated[float, Field(gt=0, le=300)]]
    yaw: Annotated[float, Field(ge=-360, le=360)] = 0.0
    pitch: Annotated[float, Field(ge=-90, le=30)] = -15.0
    hfov: Annotated[float, Field(ge=5, le=120)] = 60.0


class ActorScript(Frozen):
    """Some persons or vehicles that do the same, one after another or side by side."""

    what: Literal["person", "car", "van", "bus", "truck", "motorcycle"] = "person"
    path: Annotated[tuple[GroundPoint, ...], Field(min_length=1, max_length=64)]
    speed: Annotated[float, Field(gt=0, le=60)] = 1.4  # m/s
    from_s: Annotated[float, Field(ge=-600, le=3600)] = 0.0
    stops: tuple[tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(gt=0)]], ...] = ()
    stays: bool = False  # is there before it begins and after it has ended
    heading: float = 0.0  # of one that never moves
    count: Annotated[int, Field(ge=1, le=200)] = 1
    every_s: Annotated[float, Field(ge=0, le=600)] = 0.0  # between the starts of several
    spread_m: Annotated[float, Field(ge=0, le=50)] = 0.0  # of several, around the path

    @model_validator(mode="after")
    def _one_point_never_moves(self) -> Self:
        if len(self.path) == 1 and self.stops:
            raise ValueError("a path of one point has no stops: it never moves")
        return self


def act(
    scene: Scene, place: PlaceName, view: View, actors: tuple[ActorScript, ...], seed: int
) -> Stage:
    """Return the stage: the town, who moves in it, and the camera."""
    cast = Cast(scene, np.random.default_rng([3, seed]))
    town = PLACES[place](cast)
    for script in actors:
        for number in range(script.count):
            _engage(cast, script, number)
    x, y, z = view.at
    pose = Pose(x, y, z, view.yaw, view.pitch, 0.0, view.hfov)
    return Stage(clear_view(town, pose, _CLEAR_M), tuple(cast.actors), Rig(pose))


def _engage(cast: Cast, script: ActorScript, number: int) -> None:
    motion = _motion(cast, script, number)
    if script.what != "person":
        cast.vehicle(script.what, motion)
        return
    moves = len(script.path) > 1
    gait = Gait.STAND if not moves else Gait.RUN if script.speed > _RUNS_FROM else Gait.WALK
    cast.person(motion, gait)


def _motion(cast: Cast, script: ActorScript, number: int) -> Motion:
    dx, dy = (float(v) for v in cast.rng.uniform(-script.spread_m, script.spread_m, 2))
    path = [(x + dx, y + dy) for x, y in script.path]
    if len(path) == 1:
        return stay(*path[0], float(np.radians(script.heading)))
    return follow(
        path, script.speed, start_s=script.from_s + number * script.every_s, stops=script.stops,
        waits=script.stays,
    )  # fmt: skip
