"""The measured plans on disk, one for each device, model and ONNX Runtime."""

import json
import logging
import os
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import onnxruntime

from edge_agent.detect.plan import Candidate
from edge_agent.errors import StateError
from edge_agent.settings import ModelSettings, PlanSettings
from edge_agent.types import Json

log = logging.getLogger(__name__)

FILE = "plans.json"
#: Raised when plans are measured or chosen in another way: older entries are measured again.
FORMAT = 2
_MOST_ENTRIES = 16
_MOST_BYTES = 1_000_000

Fingerprint = Mapping[str, Json]


def fingerprint(model: ModelSettings, sha256: str) -> Fingerprint:
    """Return all that a measured plan depends on: device, model, runtime, and what was asked."""
    asked = model.plan
    return {
        "format": FORMAT,
        "device": device_name(),
        "cores": len(os.sched_getaffinity(0)),
        "providers": sorted(onnxruntime.get_available_providers()),
        "onnxruntime": onnxruntime.__version__,
        "model_sha256": sha256,
        "provider": model.provider,
        "lanes": asked.lanes,
        "threads": asked.threads,
        "batch": asked.batch,
        "latency_budget_ms": asked.latency_budget_ms,
    }


def device_name() -> str:
    """Return the board or processor, and the NVIDIA cards that the driver lists.

    Sources: proc(5), /proc/cpuinfo; /proc/device-tree/model on ARM boards.
    """
    board = _text(Path("/proc/device-tree/model")).strip("\0 \n")
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in _text(Path("/proc/cpuinfo")).splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cards = [
        line.partition(":")[2].strip()
        for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        for line in _text(file).splitlines()
        if line.startswith("Model:")
    ]
    return ", ".join([board or cpu, *cards])


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def read_plan(folder: Path, key: Fingerprint) -> tuple[Candidate, str] | None:
    """Return the plan remembered for `key` and the line that says why, else None.

    A broken file is told in the log and counts as empty.
    """
    for entry in _entries(folder / FILE):
        if entry.get("for") == dict(key):
            try:
                return _candidate(entry["plan"]), str(entry["why"])
            except (KeyError, TypeError, ValueError):
                log.warning("%s: an entry that no plan fits; measured again", folder / FILE)
    return None


def write_plan(folder: Path, key: Fingerprint, plan: Candidate, why: str) -> None:
    """Remember `plan` for `key`, whole or not at all; the oldest entries go.

    Raises: StateError where the folder cannot be written.
    """
    path = folder / FILE
    kept = [entry for entry in _entries(path) if entry.get("for") != dict(key)]
    new = {"for": dict(key), "plan": asdict(plan), "why": why}
    text = json.dumps({"plans": [new, *kept][:_MOST_ENTRIES]}, ensure_ascii=False, indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{FILE}-") as apart:
            new_file = Path(apart) / FILE
            with new_file.open("w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(new_file, path)
    except OSError as error:
        raise StateError(
            f"{path}: the plan cannot be kept: {error.strerror}; it is measured again next time"
        ) from error


def _entries(path: Path) -> list[dict[str, Json]]:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
        rows = json.loads(content)["plans"]
        return [row for row in rows if isinstance(row, dict)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        log.warning("%s: cannot be read (%s); plans are measured again", path, error)
        return []


def _candidate(value: Json) -> Candidate:
    """Return a plan from its JSON, checked as the settings are. Raises: ValueError, …"""
    numbers = {key: value[key] for key in ("lanes", "threads", "batch")}
    PlanSettings.model_validate(numbers, strict=True)
    if None in numbers.values() or not isinstance(value["provider"], str):
        raise ValueError("an incomplete plan")
    return Candidate(provider=value["provider"], **numbers)
