"""Judge a model beside YOLOX-Nano: `python -m models.training.evaluate --manifest M.toml …`.

Both go through the agent's own detector. Writes JSON and a table in Markdown.
"""

import argparse
import json
import logging
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_agent.detect import ArrayPicture, OnnxDetector, load_manifest
from edge_agent.detect.trimming import open_session
from edge_agent.settings import Plan
from edge_agent.types import ClockSource, Frame, FrameRef
from models.training import judged
from models.training.cpu_ratio import cpu_ms, ratios
from models.training.judged import Judged
from models.training.labels import CLASSES
from models.training.prepare import remembered, wait_while
from models.training.reference import coco_ap50
from models.training.scoring import (
    Matched,
    at_threshold,
    average_precision,
    both,
    interval,
    match,
    recall_at,
)
from models.training.teacher import Rows, Teacher

log = logging.getLogger("evaluate")

_FLOOR = 0.01  # scores from here on enter the AP
_MOST = 300  # detections a picture
_MORE_FALSE = (0.3, 1.0, 3.0)  # alarms a rendered picture, beside the 0.1 that is asked for
YOLOX_CLASSES = ("person", "car", "bus", "truck", "motorcycle")  # a bicycle is no vehicle here


@dataclass(slots=True)
class Results:
    """One model's matches by group and class, and what faster-coco-eval needs to agree."""

    matches: dict[tuple[str, str], list[Matched]] = field(default_factory=lambda: defaultdict(list))
    seen: list[Rows] = field(default_factory=list)


def open_low(manifest: Path, file: Path | None, folder: Path) -> OnnxDetector:
    """Return the manifest's detector as the agent runs it, with its threshold at the floor.

    `file` replaces the manifest's model file: YOLOX-Nano's lies elsewhere. As the reference it runs
    its whole input, padding included.
    """
    lines = []
    for line in manifest.read_text().splitlines():
        if line.startswith("file = "):
            line = f'file = "{(file or load_manifest(manifest).file).resolve()}"'
        lines.append(line)
    if file is not None:
        lines.insert(0, "trim = false")
        lines += ["[class_map]", 'person = "person"']
        lines += [f'{name} = "vehicle"' for name in YOLOX_CLASSES[1:]]
    path = folder / manifest.name
    path.write_text("\n".join(lines) + "\n")
    judged_as = load_manifest(path)
    session = open_session(judged_as, threads=1, provider="cpu")
    low = judged_as.model_copy(update={"score_threshold": _FLOOR})
    return OnnxDetector(low, session, Plan(lanes=1, batch=1))


def detect(detector: OnnxDetector, bgr: np.ndarray) -> Rows:
    """Return rows x1 y1 x2 y2 score class of a picture, the strongest first."""
    picture = ArrayPicture(bgr)
    ref = FrameRef("judged", 1, 0, 0, 0, 0, ClockSource.ARRIVAL, True, picture.wh)
    found = detector.detect([Frame(ref, picture)], 0)
    names = np.array([CLASSES.index(c.name) for c in detector.classes])
    rows = np.column_stack((found.xyxy, found.score, names[found.class_id]))
    return rows[np.argsort(-found.score, kind="stable")][:_MOST].astype(np.float32)


def judge(detectors: list[OnnxDetector], pictures: Iterable[Judged]) -> list[Results]:
    """Return the results of each detector on the same pictures."""
    results = [Results() for _ in detectors]
    for picture in pictures:
        for detector, result in zip(detectors, results, strict=True):
            rows = detect(detector, picture.bgr)
            result.seen.append(rows)
            for class_id in picture.covers:
                mine, truth = rows[rows[:, 5] == class_id], picture.truth
                truth = truth.keep(truth.class_id == class_id)
                found = match(mine[:, :4], mine[:, 4], truth.xyxy, truth.ignore)
                result.matches[picture.group, CLASSES[class_id]].append(found)
    return results


def pooled(result: Results, class_name: str) -> list[Matched]:
    """Return the matches of a class over all groups."""
    return [m for (_, name), found in result.matches.items() if name == class_name for m in found]


def photo_figures(result: Results) -> dict[str, Any]:
    """Return AP50 by source and class, with intervals."""
    figures = {}
    groups = [*sorted(result.matches), *(("all", name) for name in CLASSES)]
    for group, class_name in groups:
        found = pooled(result, class_name) if group == "all" else result.matches[group, class_name]
        low, high = interval(found)
        figures[f"{group}, {class_name}"] = {
            "ap50": average_precision(found), "low": low, "high": high,
            "pictures": len(found), "objects": sum(m.truths for m in found),
        }  # fmt: skip
    return figures


def scene_figures(result: Results) -> dict[str, Any]:
    """Return recall at the one threshold that gives 0.1 false alarms a picture, classes together.

    Pooled over all weathers, then by weather at that threshold; and for each class by itself,
    with 0.1 false alarms of its own. Pooled also where more false alarms are allowed.
    """
    figures = {}
    persons, vehicles = (pooled(result, name) for name in CLASSES)
    every = [both(*pair) for pair in zip(persons, vehicles, strict=True)]
    best = recall_at(every, 0.1)
    figures["pooled, both classes"] = asdict(best)
    for rate in _MORE_FALSE:
        figures[f"pooled, both classes, {rate:g} false"] = asdict(recall_at(every, rate))
    for group in sorted({group for group, _ in result.matches}):
        pairs = zip(*(result.matches[group, name] for name in CLASSES), strict=True)
        together = [both(*pair) for pair in pairs]
        figures[f"{group}, both classes"] = asdict(at_threshold(together, best.threshold))
    for class_name in CLASSES:
        best = recall_at(pooled(result, class_name), 0.1)
        figures[f"pooled, {class_name}"] = asdict(best)
        for (group, name), found in sorted(result.matches.items()):
            if name == class_name:
                figures[f"{group}, {name}"] = asdict(at_threshold(found, best.threshold))
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="of the model to judge")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True, help="keeps what the teachers saw")
    parser.add_argument("--out", type=Path, required=True, help="gets figures.json and figures.md")
    parser.add_argument("--only", choices=("photos", "footage", "scenes", "cpu"), action="append")
    parser.add_argument("--pause-file", type=Path)
    return parser.parse_args()


def main() -> None:
    """Judge and write."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cv2.setNumThreads(1)
    parts = args.only or ["photos", "footage", "scenes", "cpu"]
    yolox_file = args.shared / "models/yolox_nano.onnx"
    yolox = Path(__file__).parents[1] / "yolox_nano.toml"
    mine = load_manifest(args.manifest)
    figures: dict[str, Any] = {"model": mine.model_id, "input_wh": list(mine.input_wh)}
    with tempfile.TemporaryDirectory() as folder:
        detectors = [
            open_low(args.manifest, None, Path(folder)),
            open_low(yolox, yolox_file, Path(folder)),
        ]
    for part in parts:
        wait_while(args.pause_file)
        log.info("judging %s", part)
        if part == "cpu":
            turns = cpu_ms([(yolox_file, (416, 416)), (mine.file, mine.input_wh)])
            figures["cpu"] = {"ms": turns, "ratio": ratios(turns)[1]}
        else:
            figures[part] = _part(part, args, detectors, mine.input_wh)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    (args.out / "figures.md").write_text(table(figures))


def _part(
    part: str, args: argparse.Namespace, detectors: list[OnnxDetector], wh: tuple[int, int]
) -> dict[str, Any]:
    names = ("ring-nano", "yolox-nano")
    if part == "photos":
        look = remembered(Teacher(args.shared / "models"), args.work / "teacher")
        pictures = list(judged.photos(args.shared / "data", look))
        results = judge(detectors, pictures)
        return {
            name: {"by source": photo_figures(r), "faster-coco-eval": coco_ap50(pictures, r.seen)}
            for name, r in zip(names, results, strict=True)
        }
    if part == "scenes":
        results = judge(detectors, judged.scenes(wh))
        return {name: scene_figures(r) for name, r in zip(names, results, strict=True)}
    found: dict[str, Any] = {name: {} for name in names}
    for pictures_of in (judged.street, judged.motorway):
        for name, result in zip(
            names, judge(detectors, pictures_of(args.shared / "media")), strict=True
        ):
            for (group, class_name), matches in result.matches.items():
                found[name][f"{group}, {class_name}"] = asdict(recall_at(matches, 1.0)) | {
                    "ap50": average_precision(matches)
                }
    return found


def table(figures: dict[str, Any]) -> str:
    """Return the figures as a table in Markdown."""
    lines = [f"{figures['model']} at {figures['input_wh'][0]}×{figures['input_wh'][1]}", "",
             "| figure | ring-nano | YOLOX-Nano |", "|---|---|---|"]  # fmt: skip
    if "photos" in figures:
        mine, other = (figures["photos"][n]["by source"] for n in ("ring-nano", "yolox-nano"))
        for key, row in mine.items():
            cells = [f"{r['ap50']:.3f} ({r['low']:.2f}–{r['high']:.2f})" for r in (row, other[key])]
            lines.append(f"| AP50 {key} ({row['objects']}) | {cells[0]} | {cells[1]} |")
    for part, text in (("footage", "recall at 1 false a picture"), ("scenes", "recall")):
        if part in figures:
            mine, other = (figures[part][n] for n in ("ring-nano", "yolox-nano"))
            for key, row in mine.items():
                cells = [f"{r['recall']:.3f} ({r['false_per_picture']:.2f})"
                         for r in (row, other[key])]  # fmt: skip
                lines.append(f"| {text} {key} (false a picture) | {cells[0]} | {cells[1]} |")
    if "cpu" in figures:
        lines.append(f"| CPU time, one thread | {figures['cpu']['ratio']:.3f} | 1 |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
