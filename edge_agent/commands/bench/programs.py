"""Other programs on the bench's streams: the bare one and the peers.

Each is a file that answers a line on its standard input with one line of JSON: `streams` that
give pictures, `images` analysed, `frames` decoded (null where it cannot say).
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.commands.bench.bed import Bed
from edge_agent.commands.bench.report import Side
from edge_agent.commands.bench.tell import Teller
from edge_agent.detect.open_sides import open_sides
from edge_agent.errors import AgentError
from edge_agent.stage import bare
from edge_agent.stage.child import Child, start_child
from edge_agent.stage.processes import family_cpu_s, family_memory_mb
from edge_agent.types import Json, Wh


@dataclass(frozen=True, slots=True)
class Times:
    """How long a program is measured, and how long it runs before, from its last stream on."""

    seconds: float
    warmup: float


def bare_command(bed: Bed, fps: float, input_wh: Wh | None = None) -> list[str]:
    """Return the command line of the bare program on `bed`'s streams: a lane a core as well.

    With `input_wh` it runs a copy of the model whose sides are open, on a picture of that size.
    """
    given = ["--fps", str(fps), "--lanes", str(len(bed.measured))]
    if input_wh is None:
        given += ["--model", str(bed.model), "--"]
    else:
        opened = bed.folder / "open-sides.onnx"
        opened.write_bytes(open_sides(bed.model.read_bytes(), (2, 3)))
        given += ["--model", str(opened), "--input-wh", *map(str, input_wh), "--"]
    return [sys.executable, "-P", str(bare.__file__), *given, *bed.urls]


def measure_program(
    name: str,
    command: Sequence[str],
    bed: Bed,
    folder: Path,
    *,
    seconds: float,
    warmup: float,
    tell: Teller,
    streams_come_s: float = 60.0,
    env: Mapping[str, str] | None = None,
) -> Side:
    """Run a program and return what it did in the measured time, its children included.

    Raises: AgentError with its last words where it ends, answers nothing or opens too little.
    """
    program = start_child(name, command, folder, cores=bed.measured, talk=True, env=env)
    try:
        program.wait_until(
            lambda: ask_program(program)["streams"] >= len(bed.urls),
            streams_come_s,
            f"decoding {len(bed.urls)} streams",
        )
        tell.wait(warmup, f"warm-up of {name}", program.require_alive)
        before, cpu_s = ask_program(program), family_cpu_s(program.pid)
        tell.wait(seconds, f"measuring {name}", program.require_alive)
        after, cpu_s_after = ask_program(program), family_cpu_s(program.pid)
        return Side(
            cpu_s=cpu_s_after - cpu_s,
            images=after["images"] - before["images"],
            frames=_grown(before, after, "frames"),
            infer_cpu_s=_grown(before, after, "infer_cpu_s"),
            memory_mb=family_memory_mb(program.pid),
        )
    finally:
        program.stop()


def ask_program(program: Child) -> dict[str, Json]:
    """Return a program's counts since its start. Raises: AgentError with its last words."""
    pipe_in, pipe_out = program.process.stdin, program.process.stdout
    assert pipe_in is not None
    assert pipe_out is not None
    try:
        pipe_in.write(b"\n")
        pipe_in.flush()
        answer: dict[str, Json] = json.loads(pipe_out.readline())
        return answer
    except (OSError, json.JSONDecodeError) as error:
        raise AgentError(f"{program.name}: no answer: {program.last_words()}") from error


def _grown(before: dict[str, Json], after: dict[str, Json], name: str) -> Json:
    if before.get(name) is None or after.get(name) is None:
        return None
    return after[name] - before[name]
