"""`edge-agent bench tracker`: what one step of the tracker costs, without anything else."""

import statistics
import time
from typing import Annotated

import numpy as np
import typer

from edge_agent.settings import TrackingSettings
from edge_agent.tracking import Tracker
from edge_agent.types import ClockSource, Detections, FrameRef

_WH = (1920, 1080)
_PERIOD_NS = 200_000_000
_MISSED, _FALSE = 0.1, 0.02


def command(
    objects: Annotated[list[int] | None, typer.Option(min=1, max=1000)] = None,
    steps: Annotated[int, typer.Option(min=100, help="Of each of five runs.")] = 1000,
) -> None:
    """Measure a step of the tracker at 10 and 50 objects: median of five runs, CPU time."""
    for number in objects or [10, 50]:
        print(f"{number} objects: {step_ms(number, steps):.3f} ms a step")


def step_ms(objects: int, steps: int, runs: int = 5) -> float:
    """Return the CPU milliseconds of a step at `objects` moving boxes, 10 % of them missed."""
    found = []
    for run in range(runs):
        tracker = Tracker(
            settings=TrackingSettings(), groups=np.array([0, 1], np.int32), score_threshold=0.35
        )
        frames = _walk(objects, steps, np.random.default_rng(run))
        began = time.thread_time()
        for frame in frames:
            tracker.step(frame)
        found.append((time.thread_time() - began) / steps * 1e3)
    return statistics.median(found)


def _walk(objects: int, steps: int, rng: np.random.Generator) -> list[Detections]:
    """Return what a detector sees of bodies that walk about the picture at 5 frames a second."""
    wh = np.column_stack([rng.uniform(20, 80, objects), rng.uniform(50, 200, objects)])
    place = rng.uniform((0, 0), _WH, (objects, 2))
    speed = rng.normal(0, 12, (objects, 2))
    class_id = rng.integers(0, 2, objects).astype(np.int32)
    frames = []
    for step in range(steps):
        place += speed
        speed = np.where((place < 0) | (place > _WH), -speed, speed)
        seen = rng.random(objects) > _MISSED
        centre = place[seen] + rng.normal(0, 2, (int(seen.sum()), 2))
        xyxy = np.concatenate([centre - wh[seen] / 2, centre + wh[seen] / 2], 1)
        score = np.where(rng.random(len(xyxy)) < _FALSE, 0.2, rng.uniform(0.4, 0.95, len(xyxy)))
        order = np.argsort(-score)
        frames.append(
            Detections(
                _ref(step),
                xyxy[order].astype(np.float32),
                score[order].astype(np.float32),
                class_id[seen][order],
            )
        )
    return frames


def _ref(step: int) -> FrameRef:
    at = step * _PERIOD_NS
    return FrameRef("bench", 1, step, at, at, at, ClockSource.ARRIVAL, True, _WH)
