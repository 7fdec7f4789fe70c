"""The exact truth of a clip, and its file: JSON Lines, described in `docs/scenes.md`."""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge_agent.errors import UsageError
from edge_agent.geometry import points_in_polygon
from edge_agent.scenes.stage import Gate
from edge_agent.scenes.view import Pose
from edge_agent.types import Json, Point, Wh

FORMAT = "edge-agent scene truth 1"


@dataclass(frozen=True, slots=True)
class ObjectTruth:
    """One person or vehicle in one frame."""

    id: int  # kept over the whole clip
    object_class: str  # person or vehicle
    subclass: str | None
    xyxy: tuple[float, float, float, float]  # px, hidden parts included, cut at the picture
    visible: float  # part of the body's pixels that are neither hidden nor outside
    contrast: float  # grey levels by which it differs from what is behind it, before the lens
    ground: Point  # m, the middle of the body on the ground
    heading: float  # degrees, 0 along x, 90 along y
    speed: float  # m/s
    carrier: int | None = None  # the motorcycle that a rider sits on


@dataclass(frozen=True, slots=True)
class Crossing:
    """A gate that was crossed since the frame before."""

    gate: str
    id: int
    direction: str  # in or out


@dataclass(frozen=True, slots=True)
class FrameTruth:
    index: int
    time_s: float
    pose: Pose
    objects: tuple[ObjectTruth, ...]
    crossings: tuple[Crossing, ...]


@dataclass(frozen=True, slots=True)
class ClipTruth:
    """The head of the file, and all frames."""

    scene: dict[str, Json]  # name and knobs
    seed: int
    fps: float
    wh: Wh
    codec: str
    gates: tuple[Gate, ...]
    gates_px: tuple[tuple[Point | None, ...], ...]  # the gates in the first frame
    frames: tuple[FrameTruth, ...]


def crossings_between(
    gates: Sequence[Gate], before: dict[int, Point], now: dict[int, Point]
) -> tuple[Crossing, ...]:
    """Return which of the bodies present in both frames crossed which gates in between."""
    found = []
    for gate in gates:
        for body, b in now.items():
            a = before.get(body)
            direction = _crossed(gate, a, b) if a is not None else None
            if direction:
                found.append(Crossing(gate.name, body, direction))
    return tuple(found)


def _crossed(gate: Gate, a: Point, b: Point) -> str | None:
    if a == b:
        return None
    if gate.closed:
        inside = points_in_polygon(np.array([a, b], np.float32), gate.points)
        return None if inside[0] == inside[1] else "in" if inside[1] else "out"
    p, q = gate.points
    side_a, side_b = _side(p, q, a), _side(p, q, b)
    if (side_a > 0) == (side_b > 0) or (_side(a, b, p) > 0) == (_side(a, b, q) > 0):
        return None
    return "in" if side_a > 0 else "out"


def _side(p: Point, q: Point, x: Point) -> float:
    """Return a positive number if `x` lies left of the way from `p` to `q`."""
    return (q[0] - p[0]) * (x[1] - p[1]) - (q[1] - p[1]) * (x[0] - p[0])


def write_truth(truth: ClipTruth, path: Path) -> None:
    """Write the file, compressed if its name ends in `.gz`."""
    head = asdict(truth)
    del head["frames"]
    lines = [{"format": FORMAT, **head}, *(_frame_line(frame) for frame in truth.frames)]
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines) + "\n"
    if path.suffix == ".gz":
        # A time or a name in the head would make equal truths unequal files.
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text)


def _frame_line(frame: FrameTruth) -> dict[str, Json]:
    return {
        "index": frame.index,
        "time_s": round(frame.time_s, 6),
        "pose": [round(value, 4) for value in asdict(frame.pose).values()],
        "objects": [
            {
                "id": o.id,
                "class": o.object_class,
                "subclass": o.subclass,
                "xyxy": [round(value, 2) for value in o.xyxy],
                "visible": round(o.visible, 3),
                "contrast": round(o.contrast, 1),
                "ground": [round(value, 3) for value in o.ground],
                "heading": round(o.heading, 1),
                "speed": round(o.speed, 3),
                **({} if o.carrier is None else {"carrier": o.carrier}),
            }
            for o in frame.objects
        ],
        "crossings": [asdict(crossing) for crossing in frame.crossings],
    }


def read_truth(path: Path) -> ClipTruth:
    """Return what `write_truth` wrote, to the file's digits.

    Raises: UsageError naming a file of another format.
    """
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    lines = [json.loads(line) for line in text.decode().splitlines()]
    if not lines or lines[0].get("format") != FORMAT:
        raise UsageError(f"truth {path.name}: its first line does not say {FORMAT!r}; not read")
    head = lines[0]
    gates = tuple(Gate(g["name"], _points(g["points"])) for g in head["gates"])
    gates_px = tuple(
        tuple(None if p is None else (p[0], p[1]) for p in gate) for gate in head["gates_px"]
    )
    return ClipTruth(
        head["scene"], head["seed"], head["fps"], (head["wh"][0], head["wh"][1]), head["codec"],
        gates, gates_px, tuple(_frame_of(line) for line in lines[1:]),
    )  # fmt: skip


def _points(rows: Iterable[Sequence[float]]) -> tuple[Point, ...]:
    return tuple((row[0], row[1]) for row in rows)


def _frame_of(line: dict[str, Json]) -> FrameTruth:
    objects = tuple(
        ObjectTruth(
            o["id"], o["class"], o["subclass"], tuple(o["xyxy"]), o["visible"], o["contrast"],
            (o["ground"][0], o["ground"][1]), o["heading"], o["speed"], o.get("carrier"),
        )
        for o in line["objects"]
    )  # fmt: skip
    crossings = tuple(Crossing(**crossing) for crossing in line["crossings"])
    return FrameTruth(line["index"], line["time_s"], Pose(*line["pose"]), objects, crossings)
