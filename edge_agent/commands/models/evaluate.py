"""`edge-agent models eval`: how well and how fast a detector finds what people boxed."""

import importlib.util
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from edge_agent.commands.models.judgement import (
    Judgement,
    agreement_line,
    as_report,
    draw_precision,
    draw_thresholds,
    judge,
    remarks,
    speed_line,
)
from edge_agent.commands.models.naming import find_manifest
from edge_agent.commands.models.place import Config, Store, open_store
from edge_agent.commands.models.threshold_file import write_threshold
from edge_agent.detect.agreement import Agreement, Found, compare_found
from edge_agent.detect.evaluation.boxed import PictureSet, read_pictures
from edge_agent.detect.evaluation.seeing import Examinee
from edge_agent.detect.manifest import load_manifest
from edge_agent.errors import UsageError

Sources = Annotated[
    list[str] | None, typer.Option("--source", help="Only pictures of this source; repeatable.")
]
Threshold = Annotated[
    float | None, typer.Option(min=0, max=1, help="Tell recall and precision here too.")
]
Floor = Annotated[
    float, typer.Option(min=0.001, max=0.5, help="Detections from this score on count.")
]
Write = Annotated[bool, typer.Option("--write", help="Put the best threshold into the manifest.")]

#: Below this the F1 over a set says little about the next one.
_LEAST_OBJECTS = 30


def command(
    model: Annotated[str, typer.Argument(help="A model's name, or its manifest (TOML).")],
    data: Annotated[
        Path, typer.Option("--data", help="A folder of pictures with COCO-style annotations.")
    ],
    split: Annotated[str, typer.Option(help="Which pictures: val, train, …, or all.")] = "val",
    annotations: Annotated[
        Path | None, typer.Option(help="The annotation file, where the folder has several.")
    ] = None,
    agree_with: Annotated[
        str | None, typer.Option(help="Another model: how far both find the same.")
    ] = None,
    source: Sources = None,
    threshold: Threshold = None,
    floor: Floor = 0.025,  # PaddleDetection's; lower ones add ever weaker boxes to the AP
    provider: Annotated[str, typer.Option(help="auto, or one of them, as in [model].")] = "cpu",
    write: Write = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")] = False,
    config: Config = None,
    store: Store = None,
) -> None:
    """Judge a detector: AP by class and source, its best score threshold, its speed on one thread.

    A picture counts only for the classes that its `covers` names; detections of bicycles count
    only where bicycles were boxed.
    """
    _require_evaluator()
    place = open_store(config, store)
    path = find_manifest(model, place)
    mine = Examinee(load_manifest(path), provider, floor)
    other = None
    if agree_with is not None:
        other = Examinee(load_manifest(find_manifest(agree_with, place)), provider, floor)
    pictures = read_pictures(
        data, split, annotations=annotations, class_map=mine.manifest.class_map
    ).only(source)
    found, theirs = _find(mine, other, pictures)
    judgement = judge(mine.manifest, pictures, found, floor=floor, asked=threshold)
    speed = mine.time(pictures)
    agreement = _agreement(mine, found, other, theirs) if other else None
    if as_json:
        report = as_report(judgement, speed, mine.provider, agreement)
        print(json.dumps(report, ensure_ascii=False))
    else:
        console = Console(soft_wrap=True, highlight=False)
        console.print("\n".join(remarks(judgement)), markup=False)
        console.print(draw_precision(judgement), draw_thresholds(judgement))
        print(speed_line(speed, mine.provider))
        if other and agreement:
            print(agreement_line(agreement, other.manifest.model_id))
    advice = _write(path, judgement) if write else _advice(judgement)
    if advice:
        Console(stderr=True, soft_wrap=True).print(advice, markup=False, highlight=False)


def _require_evaluator() -> None:
    if importlib.util.find_spec("faster_coco_eval") is None:
        raise UsageError(
            "models eval: needs the package faster-coco-eval, which the agent does without: "
            'pip install "edge-agent[models]"'
        )


def _find(
    mine: Examinee, other: Examinee | None, pictures: PictureSet
) -> tuple[list[Found], list[Found]]:
    """Return what both models find in each picture; nothing where there is no other."""
    models = [model for model in (mine, other) if model]
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("judging", total=len(models) * len(pictures.pictures))
        found = [model.find(pictures, lambda: bar.advance(task)) for model in models]
    return found[0], found[1] if other else []


def _agreement(
    mine: Examinee, found: list[Found], other: Examinee, theirs: list[Found]
) -> Agreement:
    """Hold this model against the other, each at its own threshold."""
    return compare_found(
        (
            reference.keep(reference.score >= other.manifest.score_threshold),
            seen.keep(seen.score >= mine.manifest.score_threshold),
        )
        for reference, seen in zip(theirs, found, strict=True)
    )


def _advice(judgement: Judgement) -> str | None:
    """Return what --write would do, None where nothing."""
    best, own = judgement.best, judgement.manifest.score_threshold
    if best is None or best == own or judgement.objects < _LEAST_OBJECTS:
        return None
    return f"--write puts score_threshold = {best:g} into the manifest, which says {own:g}"


def _write(path: Path, judgement: Judgement) -> str:
    """Put the best threshold into the manifest; return what was done. Raises: ModelError."""
    best, own = judgement.best, judgement.manifest.score_threshold
    if best is None or judgement.objects < _LEAST_OBJECTS:
        raise UsageError(
            f"models eval: {judgement.objects} objects are too few to choose a threshold by, it "
            f"takes {_LEAST_OBJECTS}; {path} stays as it is"
        )
    if best == own:
        return f"{path}: score_threshold = {own:g} is the best already; nothing is written"
    write_threshold(path, best)
    return f"{path}: score_threshold = {best:g} written, in place of {own:g}"
