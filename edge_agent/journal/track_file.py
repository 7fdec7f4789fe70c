"""One file of tracks, written at once: what `replay --tracks` keeps of a replay."""

from pathlib import Path

from edge_agent.journal.records import Head, encode_change, encode_frame, encode_move
from edge_agent.journal.segments import SegmentWriter
from edge_agent.types import CameraChange, Position, Tracks

_BLOCK_FRAMES = 2000


class TrackFile:
    """A sink of tracks; the file appears under its name when it is whole."""

    def __init__(self, path: Path, head: Head) -> None:
        """Begin. Raises: OSError."""
        self._path, self._partial = path, path.with_name(path.name + ".partial")
        self._partial.unlink(missing_ok=True)
        self._writer = SegmentWriter(self._partial, head)
        self._numbers = {camera_id: i for i, camera_id in enumerate(head.cameras)}
        self._records: list[bytes] = []
        self._walls: list[int] = []

    def frame_tracked(self, tracks: Tracks) -> None:
        """Take a frame's tracks. Raises: OSError."""
        ref = tracks.ref
        self._add(encode_frame(tracks, self._numbers[ref.camera_id]), ref.wall_ns)

    def camera_changed(self, change: CameraChange) -> None:
        """Take a change, whose `mono_ns` counts as its wall time. Raises: OSError."""
        number = self._numbers[change.camera_id]
        self._add(encode_change(change, number, change.mono_ns), change.mono_ns)

    def camera_moved(self, camera_id: str, position: Position) -> None:
        """Take a position, whose `mono_ns` counts as its wall time. Raises: OSError."""
        record = encode_move(position, self._numbers[camera_id], position.mono_ns)
        self._add(record, position.mono_ns)

    def close(self) -> None:
        """Write the rest and give the file its name. Raises: OSError."""
        self._write()
        self._writer.close()
        self._partial.replace(self._path)

    def _add(self, record: bytes, wall_ns: int) -> None:
        self._records.append(record)
        self._walls.append(wall_ns)
        if len(self._records) >= _BLOCK_FRAMES:
            self._write()

    def _write(self) -> None:
        if self._records:
            self._writer.append(b"".join(self._records), min(self._walls), max(self._walls))
            self._records, self._walls = [], []
