"""Hands detections to the public trackers of `peers.py` and takes what they tell."""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.errors import AgentError
from tests.tracker_scores.footage import Footage
from tests.tracker_scores.noise import Found
from tests.tracker_scores.scoring import Told

PEERS = Path(__file__).with_name("peers.py")
LIMIT_S = 900


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Some footage with what was found in it, and the score from where a detection is strong."""

    footage: Footage
    found: Sequence[Found]
    threshold: float


def ask_peers(
    environment: Path, tasks: Sequence[Task], *, every: bool
) -> list[dict[str, list[Told]]]:
    """Return, for each task, what each public tracker told of each frame.

    Args: `environment` the folder of a virtual environment with `trackers`; `every` also asks
    for other trackers than ByteTrack.
    Raises: AgentError with the end of what the program said where it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "given.npz", Path(folder) / "told.npz"
        frames = [found for task in tasks for found in task.found]
        np.savez(given, **_columns(tasks, frames))
        done = subprocess.run(
            [environment / "bin" / "python", "-P", PEERS, given, told, *(["--all"] * every)],
            capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise AgentError(f"peers: {done.stderr[-800:].strip()}; no public tracker is scored")
        with np.load(told) as ids:
            return _by_task(tasks, {name: ids[name] for name in ids.files})


def _columns(
    tasks: Sequence[Task], frames: Sequence[Found]
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    lengths = [len(task.found) for task in tasks]
    return {
        "splits": np.cumsum([0, *(len(found.score) for found in frames)]),
        "xyxy": np.concatenate([found.xyxy for found in frames]),
        "score": np.concatenate([found.score for found in frames]),
        "group": np.concatenate([found.group for found in frames]),
        "begins": np.cumsum([0, *lengths])[:-1],
        "fps": np.array([task.footage.fps for task in tasks]),
        "threshold": np.array([task.threshold for task in tasks]),
    }


def _by_task(
    tasks: Sequence[Task], ids: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]
) -> list[dict[str, list[Told]]]:
    out: list[dict[str, list[Told]]] = []
    row = 0
    for task in tasks:
        told: dict[str, list[Told]] = {name: [] for name in ids}
        for found in task.found:
            rows = slice(row, row + len(found.score))
            row = rows.stop
            for name, column in ids.items():
                kept = column[rows] >= 0
                told[name].append(Told(column[rows][kept], found.group[kept], found.xyxy[kept]))
        out.append(told)
    return out
