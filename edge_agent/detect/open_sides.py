"""An ONNX file's bytes with the sizes of its pictures left open.

Most exports have the width and height of their input written into them, though nothing in a
convolutional net depends on these. ONNX Runtime holds a picture against what the file says, so
that is left out; every weight and node stays as it is. Nothing is written to a disk.
Sources: Protocol Buffers, Encoding; onnx.proto of ONNX 1.19 (field numbers).
"""

from collections.abc import Callable, Iterator, Mapping

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

#: Returns what stands in a field's place: other bytes, or None to leave the field out.
_Edit = Callable[[bytes], bytes | None]


def open_sides(model: bytes, sides: tuple[int, int]) -> bytes:
    """Return `model` with the axes `sides` of its only input of any length.

    What it says of the lengths of its outputs, and of everything between, goes too.
    Raises: ValueError where it is torn or no ONNX model, or has not one input.
    """
    graph = next((model[body] for number, _, body in _fields(model) if number == 7 and body), b"")
    weights = set(_names(graph, 5, 8))  # old files have them among the inputs
    inputs = [name for name in _names(graph, 11, 1) if name not in weights]
    if len(inputs) != 1:
        raise ValueError(f"{len(inputs)} inputs, not one")

    def open_input(value: bytes) -> bytes:
        if _text(value, 1) != inputs[0]:
            return value
        return _edit(value, {2: lambda kind: _edit(kind, {1: _with_open(sides.__contains__)})})

    def open_output(value: bytes) -> bytes:
        return _edit(value, {2: lambda kind: _edit(kind, {1: _with_open(bool)})})

    edits: Mapping[int, _Edit] = {11: open_input, 12: open_output, 13: lambda value: None}
    return _edit(model, {7: lambda content: _edit(content, edits)})


def _with_open(is_open: Callable[[int], bool]) -> _Edit:
    """Return the edit of a tensor's type: the axes where `is_open` have no length any more."""

    def edit_shape(shape: bytes) -> bytes:
        axes = iter(range(len(shape)))
        return _edit(shape, {1: lambda length: b"" if is_open(next(axes)) else length})

    return lambda tensor: _edit(tensor, {2: edit_shape})


def _names(graph: bytes, number: int, name: int) -> list[str]:
    """Return the text `name` of each of the graph's fields `number`."""
    return [_text(graph[body], name) for seen, _, body in _fields(graph) if seen == number and body]


def _text(message: bytes, number: int) -> str:
    for seen, _, body in _fields(message):
        if seen == number and body is not None:
            return message[body].decode("utf-8", "replace")
    return ""


def _edit(message: bytes, edits: Mapping[int, _Edit]) -> bytes:
    """Return `message` with the fields named by `edits` put through them, in their order."""
    parts: list[bytes] = []
    kept = 0  # what stands before it is in `parts`
    for number, whole, body in _fields(message):
        if number not in edits or body is None:
            continue
        parts.append(message[kept : whole.start])
        kept = whole.stop
        new = edits[number](message[body])
        if new is not None:
            parts += [_varint(number << 3 | _BYTES), _varint(len(new)), new]
    parts.append(message[kept:])
    return b"".join(parts)


def _fields(message: bytes) -> Iterator[tuple[int, slice, slice | None]]:
    """Yield (number, place of the field, place of its bytes or None where it is a number)."""
    at = 0
    while at < len(message):
        began = at
        key, at = _read_varint(message, at)
        kind, body = key & 7, None
        if kind == _VARINT:
            _, at = _read_varint(message, at)
        elif kind == _BYTES:
            length, at = _read_varint(message, at)
            body = slice(at, at + length)
            at += length
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"no field begins at byte {began}")
        if at > len(message):
            raise ValueError(f"cut short at byte {began}")
        yield key >> 3, slice(began, at), body


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number at byte `at` and the place behind it."""
    value = 0
    for place, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError(f"a number breaks off at byte {at}")


def _varint(value: int) -> bytes:
    coded = bytearray()
    while value >= 0x80:
        coded.append(value & 0x7F | 0x80)
        value >>= 7
    coded.append(value)
    return bytes(coded)
