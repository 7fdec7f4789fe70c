"""The bytes of one kept frame and of one camera's change, and back. Pure.

Boxes are kept in steps of 1/32768 of the picture's width and height (0.06 px of 1080p), scores
in steps of 1/255; ids, classes, flags and times are exact. All numbers are little endian.
"""

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.types import (
    CameraChange,
    CameraState,
    ClockSource,
    EventKind,
    FrameRef,
    IdArray,
    IntArray,
    ObjectClass,
    Position,
    Tracks,
)

FORMAT = "edge-agent tracks 1"

_FRAME, _CHANGE, _MOVE = 1, 2, 3
#: kind, flags, camera, connection, index, pts_ns, wall_ns, awake_pts_ns, w, h, tracks, removed
_FRAME_HEAD = struct.Struct("<BBHIIqqqHHHH")
#: kind, camera, wall_ns, length of the JSON that follows
_CHANGE_HEAD = struct.Struct("<BHqI")
#: kind, camera, wall_ns, degrees north and east, m of accuracy (NaN: unknown)
_MOVE_RECORD = struct.Struct("<BHqddf")
_RTCP, _TRUSTED, _LATE = 1, 2, 4
_CONFIRMED, _STATIONARY, _COASTING = 1, 2, 4
#: A box may reach half a picture beyond each edge: coasting ones are predicted.
_BEYOND, _STEPS = np.float32(0.5), np.float32(32768)
_MOST = 65535


@dataclass(frozen=True, slots=True)
class Head:
    """What holds for a whole segment."""

    boot_id: str
    model_id: str
    cameras: tuple[str, ...]  # what a record's camera number means
    classes: tuple[ObjectClass, ...]  # what a record's class number means

    def line(self) -> bytes:
        """Return the segment's first line."""
        value = {
            "format": FORMAT,
            "boot_id": self.boot_id,
            "model_id": self.model_id,
            "cameras": self.cameras,
            "classes": [[c.name, c.subclass] for c in self.classes],
        }
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def parse_head(line: bytes) -> Head:
    """Return what `Head.line` wrote. Raises: ValueError saying what is wrong with it."""
    try:
        value = json.loads(line)
        if value["format"] != FORMAT:
            raise ValueError(f"its format is {value['format']!r}, not {FORMAT!r}")
        classes = tuple(ObjectClass(name, subclass) for name, subclass in value["classes"])
        return Head(value["boot_id"], value["model_id"], tuple(value["cameras"]), classes)
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"its first line is not that of {FORMAT!r}") from error


@dataclass(frozen=True, slots=True)
class KeptBoot:
    """From here on another process wrote: its tracks have nothing to do with those before."""

    boot_id: str
    wall_ns: int


@dataclass(frozen=True, slots=True)
class KeptChange:
    """A camera's change, at the agent's wall time."""

    wall_ns: int
    change: CameraChange


@dataclass(frozen=True, slots=True)
class KeptMove:
    """Where a camera that moves was, at the agent's wall time."""

    wall_ns: int
    camera_id: str
    position: Position  # its `mono_ns` is the wall time


def encode_frame(tracks: Tracks, camera: int) -> bytes:
    """Return the record of one analysed frame; `camera` is its place in `Head.cameras`."""
    ref, count = tracks.ref, len(tracks.track_id)
    width, height = ref.wh
    flags = (
        (_RTCP if ref.clock_source is ClockSource.RTCP else 0)
        | (_TRUSTED if ref.time_trusted else 0)
        | (_LATE if ref.late else 0)
    )
    head = _FRAME_HEAD.pack(
        _FRAME, flags, camera, ref.connection, ref.index, ref.pts_ns, ref.wall_ns,
        ref.awake_pts_ns, width, height, count, len(tracks.removed_id),
    )  # fmt: skip
    if not count and not len(tracks.removed_id):
        return head
    coasting = tracks.det_row < 0
    marks = tracks.confirmed * np.uint8(_CONFIRMED)
    marks |= tracks.stationary * np.uint8(_STATIONARY)
    marks |= coasting * np.uint8(_COASTING)
    boxes = tracks.xyxy.T / np.array(((width,), (height,), (width,), (height,)), np.float32)
    boxes += _BEYOND
    boxes *= _STEPS
    np.clip(np.rint(boxes, out=boxes), 0, _MOST, out=boxes)
    return b"".join(
        (
            head,
            tracks.track_id.astype("<u4").tobytes(),
            tracks.class_id.astype("u1").tobytes(),
            marks.tobytes(),
            np.rint(tracks.score * np.float32(255)).astype("u1").tobytes(),
            boxes.astype("<u2").tobytes(),
            tracks.first_pts_ns.astype("<i8").tobytes(),
            tracks.last_pts_ns[coasting].astype("<i8").tobytes(),
            tracks.removed_id.astype("<u4").tobytes(),
        )
    )


def encode_change(change: CameraChange, camera: int, wall_ns: int) -> bytes:
    """Return the record of a camera's change."""
    value = {
        "kind": None if change.kind is None else change.kind.value,
        "state": change.state.value,
        "reason": change.reason,
        "connection": change.connection,
        "data": dict(change.data),
    }
    text = json.dumps(value, separators=(",", ":"), default=str).encode()
    return _CHANGE_HEAD.pack(_CHANGE, camera, wall_ns, len(text)) + text


def encode_move(position: Position, camera: int, wall_ns: int) -> bytes:
    """Return the record of where a camera is."""
    accuracy = float("nan") if position.accuracy_m is None else position.accuracy_m
    return _MOVE_RECORD.pack(_MOVE, camera, wall_ns, position.lat, position.lon, accuracy)


def decode_records(
    raw: bytes, head: Head, class_rows: IntArray, wanted: Callable[[str], bool]
) -> Iterator[Tracks | KeptChange | KeptMove]:
    """Yield the frames, changes and moves of a block, without cameras that are not `wanted`.

    Args: `class_rows` (C,) the row of the reader's class table for each class of `head`.
    A frame's `mono_ns` is its wall time: the arrival is not kept.
    """
    chosen = [wanted(name) for name in head.cameras]
    at = 0
    while at < len(raw):
        if raw[at] == _CHANGE:
            _, camera, wall_ns, length = _CHANGE_HEAD.unpack_from(raw, at)
            at += _CHANGE_HEAD.size + length
            if chosen[camera]:
                yield _change(raw[at - length : at], head.cameras[camera], wall_ns)
            continue
        if raw[at] == _MOVE:
            _, camera, wall_ns, lat, lon, accuracy = _MOVE_RECORD.unpack_from(raw, at)
            at += _MOVE_RECORD.size
            if chosen[camera]:
                known = None if accuracy != accuracy else accuracy
                yield KeptMove(wall_ns, head.cameras[camera], Position(lat, lon, wall_ns, known))
            continue
        fields = _FRAME_HEAD.unpack_from(raw, at)
        body = at + _FRAME_HEAD.size
        count, removed = fields[-2:]
        marks = np.frombuffer(raw, "u1", count, body + 5 * count)
        coasting = (marks & _COASTING) > 0
        missed = int(np.count_nonzero(coasting))
        at = body + 23 * count + 8 * missed + 4 * removed
        if chosen[fields[2]]:
            ref = _ref(fields, head.cameras[fields[2]])
            yield _tracks(raw, body, ref, marks, coasting, removed, class_rows)


def _ref(fields: Sequence[int], camera_id: str) -> FrameRef:
    _, flags, _, connection, index, pts_ns, wall_ns, awake_pts_ns, width, height, *_ = fields
    return FrameRef(
        camera_id, connection, index, pts_ns, wall_ns, wall_ns,
        ClockSource.RTCP if flags & _RTCP else ClockSource.ARRIVAL,
        bool(flags & _TRUSTED), (width, height), awake_pts_ns, bool(flags & _LATE),
    )  # fmt: skip


def _tracks(
    raw: bytes, at: int, ref: FrameRef, marks: "np.ndarray[tuple[int], np.dtype[np.uint8]]",
    coasting: "np.ndarray[tuple[int], np.dtype[np.bool_]]", removed: int, class_rows: IntArray,
) -> Tracks:  # fmt: skip
    count, missed = len(marks), int(np.count_nonzero(coasting))
    width, height = ref.wh
    boxes = np.frombuffer(raw, "<u2", 4 * count, at + 7 * count).reshape(4, count)
    norm = boxes.T.astype(np.float32) / _STEPS - _BEYOND
    last: IdArray = np.full(count, ref.pts_ns, np.int64)
    last[coasting] = np.frombuffer(raw, "<i8", missed, at + 23 * count)
    det_row = np.arange(count, dtype=np.int32)
    det_row[coasting] = -1
    return Tracks(
        ref=ref,
        track_id=np.frombuffer(raw, "<u4", count, at).astype(np.int64),
        xyxy=norm * np.array((width, height, width, height), np.float32),
        class_id=class_rows[np.frombuffer(raw, "u1", count, at + 4 * count)],
        score=np.frombuffer(raw, "u1", count, at + 6 * count).astype(np.float32) / np.float32(255),
        det_row=det_row,
        confirmed=(marks & _CONFIRMED) > 0,
        stationary=(marks & _STATIONARY) > 0,
        first_pts_ns=np.frombuffer(raw, "<i8", count, at + 15 * count).astype(np.int64),
        last_pts_ns=last,
        removed_id=np.frombuffer(raw, "<u4", removed, at + 23 * count + 8 * missed).astype(
            np.int64
        ),
    )


def _change(text: bytes, camera_id: str, wall_ns: int) -> KeptChange:
    value = json.loads(text)
    kind = value["kind"]
    change = CameraChange(
        camera_id, None if kind is None else EventKind(kind), CameraState(value["state"]),
        value["reason"], value["connection"], wall_ns, value["data"],
    )  # fmt: skip
    return KeptChange(wall_ns, change)
