"""What `models eval` tells: the figures of one model on one set of pictures, as text and JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table

from edge_agent.detect.agreement import Agreement, Found
from edge_agent.detect.evaluation.boxed import CLASSES, PictureSet
from edge_agent.detect.evaluation.scoring import (
    Hits,
    Operating,
    Precision,
    at_threshold,
    average_precision,
    best_threshold,
    match_hits,
)
from edge_agent.detect.evaluation.seeing import Speed, judged_of
from edge_agent.detect.manifest import Manifest
from edge_agent.types import Json


@dataclass(frozen=True, slots=True)
class Row:
    """The AP of a class over one source of pictures, or over all."""

    name: str
    source: str
    precision: Precision


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one score threshold gives: for each class that has objects, and in the mean."""

    word: str  # whose it is
    value: float
    classes: dict[str, Operating]

    @property
    def f1(self) -> float:
        """The mean of the classes' F1."""
        return float(np.mean([o.f1 for o in self.classes.values()]))


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """All figures of one model on one set of pictures."""

    manifest: Manifest
    pictures: PictureSet
    floor: float
    rows: tuple[Row, ...]
    thresholds: tuple[Threshold, ...]  # the manifest's, the one asked for, the best; or none

    @property
    def best(self) -> float | None:
        """The best threshold, None where no object is there to judge by."""
        return self.thresholds[-1].value if self.thresholds else None

    @property
    def objects(self) -> int:
        """All objects that count."""
        return sum(row.precision.objects for row in self.rows if row.source == "all")


def judge(
    manifest: Manifest,
    pictures: PictureSet,
    found: Sequence[Found],
    *,
    floor: float,
    asked: float | None = None,
) -> Judgement:
    """Return the figures of `found`, one for each picture; `asked` is one more threshold."""
    rows, hits = [], {}
    sources = sorted({picture.source for picture in pictures.pictures})
    told_apart = {c.name for c in manifest.class_table.classes}
    for name in CLASSES:
        everywhere = judged_of(pictures, found, name, None)
        if not everywhere or name not in told_apart:
            continue
        rows.append(Row(name, "all", average_precision(everywhere)))
        hits[name] = match_hits(everywhere)
        for source in sources if len(sources) > 1 else ():
            judged = judged_of(pictures, found, name, source)
            if judged:
                rows.append(Row(name, source or "-", average_precision(judged)))
    return Judgement(
        manifest, pictures, floor, tuple(rows), _thresholds(manifest, hits, floor, asked)
    )


def _thresholds(
    manifest: Manifest, hits: dict[str, Hits], floor: float, asked: float | None
) -> tuple[Threshold, ...]:
    hits = {name: one for name, one in hits.items() if one.objects}
    if not hits:
        return ()
    wished = [("the manifest's", manifest.score_threshold)]
    if asked is not None:
        wished.append(("asked for", asked))
    wished.append(("the best", best_threshold(list(hits.values()), floor)))
    return tuple(
        Threshold(word, value, {name: at_threshold(one, value) for name, one in hits.items()})
        for word, value in wished
    )


def draw_precision(judgement: Judgement) -> Table:
    """Return AP by class and source as a table."""
    table = Table("class", "source")
    for head in ("pictures", "objects", "AP50", "AP"):
        table.add_column(head, justify="right")
    for row in judgement.rows:
        p = row.precision
        table.add_row(
            row.name, row.source, str(p.pictures), str(p.objects), _part(p.ap50), _part(p.ap)
        )
    return table


def draw_thresholds(judgement: Judgement) -> Table:
    """Return recall, precision and F1 at each threshold as a table."""
    table = Table("score threshold", "", "class")
    for head in ("recall", "precision", "F1"):
        table.add_column(head, justify="right")
    for threshold in judgement.thresholds:
        value, word = f"{threshold.value:.2f}", threshold.word
        for name, o in threshold.classes.items():
            table.add_row(value, word, name, _part(o.recall), _part(o.precision), _part(o.f1))
            value = word = ""
        table.add_row("", "", "mean", "", "", _part(threshold.f1))
    return table


def remarks(judgement: Judgement) -> list[str]:
    """Return what one must know to read the figures."""
    pictures = judgement.pictures
    lines = [
        f"{judgement.manifest.model_id} on {len(pictures.pictures)} pictures of {pictures.file}; "
        f"detections from score {judgement.floor:g} on count"
    ]
    classes = judgement.manifest.class_table.classes
    dropped = [c.subclass or c.name for c in classes if not pictures.counts(c)]
    if dropped:
        lines.append(f"not boxed there, so left out of what was found: {', '.join(dropped)}")
    unknown = [name for name in CLASSES if name not in {c.name for c in classes}]
    if unknown:
        lines.append(f"the model knows no {', no '.join(unknown)}: not judged")
    if pictures.passed_over:
        shown = ", ".join(pictures.passed_over[:5])
        more = (
            "" if len(pictures.passed_over) <= 5 else f" and {len(pictures.passed_over) - 5} more"
        )
        lines.append(f"categories that are neither person nor vehicle: {shown}{more}")
    return lines


def speed_line(speed: Speed, provider: str) -> str:
    """Return how fast the model is, in words."""
    return (
        f"speed on {provider}, one thread: {speed.wall_ms:.1f} ms a picture, {speed.cpu_ms:.1f} ms "
        f"of CPU (medians of {speed.pictures}, with preparation and NMS)"
    )


def agreement_line(agreement: Agreement, other: str) -> str:
    """Return how far two models find the same, in words."""
    return (
        f"agreement with {other}, each at its own threshold: {agreement.both} boxes of both, "
        f"{agreement.found} of this one, {agreement.wanted} of the other; F1 {agreement.f1:.3f}, "
        f"scores {agreement.score_shift:+.3f} on average"
    )


def as_report(
    judgement: Judgement, speed: Speed, provider: str, agreement: Agreement | None
) -> dict[str, Json]:
    """Return the figures for machines; what has no figure is null."""
    return {
        "model": judgement.manifest.model_id,
        "annotations": str(judgement.pictures.file),
        "pictures": len(judgement.pictures.pictures),
        "floor": judgement.floor,
        "precision": [
            {"class": row.name, "source": row.source}
            | {key: _number(value) for key, value in asdict(row.precision).items()}
            for row in judgement.rows
        ],
        "best_threshold": judgement.best,
        "thresholds": [
            {"whose": t.word, "value": t.value, "f1": t.f1}
            | {name: asdict(o) for name, o in t.classes.items()}
            for t in judgement.thresholds
        ],
        "speed": asdict(speed) | {"provider": provider, "threads": 1},
        "agreement": None if agreement is None else asdict(agreement) | {"f1": agreement.f1},
    }


def _part(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
