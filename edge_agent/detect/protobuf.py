"""The fields of a Protocol Buffers message, without its schema: where each one lies.

Every length is held against the bytes that are there. Source: Protocol Buffers, Encoding.
"""

from collections.abc import Iterator
from mmap import mmap
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Content = bytes | mmap


class Torn(ValueError):
    """The bytes are not what they should be; the text says why, after "it"."""


class Field(NamedTuple):
    """One field: its number, the place of all of it, and its number or the place of its bytes."""

    number: int
    whole: slice
    value: int | slice


def fields(content: Content, at: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message in `content` from `at` to `end`. Raises: Torn."""
    while at < end:
        began = at
        key, at = read_varint(content, at, end)
        number, kind = key >> 3, key & 7
        if number == 0 or kind not in (VARINT, FIXED64, BYTES, FIXED32):
            raise Torn(f"is not an ONNX model, or torn: no field begins at byte {at - 1:,}")
        if kind == VARINT:
            value, at = read_varint(content, at, end)
            yield Field(number, slice(began, at), value)
            continue
        if kind == BYTES:
            length, at = read_varint(content, at, end)
        else:
            length = 4 if kind == FIXED32 else 8
        if length > end - at:
            raise Torn(
                f"is cut short or not an ONNX model: at byte {at:,} it claims {length:,} more "
                f"and has {end - at:,}; copy or download it again"
            )
        yield Field(number, slice(began, at + length), slice(at, at + length))
        at += length


def read_varint(content: Content, at: int, end: int) -> tuple[int, int]:
    """Return the number at `at` and the place behind it. Raises: Torn."""
    value = shift = 0
    while at < end and shift < 64:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Torn(f"is cut short or not an ONNX model: a number breaks off at byte {at:,}")


def varint(value: int) -> bytes:
    """Return `value`, not below 0, as a message has it."""
    coded = bytearray()
    while value >= 0x80:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    coded.append(value)
    return bytes(coded)
