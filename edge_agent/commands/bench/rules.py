"""`edge-agent bench rules`: what the rules cost a frame, without anything else."""

import math
import statistics
import time
from typing import Annotated

import numpy as np
import typer

from edge_agent.rules.book import RuleBook, write_book
from edge_agent.rules.engine import begin, step
from edge_agent.settings import CameraSettings
from edge_agent.types import ClockSource, FrameRef, Json, ObjectClass, Tracks

_WH = (1920, 1080)
_PERIOD_NS = 200_000_000
_COASTING = 0.05
_CLASSES = (ObjectClass("person"), ObjectClass("vehicle", "car"))
#: One rule of each kind, as a busy camera might have them; limits that a crowd keeps.
_RULES: tuple[dict[str, Json], ...] = (
    {"kind": "enter", "zone": "z1"},
    {"kind": "exit", "zone": "z2"},
    {"kind": "presence", "zone": "z3"},
    {"kind": "absence", "zone": "z4"},
    {"kind": "dwell", "zone": "z5", "for_s": 20},
    {"kind": "loitering", "zone": "z6"},
    {"kind": "crossing", "line": "l1"},
    {"kind": "crossing", "line": "l2", "way": "a_to_b"},
    {"kind": "crossing", "line": "l3", "classes": ["vehicle"]},
    {"kind": "direction", "zone": "z7", "arrow": [[0.1, 0.5], [0.9, 0.5]]},
    {"kind": "wrong_way", "zone": "z8", "arrow": [[0.5, 0.1], [0.5, 0.9]]},
    {"kind": "speed", "zone": "z9", "over_kmh": 60},
    {"kind": "running", "zone": "z10"},
    {"kind": "stopped", "zone": "z11"},
    {"kind": "count_over", "zone": "z12", "over": 20},
    {"kind": "count_under", "zone": "z13", "under": 2},
    {"kind": "crowd", "zone": "z14", "over": 15},
    {"kind": "queue", "zone": "z15", "over": 8},
    {"kind": "fall_in_count", "zone": "z16", "fall_by": 10},
    {"kind": "enter", "zone": "z17", "min_score": 0.5, "classes": ["person"]},
)


def command(
    tracks: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    zones: Annotated[int, typer.Option(min=17, max=200)] = 20,
    steps: Annotated[int, typer.Option(min=100, help="Of each of five runs.")] = 1000,
) -> None:
    """Measure 20 rules over walking and driving tracks: median of five runs, CPU time."""
    found, events = step_ms(tracks, zones, steps)
    print(
        f"{tracks} tracks, {zones} zones, {len(_RULES)} rules: {found:.3f} ms a frame "
        f"({events:.2f} events a frame)"
    )


def step_ms(tracks: int, zones: int, steps: int, runs: int = 5) -> tuple[float, float]:
    """Return the CPU milliseconds of a step, and how many events it tells."""
    book = write_book(_camera(zones), classes=_CLASSES, model_id="bench")
    active = np.ones(len(book.rules), np.bool_)
    found, told = [], 0
    for run in range(runs):
        frames = _walk(tracks, steps, np.random.default_rng(run))
        spent, events = _run(book, frames, active)
        found.append(spent / steps * 1e3)
        told += events
    return statistics.median(found), told / runs / steps


def _run(
    book: RuleBook, frames: list[Tracks], active: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> tuple[float, int]:
    state, told = begin(book), 0
    began = time.thread_time()
    for frame in frames:
        state, events = step(state, frame, book, active)
        told += len(events)
    return time.thread_time() - began, told


def _camera(zones: int) -> CameraSettings:
    """Return a camera whose zones are hexagons spread over its picture."""
    across = math.ceil(math.sqrt(zones))
    polygons = []
    for number in range(zones):
        x, y = (number % across + 0.5) / across, (number // across + 0.5) / across
        corners = [math.tau * k / 6 for k in range(6)]
        polygons.append(
            [[x + 0.45 / across * math.cos(a), y + 0.45 / across * math.sin(a)] for a in corners]
        )
    return CameraSettings.model_validate(
        {
            "id": "bench",
            "url": "bench.mp4",
            "ring": "urban",
            "layer": "panoramic",
            "zones": [{"id": f"z{k + 1}", "polygon": p} for k, p in enumerate(polygons)],
            "lines": [
                {"id": f"l{k}", "points": [[0.25 * k, 0.1], [0.25 * k, 0.9]]} for k in (1, 2, 3)
            ],
            "ground": {
                "image": [[0.3, 0.3], [0.7, 0.3], [0.95, 0.95], [0.05, 0.95]],
                "metres": [[0, 40], [15, 40], [15, 0], [0, 0]],
            },
            "rules": [{"id": f"r{k}", **rule} for k, rule in enumerate(_RULES)],
        }
    )


def _walk(tracks: int, steps: int, rng: np.random.Generator) -> list[Tracks]:
    """Return what a tracker tells of bodies that walk about the picture; one ends every 2 s."""
    wh = np.column_stack([rng.uniform(20, 80, tracks), rng.uniform(50, 200, tracks)])
    place = rng.uniform((0, 0), _WH, (tracks, 2))
    speed = rng.normal(0, 12, (tracks, 2))
    class_id = rng.integers(0, 2, tracks).astype(np.int32)
    ids, last = np.arange(1, tracks + 1), np.zeros(tracks, np.int64)
    frames = []
    for number in range(steps):
        ref = _ref(number)
        if number % 10 == 9:  # the oldest goes, a new one comes
            ids = np.append(ids[1:], ids[-1] + 1)
            place = np.roll(place, -1, axis=0)
            place[-1] = rng.uniform((0, 0), _WH)
        place = place + speed
        speed = np.where((place < 0) | (place > _WH), -speed, speed)
        matched = rng.random(tracks) > _COASTING
        last = np.where(matched, ref.pts_ns, last)
        xyxy = np.concatenate([place - wh / 2, place + wh / 2], 1) + rng.normal(0, 2, (tracks, 4))
        frames.append(
            Tracks(
                ref=ref,
                track_id=ids.copy(),
                xyxy=xyxy.astype(np.float32),
                class_id=class_id,
                score=rng.uniform(0.4, 0.95, tracks).astype(np.float32),
                det_row=np.where(matched, 0, -1).astype(np.int32),
                confirmed=np.ones(tracks, np.bool_),
                stationary=np.zeros(tracks, np.bool_),
                first_pts_ns=np.zeros(tracks, np.int64),
                last_pts_ns=last,
                removed_id=np.empty(0, np.int64),
            )
        )
    return frames


def _ref(step: int) -> FrameRef:
    at = step * _PERIOD_NS
    return FrameRef("bench", 1, step, at, at, at, ClockSource.ARRIVAL, True, _WH)
