"""From an event and its envelope to (topic, payload bytes); plain dicts for speed.

The tests hold every payload equal to what the models of `models.py` say about it.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite

from pydantic_core import to_json

from edge_agent.contract.models import SCHEMA_VERSION
from edge_agent.contract.topics import (
    DEFAULT_ROOT,
    agent_state_topic,
    camera_state_topic,
    event_topic,
)
from edge_agent.types import Envelope, Event, EventKind, Json, TrackReport, Wh

#: Parts of a pixel, of the picture's width or height, of a score that are told.
_PX, _NORM, _SCORE = 10, 100_000, 1000


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
    # Without arrays: most events tell one track, and one by one is no slower for a crowd.
    for report in event.tracks:
        if not all(map(isfinite, (*report.xyxy_px, report.score))):
            what = f"{event.kind} of camera {event.camera_id}"
            raise ValueError(f"{what} has a box that is no number")
    tell = _ended_track if event.kind is EventKind.END else _track
    return [tell(report, event.frame_wh) for report in event.tracks]


def _parts(values: Iterable[float], parts: int) -> list[float]:
    """Return `values`, clipped to 0..1, in whole parts of 1."""
    return [round(min(max(float(value), 0.0), 1.0) * parts) / parts for value in values]


def _track(report: TrackReport, frame_wh: Wh) -> dict[str, Json]:
    width, height = frame_wh
    left, top, right, bottom = map(float, report.xyxy_px)
    return {
        "track_id": int(report.track_id),
        "class": report.object_class.name,
        "subclass": report.object_class.subclass,
        "score": _parts((report.score,), _SCORE)[0],
        "xyxy_px": [round(value * _PX) / _PX for value in (left, top, right, bottom)],
        "xyxy_norm": _parts((left / width, top / height, right / width, bottom / height), _NORM),
        "stationary": bool(report.stationary),
        "zones": report.zones,
        "first_wall_ns": int(report.first_wall_ns),
    }


def _ended_track(report: TrackReport, frame_wh: Wh) -> dict[str, Json]:
    best = report.score if report.best_score is None else report.best_score
    return _track(report, frame_wh) | {
        "duration_s": round(float(report.duration_s or 0.0), 3),
        "best_score": _parts((best,), _SCORE)[0],
        "path_norm": [_parts(point, _NORM) for point in report.path_norm or ()],
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
