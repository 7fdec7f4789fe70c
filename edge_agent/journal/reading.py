"""Kept tracks, in the order in which they were written."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edge_agent.config.access import unreadable
from edge_agent.errors import UsageError
from edge_agent.journal.records import Head, KeptBoot, KeptChange, KeptMove, decode_records
from edge_agent.journal.segments import list_segments, read_blocks, read_head
from edge_agent.types import IntArray, ObjectClass, Tracks

#: What a recording gives: a frame's tracks, a camera's change, where one that moves is, and the
#: beginning of another process.
Kept: TypeAlias = Tracks | KeptChange | KeptMove | KeptBoot

_EVER = 2**62


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of tracks, or a journal's folder, with one class table for all of it."""

    paths: tuple[Path, ...]
    heads: tuple[Head, ...]
    classes: tuple[ObjectClass, ...]
    broken: tuple[str, ...]  # files that were passed over, and why

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that it may hold, in the order of the site files that wrote it."""
        return tuple(dict.fromkeys(name for head in self.heads for name in head.cameras))

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose detections became these tracks."""
        return tuple(dict.fromkeys(head.model_id for head in self.heads))

    def span_ns(self) -> tuple[int, int] | None:
        """Return the first and last wall time, None where it holds nothing."""
        spans = [
            (block.first_wall_ns, block.last_wall_ns)
            for path in self.paths
            for block in read_blocks(path, _EVER, -_EVER)
        ]
        return (min(a for a, _ in spans), max(b for _, b in spans)) if spans else None

    def read(
        self, since_ns: int = 0, until_ns: int = _EVER, cameras: Collection[str] | None = None
    ) -> Iterator[Kept]:
        """Yield what was kept between two wall times of `cameras`, None for all.

        A `KeptBoot` comes before the first frame of each process. Only blocks that touch the
        time are unpacked.
        """
        boot_id = None
        for path, head in zip(self.paths, self.heads, strict=True):
            rows = self._class_rows(head)
            for block in read_blocks(path, since_ns, until_ns):
                for kept in decode_records(
                    block.raw, head, rows, lambda name: cameras is None or name in cameras
                ):
                    wall_ns = kept.ref.wall_ns if isinstance(kept, Tracks) else kept.wall_ns
                    if not since_ns <= wall_ns <= until_ns:
                        continue
                    if head.boot_id != boot_id:
                        boot_id = head.boot_id
                        yield KeptBoot(boot_id, wall_ns)
                    yield kept

    def _class_rows(self, head: Head) -> IntArray:
        return np.array([self.classes.index(c) for c in head.classes], np.int32)


def open_recording(path: Path) -> Recording:
    """Return the recording in a file, or in a journal's folder.

    Raises: UsageError where it is neither; a broken file of a folder is named in `broken`.
    """
    try:
        if not path.exists():
            raise UsageError(f"tracks {path}: no such file or folder; nothing to replay")
        paths = [s.path for s in list_segments(path)] if path.is_dir() else [path]
    except PermissionError as error:
        raise UsageError(f"tracks {path}: {unreadable(path)}") from error
    if not paths:
        raise UsageError(
            f"journal {path}: holds no tracks; the agent keeps them while it runs, unless "
            "[journal] says enabled = false"
        )
    heads: list[Head] = []
    good: list[Path] = []
    broken: list[str] = []
    for file in paths:
        try:
            heads.append(read_head(file))
            good.append(file)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            if isinstance(error, PermissionError):
                why = unreadable(file)
            if not path.is_dir():
                raise UsageError(f"tracks {file}: {why}; not replayed") from error
            broken.append(f"{file.name}: {why}")
    classes = tuple(dict.fromkeys(c for head in heads for c in head.classes))
    return Recording(tuple(good), tuple(heads), classes, tuple(broken))
