"""`replay --since`: what another config would have made of the tracks that the agent kept."""

import json as json_text
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from edge_agent.commands.replay.comparing import Difference, compare
from edge_agent.commands.replay.expectation import LEFT_OUT, Expectation, Row, rows_of
from edge_agent.commands.replay.film import model_of, wall_ns_of, zone_of
from edge_agent.commands.replay.moments import recorded_items
from edge_agent.commands.replay.player import Player, Told
from edge_agent.commands.replay.telling import clock_text, event_line, event_table
from edge_agent.commands.replay.times import moment_of
from edge_agent.config import journal_dir, load, state_dir
from edge_agent.errors import UsageError
from edge_agent.journal import Recording, open_recording
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.types import Json

#: What runs where the agent is a service: what a new config is compared with, if nobody says.
SERVICE_CONFIG = Path("/etc/edge-agent/site.toml")
#: Rules begin so long before the time asked for, in silence: who stands there has been there.
_BEFORE_NS = 15 * 60 * 1_000_000_000
#: Two configs over the same tracks tell the same event at the same time, to the millisecond.
_SAME_S = 0.002
#: What made the tracks, by table; another value would have made others.
_CAMERA_KEYS = ("persons", "vehicles", "ignore", "target_fps", "decode", "detect_url", "url")
_TRACKING_KEYS = (
    "confirm_hits", "coast_s", "stationary_after_s", "stationary_hold_s",
)  # fmt: skip
_WORDS = {"missing": "removed", "unexpected": "added", "changed": "changed"}
_STYLES = {"missing": "red", "unexpected": "green", "changed": "yellow"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the kept tracks."""

    since: str
    until: str | None
    config: Path
    against: Path | None
    camera: str | None
    journal: Path | None


def _is_other(service: Path, config: Path) -> bool:
    """Return whether the service's site file is there, may be read, and is not the one asked of."""
    return os.access(service, os.R_OK) and not service.samefile(config)


@dataclass(frozen=True, slots=True)
class _Span:
    since_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class _Played:
    """What one config made of the tracks."""

    events: list[Told]
    rows: list[Row]
    frames: int
    took_s: float


def answer(console: Console, asked: Question, *, json: bool) -> None:
    """Replay the kept tracks through one config or two, and say what came.

    Raises: UsageError where nothing was kept of the time, ConfigError.
    """
    new = load(asked.config)
    if asked.against is None and _is_other(SERVICE_CONFIG, asked.config):
        asked = replace(asked, against=SERVICE_CONFIG)
    old = None if asked.against is None else load(asked.against)
    recording = open_recording(asked.journal or journal_dir(state_dir(old or new)))
    span = _span(asked, recording, new)
    played = _play(new, recording, span, asked.camera)
    notes = _notes(asked, recording, new, old)
    if old is None:
        _tell_events(console, played, new, json)
        differences = None
    else:
        before = _play(old, recording, span, asked.camera)
        same = Expectation(tolerance_s=_SAME_S, events=tuple(before.rows))
        differences = compare(same, played.rows)
        _tell_differences(console, differences, span, new, json)
    said = Console(stderr=True, highlight=False, soft_wrap=True) if json else console
    if old is not None and differences is not None:
        said.print(_summary(asked, len(before.rows), len(played.rows), differences))
    footage_s = (span.until_ns - span.since_ns) / 1e9
    said.print(
        f"{len(played.events)} events, {played.frames} frames of "
        f"{clock_text(span.since_ns, zone_of(new))} to {clock_text(span.until_ns, zone_of(new))}; "
        f"replayed {footage_s / max(played.took_s, 1e-9):.0f} times as fast as it happened"
    )
    for note in notes:
        said.print(f"note: {note}", markup=False)


def _span(asked: Question, recording: Recording, settings: AgentSettings) -> _Span:
    """Return the part of the time asked for of which there are tracks."""
    kept = recording.span_ns()
    now, zone = datetime.now(UTC), zone_of(settings)
    since = wall_ns_of(moment_of(asked.since, now, zone, "--since"), zone)
    until = wall_ns_of(moment_of(asked.until or "now", now, zone, "--until"), zone)
    if since >= until:
        raise UsageError(f"--since {asked.since} is not before --until {asked.until or 'now'}")
    if kept is None or until < kept[0] or since > kept[1]:
        held = "nothing" if kept is None else " to ".join(clock_text(ns, zone) for ns in kept)
        raise UsageError(f"journal: nothing was kept of that time; it holds {held}")
    return _Span(max(since, kept[0]), min(until, kept[1]))


def _play(
    settings: AgentSettings, recording: Recording, span: _Span, camera_id: str | None
) -> _Played:
    cameras = _cameras(settings, recording, camera_id)
    player = Player(settings, cameras, model_of(recording), start_ns=span.since_ns, recorded=True)
    items = recorded_items(
        recording, {camera.id for camera in cameras}, since_ns=span.since_ns - _BEFORE_NS,
        until_ns=span.until_ns,
    )  # fmt: skip
    began = time.perf_counter()
    player.play(items, quiet_until_ns=span.since_ns)
    took_s = time.perf_counter() - began
    events = [told for told in player.events if told.event.kind not in LEFT_OUT]
    return _Played(events, rows_of(events, numbered=False), player.frames, took_s)


def _cameras(
    settings: AgentSettings, recording: Recording, camera_id: str | None
) -> list[CameraSettings]:
    """Return the site file's cameras of which tracks were kept. Raises: UsageError for none."""
    kept = set(recording.cameras)
    found = [c for c in settings.camera if c.id in kept and camera_id in (None, c.id)]
    if not found:
        wanted = "none of the site file's cameras" if camera_id is None else f"not {camera_id}"
        raise UsageError(f"journal: it holds tracks of {', '.join(sorted(kept))}, {wanted}")
    return found


def _notes(
    asked: Question, recording: Recording, new: AgentSettings, old: AgentSettings | None
) -> list[str]:
    """Return what the answer does not say."""
    notes = [f"{text}; passed over" for text in recording.broken]
    known = {camera.id for camera in new.camera}
    if gone := [name for name in recording.cameras if name not in known]:
        notes.append(f"{asked.config.name} does not have {', '.join(gone)}, whose tracks are kept")
    if len(recording.models) > 1:
        notes.append(f"the tracks come from several models: {', '.join(recording.models)}")
    if old is None:
        notes.append(
            "the tracks are those of the config that ran: min_score, sizes, ignore, target_fps, "
            "decode and [tracking] are not applied anew; --against OLD.toml says which differ"
        )
        return notes
    return notes + not_redone(old, new)


def not_redone(old: AgentSettings, new: AgentSettings) -> list[str]:
    """Return which changes of config a replay of tracks cannot show. Pure."""
    before = {camera.id: camera for camera in old.camera}
    notes = []
    for camera in new.camera:
        if camera.id not in before:
            notes.append(f"camera {camera.id} is new: nothing was kept of it")
            continue
        was = before[camera.id]
        changed = [key for key in _CAMERA_KEYS if getattr(camera, key) != getattr(was, key)]
        if changed:
            notes.append(f"camera {camera.id}: {', '.join(changed)} {_MADE}")
    tracking = [
        key for key in _TRACKING_KEYS if getattr(new.tracking, key) != getattr(old.tracking, key)
    ]
    if tracking:
        notes.append(f"[tracking] {', '.join(tracking)} {_MADE}")
    if new.model.manifest != old.model.manifest:
        notes.append(f"[model] manifest {_MADE}")
    return notes


_MADE = "changed, but the tracks were made with the old value: its effect is not shown"


def _tell_events(console: Console, played: _Played, settings: AgentSettings, json: bool) -> None:
    zone = zone_of(settings)
    if json:
        print(json_text.dumps([_as_json(row) for row in played.rows]))
    elif console.is_terminal:
        console.print(event_table(played.events, zone))
    else:
        for told in played.events:
            console.print(event_line(told, zone), markup=False)


def _tell_differences(
    console: Console,
    differences: Sequence[Difference],
    span: _Span,
    settings: AgentSettings,
    json: bool,
) -> None:
    zone = zone_of(settings)
    if json:
        rows = [
            {"what": _WORDS[d.what], "changes": list(d.changes), **_as_json(d.row)}
            for d in differences
        ]
        print(json_text.dumps(rows))
        return
    for d in differences:
        clock = clock_text(span.since_ns + round(d.time_s * 1e9), zone)
        changes = f": {'; '.join(d.changes)}" if d.changes else ""
        line = f"{_WORDS[d.what]:<8} {clock}  {d.row.words()}{changes}"
        console.print(line, markup=False, style=_STYLES[d.what])


def _as_json(row: Row) -> dict[str, Json]:
    return row.model_dump(exclude_none=True, by_alias=True)


def _summary(asked: Question, before: int, after: int, differences: Sequence[Difference]) -> str:
    """Return how many events each rule gains and loses, in one paragraph."""
    lines = [f"{before} events by {asked.against}, {after} by {asked.config}"]
    counts: Counter[tuple[str, str]] = Counter()
    for d in differences:
        name = f"{d.row.camera}: {d.row.kind}{f' {d.row.rule}' if d.row.rule else ''}"
        counts[name, _WORDS[d.what]] += 1
    for name in sorted({name for name, _ in counts}):
        parts = [f"{counts[name, word]} {word}" for word in _WORDS.values() if counts[name, word]]
        lines.append(f"  {name}: {', '.join(parts)}")
    if not differences:
        lines.append("  nothing would have been different")
    return "\n".join(lines)
