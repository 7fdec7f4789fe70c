"""An ONNX file's bytes with the sizes of its pictures left open.

Most exports have the width and height of their input written into them, though nothing in a
convolutional net depends on these. ONNX Runtime holds a picture against what the file says, so
that is left out; every weight and node stays as it is. Nothing is written to a disk.
Source: onnx.proto of ONNX 1.19 (field numbers).
"""

from collections.abc import Callable, Iterator, Mapping

from edge_agent.detect.protobuf import BYTES, fields, varint

#: Returns what stands in a field's place: other bytes, or None to leave the field out.
_Edit = Callable[[bytes], bytes | None]


def open_sides(model: bytes, sides: tuple[int, int]) -> bytes:
    """Return `model` with the axes `sides` of its only input of any length.

    What it says of the lengths of its outputs, and of everything between, goes too.
    Raises: ValueError where it is torn or no ONNX model, or has not one input.
    """
    graph = next(_messages(model, 7), b"")
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
    return [_text(message, name) for message in _messages(graph, number)]


def _text(message: bytes, number: int) -> str:
    return next(_messages(message, number), b"").decode("utf-8", "replace")


def _messages(message: bytes, number: int) -> Iterator[bytes]:
    """Yield the bytes of each of the message's fields `number`."""
    for seen, _, value in fields(message, 0, len(message)):
        if seen == number and isinstance(value, slice):
            yield message[value]


def _edit(message: bytes, edits: Mapping[int, _Edit]) -> bytes:
    """Return `message` with the fields named by `edits` put through them, in their order."""
    parts: list[bytes] = []
    kept = 0  # what stands before it is in `parts`
    for number, whole, value in fields(message, 0, len(message)):
        if number not in edits or not isinstance(value, slice):
            continue
        parts.append(message[kept : whole.start])
        kept = whole.stop
        new = edits[number](message[value])
        if new is not None:
            parts += [varint(number << 3 | BYTES), varint(len(new)), new]
    parts.append(message[kept:])
    return b"".join(parts)
