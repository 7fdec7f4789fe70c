"""The files of a journal: numbered segments of blocks, each with its length and checksum."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge_agent.journal.records import Head, parse_head

SUFFIX = ".tracks"

_BLOCK = struct.Struct("<4sIIIqq")  # magic, bytes, bytes unpacked, CRC-32, first and last wall_ns
_MAGIC = b"TRKS"
_LONGEST_HEAD = 1_000_000
_LARGEST_BLOCK = 256_000_000  # unpacked: what says more is not ours
_LEVEL = 3  # of zlib: a higher one saves 3 % and costs twice the time


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the journal by its name, `NUMBER-WALLMS.tracks`."""

    path: Path
    number: int
    began_wall_ns: int  # as the clock was then, right or wrong


def list_segments(folder: Path) -> list[Segment]:
    """Return the journal's files in the order in which they were written."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        number, _, wall_ms = path.stem.partition("-")
        if number.isdigit() and wall_ms.isdigit():
            found.append(Segment(path, int(number), int(wall_ms) * 1_000_000))
    return sorted(found, key=lambda segment: segment.number)


def next_segment(folder: Path, wall_ns: int) -> Path:
    """Return the path of the segment that follows those in `folder`."""
    segments = list_segments(folder)
    number = segments[-1].number + 1 if segments else 1
    return folder / f"{number:08d}-{max(0, wall_ns) // 1_000_000:013d}{SUFFIX}"


class SegmentWriter:
    """One segment that grows by whole blocks."""

    def __init__(self, path: Path, head: Head) -> None:
        """Make the file, which must not exist. Raises: OSError."""
        self.path = path
        self._file = path.open("xb", buffering=0)
        self.size = self._file.write(head.line()) or 0

    def append(self, raw: bytes, first_wall_ns: int, last_wall_ns: int) -> None:
        """Write records as one block, with one call. Raises: OSError."""
        packed = zlib.compress(raw, _LEVEL)
        head = _BLOCK.pack(
            _MAGIC, len(packed), len(raw), zlib.crc32(packed), first_wall_ns, last_wall_ns
        )
        block = head + packed
        written = self._file.write(block) or 0
        if written < len(block):  # a full disk: leave no half block for others to follow
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise OSError(28, "No space left on device")
        self.size += written

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class Block:
    """A whole block as it lies in the file."""

    first_wall_ns: int
    last_wall_ns: int
    raw: bytes  # records; empty where nobody asked for its time


def read_head(path: Path) -> Head:
    """Return a segment's head. Raises: OSError; ValueError where it is another kind of file."""
    with path.open("rb") as file:
        return _head(file)


def read_blocks(path: Path, since_ns: int, until_ns: int) -> Iterator[Block]:
    """Yield the whole blocks of a segment; `raw` is empty outside of the time asked for.

    Ends in silence at what a power cut tore: a short block or one with a wrong checksum.
    Raises: OSError; ValueError where it is another kind of file.
    """
    with path.open("rb") as file:
        _head(file)
        while True:
            head = file.read(_BLOCK.size)
            if len(head) < _BLOCK.size:
                return
            magic, length, unpacked, checksum, first, last = _BLOCK.unpack(head)
            if magic != _MAGIC or unpacked > _LARGEST_BLOCK:
                return
            packed = file.read(length)
            if len(packed) < length or zlib.crc32(packed) != checksum:
                return
            asked = last >= since_ns and first <= until_ns
            yield Block(first, last, zlib.decompress(packed) if asked else b"")


def _head(file: BinaryIO) -> Head:
    line = file.readline(_LONGEST_HEAD)
    if not line.endswith(b"\n"):
        raise ValueError("its first line does not end")
    return parse_head(line)
