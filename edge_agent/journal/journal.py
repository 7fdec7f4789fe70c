"""`TrackJournal`: takes tracks from the hot loop and writes them in a thread of its own."""

import logging
import threading
from collections import deque
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.journal.records import Head, encode_change, encode_frame, encode_move
from edge_agent.journal.segments import SegmentWriter, list_segments, next_segment
from edge_agent.settings import JournalSettings
from edge_agent.types import CameraChange, Json, Position, Tracks

log = logging.getLogger(__name__)

#: Frames become bytes this often, so that little memory waits, …
_ENCODE_S = 1.0
#: … and bytes become a block this often, or when there are so many: SD cards wear.
BLOCK_S = 10.0
_BLOCK_BYTES = 1_000_000
#: A segment ends after this time or this part of all room: they are removed as a whole.
_SEGMENT_S = 3600.0
_SEGMENT_PART = 1 / 16
#: Frames that may wait for the thread; beyond, the newest are left out and counted.
_MOST_WAITING = 20_000


class TrackJournal:
    """Keeps every analysed frame's tracks; `frame_tracked` costs the hot loop an append."""

    def __init__(
        self, settings: JournalSettings, *, folder: Path, head: Head, clock: Clock
    ) -> None:
        """Prepare; nothing is written before `start`."""
        self._max_bytes = round(settings.max_mb * 1e6)
        self._max_age_ns = round(settings.max_age_h * 3600e9)
        self._folder, self._head, self._clock = folder, head, clock
        self._numbers = {camera_id: i for i, camera_id in enumerate(head.cameras)}
        self._waiting: deque[Tracks | tuple[bytes, int]] = deque()
        self.lost = 0  # frames left out because the thread or the disk did not keep up
        self._records: list[bytes] = []
        self._bytes = 0
        self._span: tuple[int, int] | None = None  # wall times in `_records`
        self._segment: SegmentWriter | None = None
        self._began_ns = self._block_ns = clock.mono_ns()
        self._failing = False
        self._told_lost = 0
        self._frames = 0  # taken since the start
        self._frames_before, self._frames_s = 0, 0.0  # at the last block; a second until then
        self._kept_bytes = 0  # on disk, at the last block
        self._oldest_ns: int | None = None  # wall time of the oldest kept
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def frame_tracked(self, tracks: Tracks) -> None:
        """Take a frame's tracks; never blocks, from any thread."""
        if len(self._waiting) >= _MOST_WAITING:
            self.lost += 1
            return
        self._waiting.append(tracks)

    def camera_changed(self, change: CameraChange) -> None:
        """Take a camera's change; never blocks."""
        wall_ns = self._clock.wall_ns()
        record = encode_change(change, self._numbers[change.camera_id], wall_ns)
        self._waiting.append((record, wall_ns))

    def camera_moved(self, camera_id: str, position: Position) -> None:
        """Take where a camera that moves is now; never blocks."""
        wall_ns = self._clock.wall_ns()
        record = encode_move(position, self._numbers[camera_id], wall_ns)
        self._waiting.append((record, wall_ns))

    def snapshot(self) -> dict[str, Json]:
        """Return what is kept, as of the last block; from any thread."""
        oldest_ns, now_ns = self._oldest_ns, self._clock.wall_ns()
        return {
            "bytes": self._kept_bytes,
            "max_bytes": self._max_bytes,
            "oldest_s": None if oldest_ns is None else max(0.0, round((now_ns - oldest_ns) / 1e9)),
            "frames": self._frames,
            "frames_s": self._frames_s,
            "lost": self.lost,
        }

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Write what waits and end; False where it does not end in time."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.ident is None:
            self._finish()
        else:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._stopping:
                    self._wake.wait(_ENCODE_S)
                stopping = self._stopping
            if stopping:
                self._finish()
                return
            self.turn()

    def _finish(self) -> None:
        self.turn(at_once=True)
        self._end_segment()

    def turn(self, *, at_once: bool = False) -> None:
        """Encode what waits; write a block where one is due. The thread calls it once a second."""
        self._encode()
        now_ns = self._clock.mono_ns()
        due = at_once or self._bytes >= _BLOCK_BYTES or now_ns - self._block_ns >= BLOCK_S * 1e9
        if not due:
            return
        self._measure(now_ns)
        self._block_ns = now_ns
        self._tell_lost()
        try:
            self._make_room()
            if self._records:
                self._write(now_ns)
            if self._failing:
                self._failing = False
                log.info("journal %s: writes again; %d frames were lost", self._folder, self.lost)
        except OSError as error:
            self._fail(error)

    def _measure(self, now_ns: int) -> None:
        """Note how many frames a second came since the last block."""
        frames, self._frames_before = self._frames - self._frames_before, self._frames
        passed_s = (now_ns - self._block_ns) / 1e9
        self._frames_s = round(frames / passed_s, 1) if passed_s > 0 else 0.0

    def _tell_lost(self) -> None:
        lost, self._told_lost = self.lost - self._told_lost, self.lost
        if lost and not self._failing:
            log.warning("journal: %d frames were left out; the box is too busy to keep them", lost)

    def _encode(self) -> None:
        for _ in range(len(self._waiting)):
            kept = self._waiting.popleft()
            if isinstance(kept, Tracks):
                record = encode_frame(kept, self._numbers[kept.ref.camera_id])
                wall_ns = kept.ref.wall_ns
                self._frames += 1
            else:
                record, wall_ns = kept
            self._records.append(record)
            self._bytes += len(record)
            first, last = self._span or (wall_ns, wall_ns)
            self._span = min(first, wall_ns), max(last, wall_ns)

    def _write(self, now_ns: int) -> None:
        assert self._span is not None
        if self._segment is not None and (
            now_ns - self._began_ns >= _SEGMENT_S * 1e9
            or self._segment.size >= self._max_bytes * _SEGMENT_PART
        ):
            self._end_segment()
        if self._segment is None:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            path = next_segment(self._folder, self._span[0])
            self._segment, self._began_ns = SegmentWriter(path, self._head), now_ns
            self._kept_bytes += self._segment.size
            self._oldest_ns = self._oldest_ns or self._span[0]
        before = self._segment.size
        self._segment.append(b"".join(self._records), *self._span)
        self._kept_bytes += self._segment.size - before
        self._forget()

    def _forget(self) -> None:
        self._records, self._bytes, self._span = [], 0, None

    def _fail(self, error: OSError) -> None:
        """Give up the block; the next one tries again. Said once until it works again."""
        self.lost += len(self._records)
        self._told_lost = self.lost
        self._forget()
        self._end_segment()
        if not self._failing:
            self._failing = True
            log.error(
                "journal %s: cannot be written (%s); tracks of these seconds are lost, events are "
                "not; tried again every %.0f s",
                self._folder, error.strerror, BLOCK_S,
            )  # fmt: skip

    def _end_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _make_room(self) -> None:
        """Remove the oldest segments while there are too many bytes, or they are too old.

        A segment is as old as the beginning of the one after it. A clock that is not
        trusted makes nothing old.
        """
        segments = list_segments(self._folder)
        sizes = [segment.path.stat().st_size for segment in segments]
        oldest_ns = self._clock.wall_ns() - self._max_age_ns
        trusted = self._clock.time_trusted()
        open_path = None if self._segment is None else self._segment.path
        for i, segment in enumerate(segments):
            ends_ns = segments[i + 1].began_wall_ns if i + 1 < len(segments) else None
            expired = trusted and ends_ns is not None and ends_ns < oldest_ns
            if not expired and sum(sizes[i:]) + self._bytes <= self._max_bytes:
                segments, sizes = segments[i:], sizes[i:]
                break
            if segment.path == open_path:
                self._end_segment()
            segment.path.unlink()
        else:
            segments, sizes = [], []
        self._kept_bytes = sum(sizes)
        self._oldest_ns = segments[0].began_wall_ns if segments else None
