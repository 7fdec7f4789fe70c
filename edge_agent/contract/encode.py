"""From an event and its envelope to (topic, payload bytes); plain dicts for speed.

The tests hold every payload equal to what the models of `models.py` say about it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from pydantic_core import to_json

from edge_agent.contract.models import SCHEMA_VERSION
from edge_agent.contract.topics import (
    DEFAULT_ROOT,
    agent_state_topic,
    camera_state_topic,
    event_topic,
)
from edge_agent.types import Envelope, Event, EventKind, Json, TrackReport

_PX_DIGITS, _NORM_DIGITS, _SCORE_DIGITS = 1, 5, 3


def _plain(value: object) -> Json:
    """Give JSON's form of what events may hold beside JSON: mappings and numpy values."""
    if isinstance(value, Mapping):
        return dict(value)
    listed = getattr(value, "tolist", None)
    if listed is None:
        raise TypeError(f"a {type(value).__name__} cannot be told in a message")
    return listed()


def _encode_json(body: Mapping[str, Json]) -> bytes:
    """Return UTF-8 JSON; several times quicker than the standard library's encoder."""
    return to_json(body, inf_nan_mode="null", fallback=_plain)


def wall_text(wall_ns: int) -> str:
    """Return UTC nanoseconds as ISO 8601 with microseconds, such as 2026-11-24T08:00:00.000000Z."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}.{rest_ns // 1000:06d}Z"


def encode_event(
    event: Event, envelope: Envelope, *, root: str = DEFAULT_ROOT
) -> tuple[str, bytes]:
    """Return the topic and the UTF-8 JSON payload of `event`.

    Pixels are rounded to 0.1, 0..1 coordinates to 5 digits and clipped, scores to 3 digits.
    Raises: ValueError or TypeError where a value cannot be told (NaN, tracks without a size).
    """
    body = {
        "schema_version": SCHEMA_VERSION,
        "event_id": envelope.event_id,
        "stream_id": envelope.stream_id,
        "seq": envelope.seq,
        "boot_id": envelope.boot_id,
        "agent_id": envelope.agent_id,
        "site": envelope.site,
        "camera_id": event.camera_id,
        "ring": event.ring,
        "layer": event.layer,
        "severity": event.severity,
        "grid": event.grid,
        "kind": event.kind,
        "wall_ns": int(event.wall_ns),
        "wall_time": wall_text(int(event.wall_ns)),
        "clock_source": event.clock_source,
        "time_trusted": bool(event.time_trusted),
        "pts_ns": None if event.pts_ns is None else int(event.pts_ns),
        "connection": event.connection,
        "frame_wh": event.frame_wh,
        "model_id": event.model_id,
        "tracks": _tracks(event),
        "data": event.data,
    }
    topic = event_topic(root, envelope.site, envelope.agent_id, event)
    return topic, _encode_json(body)


def _tracks(event: Event) -> list[dict[str, Json]]:
    if not event.tracks:
        return []
    if event.frame_wh is None:
        raise ValueError(f"{event.kind} of camera {event.camera_id} has tracks but no frame size")
    # All boxes at once: rounding them number by number costs more than the rest together.
    px = np.array([report.xyxy_px for report in event.tracks], dtype=np.float64)
    score = np.array([report.score for report in event.tracks], dtype=np.float64)
    if not (np.isfinite(px).all() and np.isfinite(score).all()):
        raise ValueError(f"{event.kind} of camera {event.camera_id} has a box that is no number")
    columns = zip(
        event.tracks,
        np.round(px, _PX_DIGITS).tolist(),
        np.round(np.clip(px / (event.frame_wh * 2), 0.0, 1.0), _NORM_DIGITS).tolist(),
        np.round(np.clip(score, 0.0, 1.0), _SCORE_DIGITS).tolist(),
        strict=True,
    )
    tell = _ended_track if event.kind is EventKind.END else _track
    return [tell(*row) for row in columns]


def _track(
    report: TrackReport, xyxy_px: list[float], xyxy_norm: list[float], score: float
) -> dict[str, Json]:
    return {
        "track_id": int(report.track_id),
        "class": report.object_class.name,
        "subclass": report.object_class.subclass,
        "score": score,
        "xyxy_px": xyxy_px,
        "xyxy_norm": xyxy_norm,
        "stationary": bool(report.stationary),
        "zones": report.zones,
        "first_wall_ns": int(report.first_wall_ns),
    }


def _ended_track(
    report: TrackReport, xyxy_px: list[float], xyxy_norm: list[float], score: float
) -> dict[str, Json]:
    best = score if report.best_score is None else min(max(report.best_score, 0.0), 1.0)
    path = np.clip(np.array(report.path_norm or (), dtype=np.float64), 0.0, 1.0)
    return _track(report, xyxy_px, xyxy_norm, score) | {
        "duration_s": round(float(report.duration_s or 0.0), 3),
        "best_score": round(float(best), _SCORE_DIGITS),
        "path_norm": np.round(path, _NORM_DIGITS).tolist(),
        "end_reason": report.end_reason,
    }


def encode_agent_state(
    envelope: Envelope,
    *,
    online: bool,
    reason: str,
    version: str,
    first_seq: int | None = None,
    last_seq: int | None = None,
    wall_ns: int | None = None,
    time_trusted: bool | None = None,
    data: Mapping[str, Json] | None = None,
    root: str = DEFAULT_ROOT,
) -> tuple[str, bytes]:
    """Return topic and payload of the agent's retained state, or of its last will.

    Of `envelope` only the identity and the stream count: a state has no `seq`.
    """
    body = {
        "schema_version": SCHEMA_VERSION,
        "agent_id": envelope.agent_id,
        "site": envelope.site,
        "boot_id": envelope.boot_id,
        "online": online,
        "reason": reason,
        "stream_id": envelope.stream_id,
        "first_seq": first_seq,
        "last_seq": last_seq,
        "version": version,
        "wall_ns": wall_ns,
        "wall_time": None if wall_ns is None else wall_text(wall_ns),
        "time_trusted": time_trusted,
        "data": data or {},
    }
    topic = agent_state_topic(root, envelope.site, envelope.agent_id)
    return topic, _encode_json(body)


def encode_camera_state(
    envelope: Envelope,
    camera_id: str,
    state: Mapping[str, Json],
    *,
    wall_ns: int,
    time_trusted: bool,
    root: str = DEFAULT_ROOT,
) -> tuple[str, bytes]:
    """Return topic and payload of a camera's retained state.

    `state` holds `state` (a CameraState), perhaps `reason`, `ring` and `layer`; whatever else
    it holds is told under `data`. Raises: ValueError where `state` is missing.
    """
    if "state" not in state:
        raise ValueError(f"camera {camera_id}: its state holds no `state`, only {sorted(state)}")
    own = ("state", "reason", "ring", "layer")
    body = {
        "schema_version": SCHEMA_VERSION,
        "agent_id": envelope.agent_id,
        "site": envelope.site,
        "boot_id": envelope.boot_id,
        "camera_id": camera_id,
        "ring": state.get("ring"),
        "layer": state.get("layer"),
        "state": state["state"],
        "reason": state.get("reason"),
        "wall_ns": wall_ns,
        "wall_time": wall_text(wall_ns),
        "time_trusted": time_trusted,
        "data": {key: value for key, value in state.items() if key not in own},
    }
    topic = camera_state_topic(root, envelope.site, envelope.agent_id, camera_id)
    return topic, _encode_json(body)
