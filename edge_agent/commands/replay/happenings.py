"""What happens to a camera in footage besides its pictures: it moves, is lost, is tampered with."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from edge_agent.commands.replay.moments import Item, Moment, replace_ref
from edge_agent.journal import KeptChange, KeptMove
from edge_agent.types import CameraChange, CameraState, EventKind, Json, Position

LOST, LIVE, OVER = "lost", "live", " over"
_NS = 1_000_000_000


def position_items(
    camera_id: str, way: Sequence[tuple[float, float, float]], start_ns: int
) -> Iterator[Item]:
    """Yield where a camera is once a second, between rows of (seconds, north, east) in degrees."""
    if not way:
        return
    times, north, east = (np.array(column) for column in zip(*way, strict=True))
    for second in range(math.ceil(times[0]), math.floor(times[-1]) + 1):
        wall_ns = start_ns + second * _NS
        lat, lon = (float(np.interp(second, times, column)) for column in (north, east))
        yield KeptMove(wall_ns, camera_id, Position(lat, lon, wall_ns))


def change_items(
    camera_id: str, changes: Sequence[tuple[float, str]], start_ns: int
) -> Iterator[Item]:
    """Yield a camera's changes: `lost`, `live`, a fault by its word, and the word with ` over`."""
    connection = 1
    for at_s, word in changes:
        wall_ns = start_ns + round(at_s * _NS)
        connection += word == LIVE
        yield KeptChange(wall_ns, _change(camera_id, word, connection, wall_ns))


def _change(camera_id: str, word: str, connection: int, wall_ns: int) -> CameraChange:
    data: dict[str, Json] = {}
    if word == LOST:
        kind, state, reason = EventKind.CAMERA_LOST, CameraState.LOST, "no answer"
    elif word == LIVE:
        kind, state, reason = EventKind.CAMERA_LIVE, CameraState.LIVE, "live again"
    else:
        kind, state = EventKind.CAMERA_FAULT, CameraState.LIVE
        fault = word.removesuffix(OVER)
        reason = f"the picture is {fault}" if fault == word else f"no more: {fault}"
        data = {"word": fault, "text": f"the picture is {fault}", "standing": fault == word}
    return CameraChange(camera_id, kind, state, reason, connection, wall_ns, data)


def while_connected(
    items: Iterator[Item], changes: Sequence[tuple[float, str]], start_ns: int
) -> Iterator[Item]:
    """Pass on the frames that come while the camera is not lost, each with its connection."""
    switches = [(start_ns + round(at_s * _NS), word) for at_s, word in changes]
    for item in items:
        if not isinstance(item, Moment) or not switches:
            yield item
            continue
        before = [word for wall_ns, word in switches if wall_ns <= item.wall_ns]
        state = next((word for word in reversed(before) if word in (LOST, LIVE)), LIVE)
        if state == LIVE:
            ref = replace(item.detections.ref, connection=1 + before.count(LIVE))
            yield replace(item, detections=replace_ref(item.detections, ref))
