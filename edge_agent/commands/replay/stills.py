"""`replay --draw`: a still of each event, with what the camera's rules look at."""

from collections import deque
from pathlib import Path

import numpy as np

from edge_agent.commands.drawing.canvas import write_still
from edge_agent.commands.drawing.marks import Marks, draw_marks
from edge_agent.commands.replay.film import zone_of
from edge_agent.commands.replay.moments import Moment
from edge_agent.commands.replay.player import Told
from edge_agent.commands.replay.telling import clock_text, note_of
from edge_agent.geometry import anchor_points
from edge_agent.settings import AgentSettings
from edge_agent.types import ByteArray, CameraChange, FrameRef, ObjectClass, Point, Position, Tracks

WIDTH = 1280
#: So many stills are written; a replay of a whole day has more events than anybody looks at.
MOST_STILLS = 200
_TRAIL_POINTS = 150
_GREY = 70
HINT = "name a folder that can be written"


class TrackWatch:
    """Remembers the newest tracks of each camera and where each track's foot went."""

    def __init__(self) -> None:
        self.tracks: dict[str, Tracks] = {}
        self.trails: dict[str, dict[int, deque[Point]]] = {}

    def frame_tracked(self, tracks: Tracks) -> None:
        """Take a frame's tracks."""
        camera_id = tracks.ref.camera_id
        self.tracks[camera_id] = tracks
        old, new = self.trails.get(camera_id, {}), {}
        feet = anchor_points(tracks.xyxy) / np.array(tracks.ref.wh, np.float32)
        for track_id, (x, y) in zip(tracks.track_id.tolist(), feet.tolist(), strict=True):
            trail = new[track_id] = old.get(track_id) or deque(maxlen=_TRAIL_POINTS)
            trail.append((x, y))
        self.trails[camera_id] = new

    def camera_changed(self, change: CameraChange) -> None:
        """A camera's change leaves nothing of its tracks."""
        self.tracks.pop(change.camera_id, None)
        self.trails.pop(change.camera_id, None)

    def camera_moved(self, camera_id: str, position: Position) -> None:
        """Where a camera is leaves its tracks as they are."""


class Stills:
    """Draws the frames of events, as they come."""

    def __init__(
        self, folder: Path | None, settings: AgentSettings, classes: tuple[ObjectClass, ...],
        leave_out: tuple[str, ...],
    ) -> None:  # fmt: skip
        """Begin; `folder` None draws nothing."""
        self.watch = TrackWatch()
        self.written = 0
        self.left_out = 0
        self._folder, self._settings, self._classes = folder, settings, classes
        self._leave_out = leave_out
        self._zone = zone_of(settings)

    def hear(self, told: Told, moment: Moment | None) -> None:
        """Write a still of an event that came with a frame. Raises: UsageError."""
        event = told.event
        if self._folder is None or moment is None or event.kind in self._leave_out:
            return
        if self.written >= MOST_STILLS:
            self.left_out += 1
            return
        self.written += 1
        rule = event.data.get("rule")
        name = f"{self.written:03d}-{told.time_s:07.2f}s-{event.camera_id}-{event.kind}"
        path = self._folder / f"{name}{f'-{rule}' if rule else ''}.png"
        write_still(path, self.draw(moment, (told,)), HINT)

    def draw(self, moment: Moment, events: tuple[Told, ...], width: int = WIDTH) -> ByteArray:
        """Return a frame with its tracks and `events`."""
        ref = moment.detections.ref
        camera = next(c for c in self._settings.camera if c.id == ref.camera_id)
        picture = grey(ref) if moment.picture is None else moment.picture()
        marks = Marks(
            camera, self._settings.perimeters, self.watch.tracks.get(ref.camera_id),
            self._classes, self.watch.trails.get(ref.camera_id, {}),
            [note_of(told, now=told.event.wall_ns == ref.wall_ns) for told in events],
        )  # fmt: skip
        caption = (
            f"{camera.id}   {camera.ring}, {camera.layer}   {clock_text(ref.wall_ns, self._zone)}"
        )
        return draw_marks(picture, marks, caption, width)


def grey(ref: FrameRef) -> ByteArray:
    """Return an empty picture: recorded tracks have none."""
    return np.full((ref.wh[1], ref.wh[0], 3), _GREY, np.uint8)
