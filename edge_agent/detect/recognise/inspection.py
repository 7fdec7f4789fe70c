"""What goes into an examination and what comes out: plain values, since a child carries it out."""

from dataclasses import dataclass, field

from edge_agent.types import Json


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be examined, and what the user says of it."""

    file: str
    sha256: str
    size: int  # bytes, weights beside the file included
    opset: int | None = None
    labels: list[str] | None = None
    class_map: dict[str, str] | None = None
    pictures: list[list[str]] = field(default_factory=list)  # [file, label to be found]
    input_wh: list[int] | None = None  # where the graph leaves it open
    threads: int = 1
    manifest: str | None = None  # of a model that has one and is only to be tested again


@dataclass(frozen=True, slots=True)
class Inspection:
    """What came of an examination."""

    family: str
    title: str  # of the family, for people
    why: str  # why this family
    certainty: float  # 0..1, with the self-test's word
    passed: bool  # the self-test
    verdict: str  # its result, for people
    values: dict[str, Json]  # keys of the manifest, all but name, file and sha256
    #: [key, told apart, [[value, strength], …]] of each open key, the chosen value first
    choices: list[list[Json]]
    notes: list[str]
    inputs: list[str]
    outputs: list[str]
    run_ms: float  # one picture on one thread, the first run


def printable(text: str) -> str:
    """Return `text` for a terminal: a file's own words may hold anything, such as escape codes."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
