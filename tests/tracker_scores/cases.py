"""The cases that are scored: footage at a rate with detections of one kind."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_agent.config import boxed_model
from edge_agent.scenes import keep_clips, kept_path, read_truth, truth_path
from edge_agent.scenes.clip import Progress
from tests.detect_support import NANO, SHARED, nano_manifest
from tests.tracker_scores.compared import Task
from tests.tracker_scores.detected import detected, model_name, open_model
from tests.tracker_scores.footage import (
    FPS,
    SCENES,
    Footage,
    read_pets,
    rendered,
    scene_orders,
    thinned,
)
from tests.tracker_scores.noise import Found, noisy

#: The frame rates, each a part of the footage's own: 10 and 5 a second.
STRIDES = (1, 2)
#: From where a noisy detection is strong, and one of real footage in a second case.
NOISY_FROM, STRICT = 0.4, 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One line of the table: all seeds of a scene, at one rate, with one kind of detections."""

    footage: str
    fps: float
    detections: str
    tasks: tuple[Task, ...]


def prepared_footage(only: str, folder: Path, progress: Progress) -> dict[str, list[Footage]]:
    """Return the footage whose name begins with `only`, rendering what `folder` lacks.

    Raises: AgentError where a clip cannot be rendered.
    """
    names = [name for name in SCENES if name.startswith(only)]
    orders = scene_orders(names)
    keep_clips(orders, folder, progress)
    footage: dict[str, list[Footage]] = {name: [] for name in names}
    for order in orders:
        clip = kept_path(order, folder)
        truth = read_truth(truth_path(clip))
        title = f"{order.scene.name} {order.seed}"
        footage[order.scene.name].append(rendered(title, truth.wh, FPS, truth.frames, clip))
    if "pets".startswith(only) and (SHARED / "media").is_dir():
        footage["pets"] = [read_pets(SHARED / "media")]
    return footage


def manifest_for(name: str, folder: Path) -> Path:
    """Return the manifest of the boxed detector for scenes, of YOLOX-Nano for real footage."""
    if name in SCENES:
        return boxed_model()
    shipped = tomllib.loads(NANO.read_text())
    return nano_manifest(folder, shipped["file"], shipped["sha256"])


def cases(footage: dict[str, list[Footage]]) -> Iterator[Case]:
    """Yield the cases; noise goes with rendered scenes only, whose truth tells what is hidden.

    Raises: ModelError where a detector cannot be loaded.
    """
    for name, pieces in footage.items():
        with TemporaryDirectory() as folder:
            manifest = manifest_for(name, Path(folder))
            model, detector = model_name(manifest), open_model(manifest)
        found = [detected(piece, detector) for piece in pieces]
        yield from _at_each_rate(name, model, detector.score_threshold, pieces, found)
        if name in SCENES:
            yield from _at_each_rate(name, "noise", NOISY_FROM, pieces, None)
        else:
            yield from _at_each_rate(name, f"{model} ≥ {STRICT:g}", STRICT, pieces, found)


def _at_each_rate(
    name: str,
    detections: str,
    threshold: float,
    pieces: Iterable[Footage],
    found: list[list[Found]] | None,
) -> Iterator[Case]:
    """Yield a case for each rate; `found` at the footage's own, None for noise."""
    for stride in STRIDES:
        tasks = []
        for k, piece in enumerate(pieces):
            thin = thinned(piece, stride)
            tasks.append(Task(thin, found[k][::stride] if found else noisy(thin), threshold))
        yield Case(name, FPS / stride, detections, tuple(tasks))
