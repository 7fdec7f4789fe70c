"""What is replayed: the site file's cameras, each with its footage, ready to be played."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.commands.replay.footage_file import FootageScript, read_footage
from edge_agent.commands.replay.happenings import change_items, position_items, while_connected
from edge_agent.commands.replay.moments import (
    TRUTH_CLASSES,
    TRUTH_SCORE,
    Item,
    camera_named,
    clip_moments,
    recorded_items,
    scene_moments,
    wall_of,
)
from edge_agent.commands.replay.player import Model
from edge_agent.config import model_manifest
from edge_agent.detect import OnnxDetector, open_detector
from edge_agent.errors import UsageError
from edge_agent.journal import SUFFIX, Recording, open_recording
from edge_agent.settings import AgentSettings, CameraSettings, Plan

#: When footage begins where nobody says: noon of a Monday, in the site's time zone.
DEFAULT_START = datetime(2026, 6, 1, 12)
SCENE = "scene:"


@dataclass(frozen=True, slots=True)
class Film:
    """Footage of some cameras, from a wall time on."""

    settings: AgentSettings
    cameras: tuple[CameraSettings, ...]  # those that have footage
    model: Model
    start_ns: int
    recorded: bool
    items: Iterator[Item]  # of all cameras, by rising wall time; once


def open_film(
    what: str, settings: AgentSettings, camera_id: str | None, start: datetime | None
) -> Film:
    """Return the film of a clip, a file of tracks, a footage file, or `scene:NAME`.

    Args: `start` is the wall time at which a clip or scene begins; None: the footage file's,
        else noon of a day in June.
    Raises: UsageError, ModelError.
    """
    scripts, file_start = _scripts(what, camera_id)
    cameras = tuple(
        camera_named(settings.camera, script.camera, "the site file") for script in scripts
    )
    _check(cameras, scripts)
    start_ns = wall_ns_of(start or file_start or DEFAULT_START, zone_of(settings))
    kind = scripts[0].kind
    if kind == "tracks":
        return _recorded(settings, cameras, scripts)
    if kind == "clip":
        return _clips(settings, cameras, scripts, start_ns)
    items = heapq.merge(
        *_happenings(cameras, scripts, start_ns),  # before the frame of the same time
        *(
            while_connected(
                scene_moments(camera, script.scene_footage(), start_ns), script.changes, start_ns
            )
            for camera, script in zip(cameras, scripts, strict=True)
        ),
        key=wall_of,
    )
    model = Model("truth", TRUTH_CLASSES, TRUTH_SCORE / 2)
    return Film(settings, cameras, model, start_ns, False, items)


def _scripts(what: str, camera_id: str | None) -> tuple[tuple[FootageScript, ...], datetime | None]:
    """Return what each camera sees, and when the file says that it begins."""
    if what.startswith(SCENE):
        return (FootageScript(camera=camera_id, scene=what.removeprefix(SCENE)),), None
    path = Path(what)
    if path.suffix == ".toml":
        file = read_footage(path)
        scripts = file.footage
        if camera_id is not None:
            scripts = tuple(s for s in scripts if s.camera in (camera_id, None))
            if not scripts:
                raise UsageError(f"--camera {camera_id}: {path} has no footage of it")
        return scripts, file.start
    if path.suffix == SUFFIX or path.is_dir():
        return _of_recording(path, camera_id), None
    return (FootageScript(camera=camera_id, clip=path),), None


def _of_recording(path: Path, camera_id: str | None) -> tuple[FootageScript, ...]:
    recording = open_recording(path)
    wanted = recording.cameras if camera_id is None else (camera_id,)
    return tuple(FootageScript(camera=name, tracks=path) for name in wanted)


def _check(cameras: Sequence[CameraSettings], scripts: Sequence[FootageScript]) -> None:
    kinds = {"scene" if script.kind == "place" else script.kind for script in scripts}
    if len(kinds) > 1:
        raise UsageError(
            f"footage of {' and '.join(sorted(kinds))} cannot be played together: they have other "
            "classes; replay them apart"
        )
    ids = [camera.id for camera in cameras]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"footage: camera {twice} has more than one; a camera sees one thing")
    for script in scripts:
        if script.clip is not None and not script.clip.is_file():
            raise UsageError(f"clip {script.clip}: no such file; nothing to replay")


def _clips(
    settings: AgentSettings,
    cameras: Sequence[CameraSettings],
    scripts: Sequence[FootageScript],
    start_ns: int,
) -> Film:
    detector = open_replay_detector(settings)
    items = heapq.merge(
        *_happenings(cameras, scripts, start_ns),  # before the frame of the same time
        *(
            while_connected(
                clip_moments(camera, script.clip, detector, start_ns), script.changes, start_ns
            )
            for camera, script in zip(cameras, scripts, strict=True)
            if script.clip is not None
        ),
        key=wall_of,
    )
    model = Model(detector.model_id, detector.classes, detector.score_threshold)
    return Film(settings, tuple(cameras), model, start_ns, False, items)


def _happenings(
    cameras: Sequence[CameraSettings], scripts: Sequence[FootageScript], start_ns: int
) -> list[Iterator[Item]]:
    found: list[Iterator[Item]] = []
    for camera, script in zip(cameras, scripts, strict=True):
        found.append(position_items(camera.id, script.positions, start_ns))
        found.append(change_items(camera.id, script.changes, start_ns))
    return found


def open_replay_detector(settings: AgentSettings) -> OnnxDetector:
    """Return the site file's detector, one picture at a time: the same frames, the same boxes."""
    plan = Plan(threads=settings.model.plan.threads or 1)
    return open_detector(model_manifest(settings), plan=plan, provider=settings.model.provider)


def _recorded(
    settings: AgentSettings, cameras: Sequence[CameraSettings], scripts: Sequence[FootageScript]
) -> Film:
    opened = [open_recording(script.tracks) for script in scripts if script.tracks is not None]
    paths = tuple(dict.fromkeys(path for recording in opened for path in recording.paths))
    heads = {p: h for r in opened for p, h in zip(r.paths, r.heads, strict=True)}
    classes = tuple(dict.fromkeys(c for recording in opened for c in recording.classes))
    whole = Recording(paths, tuple(heads[path] for path in paths), classes, ())
    span = whole.span_ns()
    if span is None:
        raise UsageError(f"tracks {paths[0]}: it holds none; nothing to replay")
    items = recorded_items(whole, {camera.id for camera in cameras})
    return Film(settings, tuple(cameras), model_of(whole), span[0], True, items)


def model_of(recording: Recording) -> Model:
    """Return what made the detections behind a recording."""
    return Model(" and ".join(recording.models), recording.classes, 0.0)


def zone_of(settings: AgentSettings) -> ZoneInfo:
    """Return the site's time zone, UTC where the site file names none."""
    return ZoneInfo(settings.timezone or "UTC")


def wall_ns_of(moment: datetime, zone: ZoneInfo) -> int:
    """Return UTC nanoseconds; a moment without an offset is meant in `zone`."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    since = aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
