"""A scene played through the agent's own pipeline: who goes where in metres, and what is told.

The camera looks over an empty place; its ground is known exactly, so where somebody is at which
second follows from the script alone. x is to the right, y is away from the camera, metres.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import pairwise
from typing import Any

import numpy as np

from edge_agent.commands.replay.footage_file import FootageScript
from edge_agent.commands.replay.happenings import change_items, position_items, while_connected
from edge_agent.commands.replay.moments import (
    TRUTH_CLASSES,
    TRUTH_SCORE,
    Item,
    scene_moments,
    wall_of,
)
from edge_agent.commands.replay.player import Model, Player, Told
from edge_agent.scenes import FrameTruth, outlines
from edge_agent.scenes.view import Pose, view_of
from edge_agent.settings import AgentSettings
from edge_agent.types import Event

FPS = 5.0
WH = (640, 360)
AT = (0.0, -14.0, 7.0)
LOOKS = YAW, PITCH, ROLL, HFOV = 90.0, -25.0, 0.0, 70.0
VIEW = {"at": AT, "yaw": YAW, "pitch": PITCH, "hfov": HFOV}
#: Monday, 1 June 2026, noon in Shanghai.
NOON_NS = 1_780_286_400_000_000_000
_CORNERS = ((-7.0, -5.0), (7.0, -5.0), (7.0, 9.0), (-7.0, 9.0))


def px_of(points: Sequence[tuple[float, float]]) -> list[list[float]]:
    """Return where points of the ground are in the picture, 0..1."""
    view = view_of(Pose(*AT, *LOOKS), WH)
    pixels = view.project(np.array([(*point, 0.0) for point in points]))
    return [[round(float(v), 5) for v in pixel / np.array(WH)] for pixel in pixels]


GROUND = {"image": px_of(_CORNERS), "metres": [list(corner) for corner in _CORNERS]}
#: 5 m by 6 m, to the right of the picture's middle.
COURT = {"id": "court", "ground": [[0, -3], [5, -3], [5, 3], [0, 3]]}
#: Away from the camera along x = 0: A is where x is negative.
GATE = {"id": "gate", "ground": [[0, -4], [0, 4]]}


@dataclass(frozen=True)
class Wanted:
    """One event that must come."""

    at_s: float
    who: tuple[int, ...] | None = None  # actors by their number from 1; None: not asked
    data: Mapping[str, Any] = field(default_factory=dict)  # a part of the event's data
    within_s: float = 0.45
    severity: str | None = None


@dataclass(frozen=True)
class RuleScene:
    """A rule, who acts before it, and what it tells: nothing where `told` is empty."""

    sees: str  # what happens, as a sentence's subject and verb: the row's name
    rule: Mapping[str, Any]
    actors: Sequence[Mapping[str, Any]] = ()
    told: Sequence[Wanted] = ()
    seconds: float = 12.0
    changes: Sequence[tuple[float, str]] = ()
    camera: Mapping[str, Any] = field(default_factory=dict)
    site: Mapping[str, Any] = field(default_factory=dict)
    start_ns: int = NOON_NS

    @property
    def kind(self) -> str:
        return str(self.rule["kind"])

    def __str__(self) -> str:
        return f"{self.kind} {'fires' if self.told else 'is silent'}: {self.sees}"


@dataclass
class Played:
    """What came of a scene."""

    told: list[Told]
    truths: dict[int, FrameTruth]  # by pts

    def events(self, kind: str) -> list[Told]:
        return [one for one in self.told if one.event.kind == kind]

    def who(self, event: Event) -> tuple[int, ...]:
        """Return the actors that an event is about, by where they truly are."""
        assert event.pts_ns is not None
        objects = self.truths[event.pts_ns].objects
        found = []
        for report in event.tracks:
            overlaps = {o.id: _iou(report.xyxy_px, o.xyxy) for o in objects}
            best = max(overlaps, key=lambda number: overlaps[number], default=None)
            assert best is not None, report
            assert overlaps[best] > 0.5, (report, objects)
            found.append(best)
        return tuple(sorted(found))


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return across * down / (areas - across * down)


def play(
    *rules: Mapping[str, Any],
    actors: Sequence[Mapping[str, Any]] = (),
    seconds: float = 12.0,
    changes: Sequence[tuple[float, str]] = (),
    positions: Sequence[tuple[float, float, float]] = (),
    camera: Mapping[str, Any] | None = None,
    site: Mapping[str, Any] | None = None,
    start_ns: int = NOON_NS,
) -> Played:
    """Play actors before a camera with `rules`; return all that was told."""
    settings = AgentSettings.model_validate(
        {
            "site": "scenes", "agent_id": "box", "timezone": "Asia/Shanghai",
            "camera": [
                {
                    "id": "cam", "url": "rtsp://192.0.2.1/1", "ring": "suburban",
                    "layer": "portrait", "target_fps": FPS, "ground": GROUND, "zones": [COURT],
                    "lines": [GATE], "rules": [{"id": rule["kind"], **rule} for rule in rules],
                    **(camera or {}),
                }
            ],
            **(site or {}),
        }
    )  # fmt: skip
    script = FootageScript.model_validate(
        {
            "place": "empty", "view": VIEW, "actors": actors, "seconds": seconds, "fps": FPS,
            "wh": WH, "changes": changes, "positions": positions,
        }
    )  # fmt: skip
    (one,) = settings.camera
    model = Model("truth", TRUTH_CLASSES, TRUTH_SCORE / 2)
    player = Player(settings, (one,), model, start_ns=start_ns)
    frames = scene_moments(one, script.scene_footage(), start_ns)
    items: Iterator[Item] = merge(
        position_items("cam", script.positions, start_ns),
        change_items("cam", script.changes, start_ns),
        while_connected(frames, script.changes, start_ns),
        key=wall_of,
    )
    player.play(item for item in items if item.wall_ns < start_ns + round(seconds * 1e9))
    return Played(player.events, {round(t.time_s * 1e9): t for t in _truths(script)})


def _truths(script: FootageScript) -> Iterator[FrameTruth]:
    footage = script.scene_footage()
    return outlines(
        footage.scene, footage.stage, seed=footage.seed, seconds=footage.seconds, fps=footage.fps,
        wh=footage.wh,
    )  # fmt: skip


def walk(*path: tuple[float, float], **more: Any) -> dict[str, Any]:
    """Return a person who walks along points at 1.4 m/s."""
    return {"what": "person", "path": path, "speed": 1.4, **more}


def pace(*xs: float, y: float = 0.0, pause_s: float = 0.4, **more: Any) -> dict[str, Any]:
    """Return a person who walks from one x to the next, and brakes to turn on the spot.

    With `pause_s` 0 it turns from one picture to the next, as scripts can and bodies cannot.
    """
    turns = [(x, y + 0.1 * side) for x in xs[1:-1] for side in (-1, 1)]  # paths cut their corners
    gone = np.cumsum([abs(b - a) for a, b in pairwise(xs)])[:-1]
    stops = [(float(d) + 0.1, pause_s) for d in gone] if pause_s else []
    return walk((xs[0], y), *turns, (xs[-1], y), stops=stops, **more)


def stand(x: float, y: float) -> dict[str, Any]:
    """Return a person who stands there all the time."""
    return {"what": "person", "path": [(x, y)]}


def drive(*path: tuple[float, float], speed: float, **more: Any) -> dict[str, Any]:
    """Return a car."""
    return {"what": "car", "path": path, "speed": speed, **more}
