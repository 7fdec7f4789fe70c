"""One replay from beginning to end: play, tell, draw, keep, compare."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from edge_agent.commands.replay.comparing import Difference, compare
from edge_agent.commands.replay.expectation import (
    Expectation,
    Row,
    read_expectation,
    rows_of,
    write_expectation,
)
from edge_agent.commands.replay.film import Film, open_film
from edge_agent.commands.replay.player import Player, Told
from edge_agent.commands.replay.stills import Stills
from edge_agent.errors import UsageError
from edge_agent.journal import Head, TrackFile
from edge_agent.ports import TrackSink
from edge_agent.settings import AgentSettings
from edge_agent.types import CameraChange, Position, Tracks


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks of a replay."""

    what: str
    settings: AgentSettings
    camera: str | None = None
    start: datetime | None = None
    expect: Path | None = None
    record: Path | None = None
    draw: Path | None = None
    tracks: Path | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of it."""

    events: list[Told]  # without those left out
    rows: list[Row]
    differences: list[Difference] | None  # None where nothing was expected
    frames: int
    footage_s: float
    took_s: float
    stills: int
    stills_left_out: int

    @property
    def speed(self) -> float:
        """How many times faster than real time it went."""
        return self.footage_s / max(self.took_s, 1e-9)


@dataclass(slots=True)
class _Both:
    """Hands tracks to several sinks, and remembers the footage's last moment."""

    sinks: list[TrackSink] = field(default_factory=list)
    last_ns: int = 0

    def frame_tracked(self, tracks: Tracks) -> None:
        self.last_ns = max(self.last_ns, tracks.ref.wall_ns)
        for sink in self.sinks:
            sink.frame_tracked(tracks)

    def camera_changed(self, change: CameraChange) -> None:
        for sink in self.sinks:
            sink.camera_changed(change)

    def camera_moved(self, camera_id: str, position: Position) -> None:
        for sink in self.sinks:
            sink.camera_moved(camera_id, position)


def show(wanted: Wanted) -> Shown:
    """Replay what is wanted. Raises: UsageError, ModelError, ConfigError."""
    expectation = _expectation(wanted)
    start = wanted.start or _start_of(expectation)
    film = open_film(wanted.what, wanted.settings, wanted.camera, start)
    if wanted.draw is not None and not wanted.draw.is_dir():
        raise UsageError(f"--draw {wanted.draw}: no such folder; make it, or name another")
    stills = Stills(wanted.draw, wanted.settings, film.model.classes, expectation.leave_out)
    kept = _open_tracks(wanted.tracks, film)
    sinks = _Both([stills.watch] if wanted.draw is not None else [])
    if kept is not None:
        sinks.sinks.append(kept)
    player = Player(
        film.settings, film.cameras, film.model, start_ns=film.start_ns, recorded=film.recorded,
        journal=sinks, heard=stills.hear,
    )  # fmt: skip
    began = time.perf_counter()
    player.play(film.items)
    took_s = time.perf_counter() - began
    if kept is not None:
        kept.close()
    events = [told for told in player.events if told.event.kind not in expectation.leave_out]
    rows = rows_of(events, expectation.leave_out)
    differences = None
    if wanted.record is not None:
        _record(wanted.record, expectation, rows, wanted.start)
    elif wanted.expect is not None:
        differences = compare(expectation, rows)
    footage_s = max(0, sinks.last_ns - film.start_ns) / 1e9
    return Shown(
        events, rows, differences, player.frames, footage_s, took_s, stills.written,
        stills.left_out,
    )  # fmt: skip


def _expectation(wanted: Wanted) -> Expectation:
    """Return what is expected; when it is recorded anew, the old file's choices stay."""
    if wanted.record is not None:
        return read_expectation(wanted.record) if wanted.record.exists() else Expectation()
    return Expectation() if wanted.expect is None else read_expectation(wanted.expect)


def _start_of(expectation: Expectation) -> datetime | None:
    if expectation.start is None:
        return None
    try:
        return datetime.fromisoformat(expectation.start)
    except ValueError as error:
        raise UsageError(
            f"expectation: start {expectation.start!r} is no time such as 2026-06-01T22:00"
        ) from error


def _record(path: Path, old: Expectation, rows: Sequence[Row], start: datetime | None) -> None:
    told = old.start if start is None else start.isoformat()
    write_expectation(path, old.model_copy(update={"events": tuple(rows), "start": told}))


def _open_tracks(path: Path | None, film: Film) -> TrackFile | None:
    if path is None:
        return None
    cameras = tuple(camera.id for camera in film.cameras)
    head = Head("replay", film.model.model_id, cameras, film.model.classes)
    try:
        return TrackFile(path, head)
    except OSError as error:
        raise UsageError(f"--tracks {path}: {error.strerror}; name a writable path") from error
