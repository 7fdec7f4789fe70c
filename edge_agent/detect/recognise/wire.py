"""What an ONNX file says of itself, read from its bytes before any runtime opens it.

Only heads are read: weights are stepped over, so that a file of a gigabyte costs what its graph
costs. Every length is held against the bytes that are there, so that a torn or hostile file is
told here and never reaches a parser written in C.
Sources: Protocol Buffers, Encoding; onnx.proto of ONNX 1.19 (field numbers).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from mmap import ACCESS_READ, mmap
from pathlib import Path

from edge_agent.detect.protobuf import Torn, fields, read_varint
from edge_agent.errors import ModelError

#: A detector has some hundreds of nodes and weights; each costs about ten fields.
_MOST_FIELDS = 400_000
#: A Loop in an If in a Loop is 3 deep.
_MOST_DEPTH = 16
_MOST_AXES = 16
_MOST_TEXT = 4_096

#: Bytes of a number by `TensorProto.DataType`; types of half a byte and texts are left out.
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
#: The fields of a tensor that hold its values one by one.
_VALUE_FIELDS = (4, 5, 6, 7, 10, 11)


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Where a weight lies that is not in the file itself."""

    tensor: str
    location: str
    end: int  # the byte after its last one, as far as the file tells it


@dataclass(slots=True)
class WireFacts:
    """What the heads of a model file tell."""

    ir_version: int | None = None
    producer: str = ""
    opsets: dict[str, int] = field(default_factory=dict)  # domain -> version
    operators: Counter[tuple[str, str]] = field(default_factory=Counter)  # (domain, operator)
    functions: set[tuple[str, str]] = field(default_factory=set)  # the file's own operators
    external: list[ExternalData] = field(default_factory=list)
    has_graph: bool = False

    @property
    def opset(self) -> int | None:
        """The version of ONNX's own operators."""
        return self.opsets.get("")


def read_wire_facts(file: Path) -> WireFacts:
    """Return what the file at `file` says of itself.

    Raises: ModelError where it cannot be read, is not ONNX, is torn, or claims what it has not.
    """
    try:
        if not file.is_file():  # to open a pipe would wait for its writer
            raise Torn("is no file that can be read" if file.exists() else "is not there")
        with file.open("rb") as stream:
            if not stream.read(1):
                raise Torn("is empty: 0 bytes, a copy or download that broke off")
            with mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
                _refuse_other_formats(content[:512])
                reader = _Reader(content)
                reader.read_model()
    except OSError as error:
        raise ModelError(f"it cannot be read: {error.strerror}") from None
    except Torn as fault:
        raise ModelError(f"it {fault}") from None
    return reader.facts


#: The first bytes (from a place) of what people take for ONNX, and what to do about it.
_OTHER_FORMATS = (
    (0, b"version https://git-lfs", "a Git LFS pointer, not the model: run `git lfs pull`"),
    (0, b"PK\x03\x04", "a zip archive, as PyTorch's .pt and .pth are: export it to ONNX first"),
    (0, b"\x80\x02", "a Python pickle, as old .pt and .pth are: export it to ONNX first"),
    (4, b"TFL3", "a TensorFlow Lite model: export the detector to ONNX instead"),
    (4, b"ORTM", "a model in ONNX Runtime's own format (.ort): give the .onnx it was made of"),
    (0, b"<?xml", "XML, as OpenVINO's .xml is: give the .onnx it was made of"),
    (0, b"\x7fELF", "a program or library"),
    (0, b"\x1f\x8b", "packed with gzip: unpack it first"),
)


def _refuse_other_formats(head: bytes) -> None:
    for place, magic, what in _OTHER_FORMATS:
        if head[place : place + len(magic)] == magic:
            raise Torn(f"is {what}")
    if head.lstrip()[:1] == b"<":
        raise Torn("is a web page, not the model: the download went wrong")
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        raise Torn("is a text, not an ONNX model")


class _Reader:
    """Walks through one file."""

    def __init__(self, content: mmap) -> None:
        self._content = content
        self._fields_left = _MOST_FIELDS
        self.facts = WireFacts()

    def read_model(self) -> None:
        """Read the whole file. Raises: Torn."""
        facts = self.facts
        for number, value in self._fields(0, len(self._content)):
            if isinstance(value, int):
                if number == 1:
                    facts.ir_version = value
            elif number == 2:
                facts.producer = self._text(value)
            elif number == 7:
                facts.has_graph = True
                self._read_graph(value, 1)
            elif number == 8:
                self._read_opset(value)
            elif number == 25:
                self._read_function(value)
        if not facts.has_graph:
            raise Torn("is not an ONNX model: it holds no graph")

    def _read_opset(self, place: slice) -> None:
        domain, version = "", 0
        for number, value in self._fields(place.start, place.stop):
            if number == 1 and isinstance(value, slice):
                domain = self._text(value)
            elif number == 2 and isinstance(value, int):
                version = value
        self.facts.opsets["" if domain == "ai.onnx" else domain] = version

    def _read_function(self, place: slice) -> None:
        name = domain = ""
        for number, value in self._fields(place.start, place.stop):
            if isinstance(value, int):
                continue
            if number == 1:
                name = self._text(value)
            elif number == 10:
                domain = self._text(value)
            elif number == 7:
                self._read_node(value, 1)
        self.facts.functions.add((domain, name))

    def _read_graph(self, place: slice, depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise Torn(f"nests graphs more than {_MOST_DEPTH} deep, as no detector does")
        for number, value in self._fields(place.start, place.stop):
            if number == 1 and isinstance(value, slice):
                self._read_node(value, depth)
            elif number == 5 and isinstance(value, slice):
                self._read_tensor(value)

    def _read_node(self, place: slice, depth: int) -> None:
        operator = domain = ""
        for number, value in self._fields(place.start, place.stop):
            if isinstance(value, int):
                continue
            if number == 4:
                operator = self._text(value)
            elif number == 7:
                domain = self._text(value)
            elif number == 5:
                self._read_attribute(value, depth)
        self.facts.operators["" if domain == "ai.onnx" else domain, operator] += 1

    def _read_attribute(self, place: slice, depth: int) -> None:
        for number, value in self._fields(place.start, place.stop):
            if isinstance(value, int):
                continue
            if number in (5, 10):
                self._read_tensor(value)
            elif number in (6, 11):
                self._read_graph(value, depth + 1)

    def _read_tensor(self, place: slice) -> None:
        name, kind, raw, axes = "", 0, 0, list[int]()
        is_external, given, has_values = False, dict[str, str](), False
        for number, value in self._fields(place.start, place.stop):
            if number == 1:
                axes += [value] if isinstance(value, int) else self._varints(value)
                if len(axes) > _MOST_AXES:
                    raise Torn(f"has a weight of more than {_MOST_AXES} axes, as no detector has")
            elif number == 2 and isinstance(value, int):
                kind = value
            elif number == 14:
                is_external = value == 1
            elif number in _VALUE_FIELDS:
                has_values = True
            elif isinstance(value, slice):
                if number == 8:
                    name = self._text(value)
                elif number == 9:
                    raw = value.stop - value.start
                elif number == 13:
                    given.update([self._entry(value)])
        if is_external:
            self._keep_external(name, given)
        elif kind in _ITEM_BYTES and not has_values:
            self._check_size(name, prod(axes) * _ITEM_BYTES[kind], raw)

    def _check_size(self, name: str, claimed: int, there: int) -> None:
        if claimed != there:
            raise Torn(
                f"claims {claimed:,} bytes for the weight {name!r} and holds {there:,} of them"
            )

    def _keep_external(self, name: str, given: dict[str, str]) -> None:
        try:
            end = int(given.get("offset", "0")) + int(given.get("length", "0"))
        except ValueError:
            raise Torn(f"has no number where the weight {name!r} lies in its file") from None
        self.facts.external.append(ExternalData(name, given.get("location", ""), end))

    def _entry(self, place: slice) -> tuple[str, str]:
        texts = {1: "", 2: ""}
        for number, value in self._fields(place.start, place.stop):
            if number in texts and isinstance(value, slice):
                texts[number] = self._text(value)
        return texts[1], texts[2]

    def _text(self, place: slice) -> str:
        part = slice(place.start, min(place.stop, place.start + _MOST_TEXT))
        return self._content[part].decode("utf-8", "replace")

    def _varints(self, place: slice) -> Iterator[int]:
        at = place.start
        while at < place.stop:
            self._spend_field()
            value, at = read_varint(self._content, at, place.stop)
            yield value

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int | slice]]:
        """Yield (field number, number or place of the bytes) of one message."""
        for number, _, value in fields(self._content, at, end):
            self._spend_field()
            yield number, value

    def _spend_field(self) -> None:
        self._fields_left -= 1
        if self._fields_left < 0:
            raise Torn(f"has more than {_MOST_FIELDS:,} fields before its end, as no detector has")
