"""The footage file: what each camera of a site sees in a replay. TOML, `docs/replay.md`."""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from edge_agent.commands.replay.acted import ActorScript, PlaceName, View, act
from edge_agent.commands.replay.moments import SceneFootage
from edge_agent.errors import UsageError
from edge_agent.scenes import Hour, Weather, build_stage, scene_named
from edge_agent.scenes.stage import Scene
from edge_agent.settings import Frozen, Name
from edge_agent.settings.hours import Latitude, Longitude
from edge_agent.types import Wh

_KINDS = ("clip", "tracks", "scene", "place")
Seconds = Annotated[float, Field(ge=0, le=7200)]
#: What happens to a camera: its loss, and the faults that rules of kind tamper tell.
Change = Literal[
    "lost", "live", "dark", "dark over", "covered", "covered over", "blurred", "blurred over",
    "moved", "moved over",
]  # fmt: skip
Side = Annotated[int, Field(ge=64, le=7680, multiple_of=2)]


class FootageScript(Frozen):
    """What one camera sees: a clip, recorded tracks, a scene by name, or one's own scene."""

    camera: Name | None = None  # None: the site's only camera
    clip: Path | None = None
    tracks: Path | None = None
    scene: str | None = None
    place: PlaceName | None = None
    view: View | None = None  # of a place
    actors: Annotated[tuple[ActorScript, ...], Field(max_length=200)] = ()  # of a place
    #: Where a camera that moves is: seconds, degrees north, degrees east; a straight way between.
    positions: Annotated[
        tuple[tuple[Seconds, Latitude, Longitude], ...], Field(max_length=999)
    ] = ()
    changes: Annotated[tuple[tuple[Seconds, Change], ...], Field(max_length=99)] = ()
    seed: Annotated[int, Field(ge=0, le=2**31)] = 1
    seconds: Annotated[float, Field(gt=0, le=7200)] = 30.0
    fps: Annotated[float, Field(ge=1, le=60)] = 10.0
    wh: tuple[Side, Side] | None = None
    hour: Hour | None = None
    weather: Weather | None = None
    crowd: Annotated[float, Field(ge=0, le=10)] | None = None

    @property
    def kind(self) -> str:
        """Which of clip, tracks, scene and place it is."""
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"needs one of {', '.join(_KINDS)}; it has {said}")
        if self.tracks is not None and (self.positions or self.changes):
            raise ValueError("tracks hold their own positions and changes")
        if [at_s for at_s, _ in self.changes] != sorted(at_s for at_s, _ in self.changes):
            raise ValueError("changes stand in the order of their seconds")
        if (self.place is None) != (self.view is None):
            raise ValueError("place and view go together: where the camera stands in the town")
        if self.actors and self.place is None:
            raise ValueError("actors play in a place; a scene has its own")
        return self

    def scene_footage(self) -> SceneFootage:
        """Return the stage of a scene or place. Raises: UsageError for an unknown scene."""
        knobs = {
            key: value
            for key in ("hour", "weather", "crowd")
            if (value := getattr(self, key)) is not None
        }
        if self.place is None or self.view is None:
            scene = scene_named(self.scene or "", **knobs)
            stage = build_stage(scene, self.seed)
        else:
            scene = Scene(self.place, **knobs)
            stage = act(scene, self.place, self.view, self.actors, self.seed)
        wh: Wh = self.wh or scene.wh
        return SceneFootage(scene, stage, self.seed, self.seconds, self.fps, wh)


class FootageFile(Frozen):
    """The whole file."""

    start: datetime | None = None  # without an offset: in the site's time zone
    footage: Annotated[tuple[FootageScript, ...], Field(min_length=1, max_length=64)]


def read_footage(path: Path) -> FootageFile:
    """Read the file; paths in it count from its folder.

    Raises: UsageError saying what is wrong with it, and where.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        footage = FootageFile.model_validate(tree)
    except OSError as error:
        raise UsageError(f"footage {path}: {error.strerror}; nothing to replay") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"footage {path}: no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(
            f"footage {path}: {where}: {first['msg']} ({error.error_count()} such); nothing is "
            "replayed"
        ) from error
    return footage.model_copy(
        update={"footage": tuple(_placed(script, path.parent) for script in footage.footage)}
    )


def _placed(script: FootageScript, folder: Path) -> FootageScript:
    places = {
        key: folder / value
        for key in ("clip", "tracks")
        if (value := getattr(script, key)) is not None
    }
    return script.model_copy(update=places)
