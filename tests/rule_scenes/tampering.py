"""A camera that is tampered with, in rendered pictures: what its reader and its rule find."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from edge_agent.clock import ManualClock
from edge_agent.commands.replay.footage_file import FootageScript
from edge_agent.commands.replay.happenings import while_connected
from edge_agent.commands.replay.moments import TRUTH_CLASSES, Moment, scene_moments
from edge_agent.commands.replay.player import Model, Player, Told
from edge_agent.journal import KeptChange
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.source.announce import Announcer
from edge_agent.types import ByteArray, CameraChange
from edge_agent.wakeup.faults import Faults
from tests.rule_scenes.scene import NOON_NS

#: Seconds between two looks: a camera's keyframes.
LOOK_S = 2
_YAW = {"moved": 70.0, "nudged": 88.0}
_FAULTS = ("dark", "covered", "blurred")  # that are painted over the picture
_PICTURES = 5  # are rendered of each state of a camera, and shown in turn


def _settings(**rule: object) -> AgentSettings:
    camera = {
        "id": "cam", "url": "rtsp://192.0.2.1/1", "ring": "suburban", "layer": "portrait",
        "target_fps": 1.0, "rules": [{"id": "tamper", "kind": "tamper", **rule}],
    }  # fmt: skip
    return AgentSettings.model_validate({"site": "s", "agent_id": "box", "camera": [camera]})


@cache
def looks(state: str) -> tuple[ByteArray, ...]:
    """Return looks (h, w) at a street where one walks: `day`, `dusk`, or with a fault's name.

    A `moved` camera has been turned by 20°, and looks at other houses; a `nudged` one by 2°.
    """
    script = FootageScript.model_validate(
        {
            "place": "road", "seed": 3, "seconds": _PICTURES, "fps": 1, "wh": (320, 180),
            "view": {"at": (6.0, -17.0, 7.5), "yaw": _YAW.get(state, 90.0),
                     "pitch": -19.0, "hfov": 52.0},
            "actors": [{"path": [(-4, 5), (12, 5)], "speed": 2.0}],
            "hour": "dusk" if state == "dusk" else "day",
            "changes": [(0.0, state)] if state in _FAULTS else [],
        }
    )  # fmt: skip
    (camera,) = _settings().camera
    frames = while_connected(scene_moments(camera, script.scene_footage(), 0), script.changes, 0)
    pictures = [one.picture() for one in frames if isinstance(one, Moment) and one.picture]
    return tuple(picture.mean(axis=2).astype(np.uint8) for picture in pictures)


class _Heard:
    """Listens to a camera's reader."""

    def __init__(self) -> None:
        self.changes: list[CameraChange] = []

    def camera_changed(self, change: CameraChange) -> None:
        self.changes.append(change)


def watch(states: Sequence[tuple[str, int]], **rule: object) -> list[Told]:
    """Show a camera's states for so many seconds each; return what its tamper rule tells."""
    settings = _settings(**rule)
    (camera,) = settings.camera
    heard, clock = _Heard(), ManualClock(0, NOON_NS)
    faults, announcer = Faults(), Announcer(camera, heard, clock)
    shown = [state for state, seconds in states for _ in range(seconds // LOOK_S)]
    for index, state in enumerate(shown):
        pictures = looks(state)
        faults.look(pictures[index % len(pictures)], index * LOOK_S * 1_000_000_000)
        announcer.faults(1, faults.standing)
        clock.advance(LOOK_S)
    return _ruled(settings, camera, heard.changes)


def _ruled(
    settings: AgentSettings, camera: CameraSettings, changes: Sequence[CameraChange]
) -> list[Told]:
    player = Player(settings, (camera,), Model("truth", TRUTH_CLASSES, 0.5), start_ns=NOON_NS)
    player.play(KeptChange(NOON_NS + change.mono_ns, change) for change in changes)
    return [one for one in player.events if one.event.kind == "tamper"]
