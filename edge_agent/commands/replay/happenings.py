"""What happens to a camera in footage besides its pictures: it moves, is lost, is tampered with."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge_agent.commands.replay.moments import Item, Moment, replace_ref
from edge_agent.journal import KeptChange, KeptMove
from edge_agent.types import (
    ByteArray,
    CameraChange,
    CameraState,
    Detections,
    EventKind,
    FrameRef,
    Json,
    Position,
)

LOST, LIVE, OVER = "lost", "live", " over"
#: Nobody is found in such a picture.
_BLIND = ("dark", "covered")
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
    """Pass on the frames that come while the camera is not lost, each with its connection.

    Pictures look like their camera's fault, and a dark or covered one shows nobody.
    """
    switches = [(start_ns + round(at_s * _NS), word) for at_s, word in changes]
    for item in items:
        if not isinstance(item, Moment) or not switches:
            yield item
            continue
        before = [word for wall_ns, word in switches if wall_ns <= item.wall_ns]
        state = next((word for word in reversed(before) if word in (LOST, LIVE)), LIVE)
        if state == LIVE:
            ref = replace(item.detections.ref, connection=1 + before.count(LIVE))
            yield _meddled(item, ref, before)


def _meddled(item: Moment, ref: FrameRef, words: Sequence[str]) -> Moment:
    """Return a frame after the changes `words`, as a camera with the faults that stand gives it."""
    faults = [
        word
        for word in ("moved", "blurred", *_BLIND)
        if words.count(word) > words.count(word + OVER)
    ]
    found = item.detections if not set(faults) & set(_BLIND) else _nobody(ref)
    picture = item.picture
    if picture is not None:
        for word in faults:
            picture = _spoilt(picture, word)
    return replace(item, detections=replace_ref(found, ref), picture=picture)


def _nobody(ref: FrameRef) -> Detections:
    none = np.zeros(0, np.float32)
    return Detections(ref, none.reshape(0, 4), none, none.astype(np.int32))


def _spoilt(picture: Callable[[], ByteArray], word: str) -> Callable[[], ByteArray]:
    """Return a picture (h, w, 3) BGR with a fault."""

    def look() -> ByteArray:
        bgr = picture()
        if word == "dark":
            return (bgr * 0.06).astype(np.uint8)
        if word == "moved":
            return np.roll(bgr, (bgr.shape[0] // 5, bgr.shape[1] * 2 // 5), axis=(0, 1))
        side = bgr.shape[1] // (60 if word == "blurred" else 3) | 1
        return np.asarray(cv2.blur(bgr, (side, side)), np.uint8)

    return look
