"""The child process that opens a model file nobody has vouched for.

It takes a request on standard input, tells its stages and the result on standard output, a JSON
line each, and can neither fill the memory nor write a file. Its parent, `guard.py`, ends it when
a stage takes too long.
"""

import json
import os
import resource
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from edge_agent.detect.recognise.examination import examine, retest
from edge_agent.detect.recognise.inspection import Request
from edge_agent.errors import ModelError

#: Memory over what the program itself takes: this, and this many times the file.
_MEMORY_BYTES, _MEMORY_TIMES = 1_500_000_000, 12
#: CPU seconds after which it ends by itself, should its parent have died.
_ORPHAN_S = 3600
_PAGE = resource.getpagesize()


def main() -> None:
    """Examine what standard input asks for."""
    request = Request(**json.loads(sys.stdin.readline()))
    with _own_output() as output:

        def tell(stage: str, **more: object) -> None:
            print(json.dumps({"stage": stage, **more}), file=output, flush=True)

        limit_bytes = _limit_process(request.size)
        tell("ready")
        try:
            if request.manifest is None:
                tell("done", inspection=asdict(examine(request, tell)))
            else:
                tell("done", inspection=retest(request, tell))
        except ModelError as error:
            tell("refused", why=_with_memory(str(error), limit_bytes))
        except MemoryError:
            tell("refused", why=_memory_words(limit_bytes))
        except Exception as error:  # noqa: BLE001 - whatever a strange file brings about is told
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            tell("refused", why=f"edge-agent fails over it: {error!r} at {where}; please report it")
    os._exit(0)  # a broken session may crash when it is taken apart


def _own_output() -> TextIO:
    """Return standard output for the parent alone; what a library prints goes to nowhere."""
    own = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return own


def _limit_process(size: int) -> int:
    """Limit memory, written files and core dumps; return the bytes that the model may take."""
    allowed = _MEMORY_BYTES + _MEMORY_TIMES * size
    present = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    resource.setrlimit(resource.RLIMIT_AS, (present + allowed,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_ORPHAN_S, _ORPHAN_S))
    return allowed


def _with_memory(why: str, limit_bytes: int) -> str:
    is_memory = any(word in why for word in ("bad_alloc", "bad allocation", "Failed to allocate"))
    return _memory_words(limit_bytes) if is_memory else why


def _memory_words(limit_bytes: int) -> str:
    return f"it wants more than {limit_bytes / 1e9:.1f} GB of memory for one picture"


if __name__ == "__main__":
    main()
