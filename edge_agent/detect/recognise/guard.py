"""Examine a model file in a child process that may neither hang nor fill the box."""

import contextlib
import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.detect.manifest import load_manifest
from edge_agent.detect.recognise.inspection import Inspection, Request, printable
from edge_agent.detect.recognise.wire import WireFacts, read_wire_facts
from edge_agent.errors import ModelError, ModelRefused
from edge_agent.types import Json, Wh

#: CPU seconds to load a file and to run it once: this, and this many for each megabyte.
_STAGE_S, _STAGE_S_PER_MB = 0.35, 0.3
#: CPU seconds of the self-test.
_TEST_S = 600.0
#: CPU seconds until the child has imported what it needs.
_START_S = 60.0
#: A child that gets no processor is given up after this many times its CPU limit.
_WALL_TIMES, _WALL_S = 20, 30.0
_LOOK_S = 0.02
_TICKS = os.sysconf("SC_CLK_TCK")
#: Operators that need no library of their own. Source: ONNX Runtime, Contrib Operators.
_KNOWN_DOMAINS = frozenset({"", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"})


@dataclass(frozen=True, slots=True)
class Inspected:
    """A model file that is no danger, and what came of its examination."""

    inspection: Inspection
    wire: WireFacts
    sha256: str

    def manifest_values(self, name: str, file: str) -> dict[str, Json]:
        """Return the keys of its manifest, under a name and with the file's path."""
        first = {"name": name, "file": file, "sha256": self.sha256}
        return {**first, **self.inspection.values}


def inspect_model(
    file: Path,
    *,
    labels: Sequence[str] | None = None,
    class_map: Mapping[str, str] | None = None,
    pictures: Sequence[tuple[Path, str]] = (),
    input_wh: Wh | None = None,
    patience: float = 1.0,
) -> Inspected:
    """Return what the model in `file` is.

    Args: `pictures` of the user's own, each with a label that is in it; `input_wh` where
    the graph leaves it open; `patience` multiplies the time that loading and running may take.
    Raises: ModelRefused: what is wrong, and what would be accepted.
    """
    try:
        wire = read_wire_facts(file)
        _check_external(file, wire)
        _check_operators(wire)
        sha256 = file_digest(file)
        request = Request(
            file=str(file.absolute()),
            sha256=sha256,
            size=_size(file, wire),
            opset=wire.opset,
            labels=None if labels is None else list(labels),
            class_map=None if class_map is None else dict(class_map),
            pictures=[[str(path.absolute()), label] for path, label in pictures],
            input_wh=None if input_wh is None else list(input_wh),
            threads=_threads(),
        )
        inspection = Inspection(**_examine_apart(request, patience))
    except ModelError as error:
        raise ModelRefused(f"{file}: {printable(str(error))}; it is refused") from None
    return Inspected(inspection, wire, sha256)


def retest_model(manifest_path: Path, *, patience: float = 1.0) -> tuple[bool, str]:
    """Return whether a model with a manifest passes the self-test, and its verdict.

    Raises: ModelError where the manifest or the file cannot be used.
    """
    manifest = load_manifest(manifest_path)
    wire = read_wire_facts(manifest.file)
    _check_external(manifest.file, wire)
    request = Request(
        file=str(manifest.file.absolute()),
        sha256=manifest.sha256,
        size=_size(manifest.file, wire),
        manifest=str(manifest_path.absolute()),
        threads=_threads(),
    )
    try:
        told = _examine_apart(request, patience)
    except ModelError as error:
        raise ModelError(f"{manifest_path}: {error}") from None
    return told["passed"], told["verdict"]


def _threads() -> int:
    return min(4, len(os.sched_getaffinity(0)))


def file_digest(file: Path) -> str:
    """Return the file's sha256 as `sha256sum` prints it."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def external_files(file: Path, wire: WireFacts) -> list[Path]:
    """Return the files beside `file` that hold its weights."""
    return [file.parent / name for name in dict.fromkeys(e.location for e in wire.external)]


def _size(file: Path, wire: WireFacts) -> int:
    return sum(part.stat().st_size for part in [file, *external_files(file, wire)])


def _check_external(file: Path, wire: WireFacts) -> None:
    """Refuse weights outside of the model's folder, and weights that are not there."""
    folder = file.parent.resolve()
    for part in wire.external:
        place = Path(part.location)
        resolved = (folder / place).resolve()
        if not part.location or place.is_absolute() or not resolved.is_relative_to(folder):
            raise ModelError(
                f"its weight {part.tensor!r} lies in {part.location!r}, outside of the "
                "model's own folder; accepted are files beside it"
            )
        size = resolved.stat().st_size if resolved.is_file() else None
        if size is None or part.end > size:
            seen = "which is not there" if size is None else f"which has {size:,} bytes"
            raise ModelError(
                f"its weight {part.tensor!r} lies in {part.location!r}, {seen}; copy the "
                "file beside the model, or export with the weights inside"
            )


def _check_operators(wire: WireFacts) -> None:
    """Refuse operators of libraries that are not there."""
    for domain, operator in wire.operators:
        own = (domain, operator) in wire.functions
        if not own and (domain not in _KNOWN_DOMAINS or operator.endswith("_TRT")):
            whose = f"{domain}.{operator}" if domain else operator
            raise ModelError(
                f"its operator {whose} is not ONNX's and needs a library of its own; export "
                "without it, such as without a TensorRT plugin for NMS"
            )


def _examine_apart(request: Request, patience: float) -> dict[str, Any]:
    """Return the child's inspection. Raises: ModelError."""
    stage_s = patience * (_STAGE_S + _STAGE_S_PER_MB * request.size / 1e6)
    with subprocess.Popen(
        [sys.executable, "-m", "edge_agent.detect.recognise.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ) as child:
        try:
            _ask(child, request)
            return _follow(child, stage_s, patience)
        finally:
            child.kill()


def _ask(child: "subprocess.Popen[bytes]", request: Request) -> None:
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it ended already, which is told later
        child.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
        child.stdin.close()


def _follow(child: "subprocess.Popen[bytes]", stage_s: float, patience: float) -> dict[str, Any]:
    """Wait for the child's stages, each within its limit; return the inspection."""
    limits = {
        "": (_START_S, "to start"),
        "ready": (stage_s, "to load"),
        "loaded": (stage_s, "for one picture"),
        "ran": (patience * _TEST_S, "for the self-test"),
    }
    stage, buffer = "", bytearray()
    while True:
        limit_s, what = limits[stage]
        if not _wait_for_line(child, buffer, limit_s):
            raise ModelError(
                f"it takes more than {limit_s:.1f} s {what}, as no detector of its size does; on "
                f"a slow box give --patience {10 * patience:g}"
            )
        line, _, rest = bytes(buffer).partition(b"\n")
        buffer[:] = rest
        if not line:
            raise ModelError(_obituary(child, what))
        told: dict[str, Any] = json.loads(line)
        stage = told["stage"]
        if stage == "refused":
            raise ModelError(told["why"])
        if stage == "done":
            inspection: dict[str, Any] = told["inspection"]
            return inspection


def _wait_for_line(child: "subprocess.Popen[bytes]", buffer: bytearray, limit_s: float) -> bool:
    """Fill `buffer` up to a whole line or the child's end; return False when it takes too long."""
    assert child.stdout is not None
    before_s, until = _cpu_s(child), time.monotonic() + _WALL_S + _WALL_TIMES * limit_s
    while b"\n" not in buffer:
        if select.select([child.stdout], [], [], _LOOK_S)[0]:
            came = os.read(child.stdout.fileno(), 65_536)
            buffer += came or b"\n"
        elif _cpu_s(child) - before_s > limit_s or time.monotonic() > until:
            return False
    return True


def _cpu_s(child: "subprocess.Popen[bytes]") -> float:
    """Return the child's CPU time so far, of all its threads; a busy box does not count.

    Source: proc(5), /proc/PID/stat, fields utime and stime.
    """
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _obituary(child: "subprocess.Popen[bytes]", what: str) -> str:
    status = child.wait()
    if status < 0:
        name = signal.Signals(-status).name
        return f"ONNX Runtime breaks down over it ({name}, in the time it had {what})"
    return f"the examination ended with status {status} in the time it had {what}; please report it"
