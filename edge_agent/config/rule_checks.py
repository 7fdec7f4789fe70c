"""Whether a camera's zones, lines, ground and rules agree with one another.

Works on the merged tree, as `cross_checks.py` does: whatever has the wrong type is the shape's
matter and is passed over here.
"""

import math
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import numpy as np

from edge_agent.config.document import Document
from edge_agent.config.polygons import polygon_fault
from edge_agent.config.problems import Problem, shown
from edge_agent.config.toml_lines import KeyPath
from edge_agent.geometry import Homography, on_a_line, points_in_polygon
from edge_agent.settings import RuleKind
from edge_agent.settings.rules import KIND_KEYS, KIND_NEEDS
from edge_agent.types import Point

_HEADER = "[camera.ground]"
#: What lies on the edge of the picture is seen, whatever the homography rounds.
_ON_EDGE = 1e-6


def check_rules(document: Document, camera: KeyPath) -> Iterator[Problem]:
    """Return a problem for each value in the rules of the camera at `camera` that cannot be."""
    ground, problems = _ground(document, (*camera, "ground"))
    yield from problems
    has_ground = document.get(*camera, "ground") is not None
    for table, key, least in (("zones", "polygon", 3), ("lines", "points", 2)):
        for i in tables_of(document.get(*camera, table)):
            path = (*camera, table, i)
            yield from _place(document, path, key, least, ground, has_ground=has_ground)
    yield from _repeated_points(document, camera)
    for i in tables_of(document.get(*camera, "rules")):
        yield from _rule(document, camera, (*camera, "rules", i), ground, has_ground)


def tables_of(items: Any) -> list[int]:
    """Return which of a list's items are tables."""
    rows = items if isinstance(items, list) else []
    return [i for i, item in enumerate(rows) if isinstance(item, dict)]


def _ground(document: Document, path: KeyPath) -> tuple[Homography | None, list[Problem]]:
    """Return the ground, None where there is none or it is no good, and what is wrong with it."""
    image, metres = (_points(document.get(*path, key)) for key in ("image", "metres"))
    if image is None or metres is None or len(image) != 4 or len(metres) != 4:
        return None, []
    for key, points in (("image", image), ("metres", metres)):
        three = on_a_line(points)
        if three is not None:
            what = f"points {three} lie on a line: four points tell a ground only as corners"
            return None, [document.problem((*path, key), what)]
    try:
        return Homography(image, metres), []
    except ValueError:
        what = "goes round in another order than image: name the same four places in one order"
        return None, [document.problem((*path, "metres"), what)]


def _place(
    document: Document,
    path: KeyPath,
    key: str,
    least: int,
    ground: Homography | None,
    *,
    has_ground: bool,
) -> Iterator[Problem]:
    """Check a zone or line: in the picture or on the ground, and to be seen."""
    given = [k for k in (key, "ground") if document.get(*path, k) is not None]
    if not given:
        yield document.problem(path, f"needs {key} (in the picture) or ground (in metres)")
    elif len(given) == 2:
        yield document.problem((*path, "ground"), f"stands beside {key}; keep one of both")
    elif given == ["ground"]:
        if not has_ground:
            what = f"metres need {_HEADER}: four points of the picture whose place is known"
            yield document.problem((*path, "ground"), what)
            return
        metres = _points(document.get(*path, "ground"))
        if metres is None or len(metres) < least:
            return
        fault = polygon_fault(metres) if least == 3 else None
        if fault is None and ground is not None:
            fault = _unseen(ground, metres)
        if fault:
            yield document.problem((*path, "ground"), fault)


def _unseen(ground: Homography, metres: list[Point]) -> str | None:
    """Return why the picture does not show points of the ground."""
    seen = ground.to_picture(metres)
    for number, (x, y) in enumerate(seen.tolist(), 1):
        if math.isnan(x) or math.isnan(y):
            return f"point {number} {shown(list(metres[number - 1]))} lies behind the camera"
    low, high = seen.min(axis=0), seen.max(axis=0)
    if (high < -_ON_EDGE).any() or (low > 1 + _ON_EDGE).any():
        return "lies wholly outside of the picture"
    return None


def _repeated_points(document: Document, camera: KeyPath) -> Iterator[Problem]:
    """A line's neighbouring points, and a rule's arrow, must be two places."""
    lines = [(*camera, "lines", i) for i in tables_of(document.get(*camera, "lines"))]
    rules = [(*camera, "rules", i) for i in tables_of(document.get(*camera, "rules"))]
    keys = [(*path, key) for path in lines for key in ("points", "ground")]
    for path in [*keys, *((*rule, "arrow") for rule in rules)]:
        points = _points(document.get(*path)) or []
        for number in range(1, len(points)):
            if points[number] == points[number - 1]:
                what = f"point {number + 1} repeats point {number}: a line of length zero"
                yield document.problem(path, what)
                break


def _rule(
    document: Document, camera: KeyPath, path: KeyPath, ground: Homography | None, has_ground: bool
) -> Iterator[Problem]:
    for key, table in (("zone", "zones"), ("line", "lines")):
        yield from _known(document, camera, (*path, key), table)
    word = document.get(*path, "kind")
    if not isinstance(word, str) or word not in set(RuleKind):
        return
    kind = RuleKind(word)
    yield from _keys(document, path, kind)
    if kind is RuleKind.SPEED and not has_ground:
        what = f'kind = "speed" needs {_HEADER}: without it no distance is known'
        yield document.problem((*path, "kind"), what)
    if kind is RuleKind.CROWD:
        yield from _crowd(document, camera, path, ground, has_ground)
    if kind is RuleKind.QUEUE:
        yield from _head(document, camera, path)


def _known(
    document: Document, camera: KeyPath, path: KeyPath, table: str
) -> Iterator[Problem]:  # fmt: skip
    """Refuse the name of a zone or line that the camera does not have."""
    name = document.get(*path)
    rows = [document.get(*camera, table, i, "id") for i in tables_of(document.get(*camera, table))]
    ids = [row for row in rows if isinstance(row, str)]
    if not isinstance(name, str) or name in ids:
        return
    near = get_close_matches(name, ids, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    what = f"{shown(name)} is no {path[-1]} of this camera{hint}"
    yield document.problem(
        path, what, value=name, allowed=", ".join(ids) or f"add [[camera.{table}]]"
    )


def _keys(document: Document, path: KeyPath, kind: RuleKind) -> Iterator[Problem]:
    """Refuse keys that the kind does not use, and miss those that it needs."""
    used = KIND_KEYS[kind]
    others = {key for keys in KIND_KEYS.values() for key in keys} - set(used)
    for key in document.get(*path):
        if key in others:
            own = ", ".join(k for k in used if k not in ("id", "kind"))
            yield document.problem(
                (*path, key), f'has no effect with kind = "{kind}"', allowed=own
            )  # fmt: skip
    for key in KIND_NEEDS.get(kind, ()):
        if document.get(*path, key) is None:
            yield document.problem((*path, key), f'missing; kind = "{kind}" needs it')


def _crowd(
    document: Document, camera: KeyPath, path: KeyPath, ground: Homography | None, has_ground: bool
) -> Iterator[Problem]:
    over, dense = (document.get(*path, key) for key in ("over", "density_over"))
    if over is None and dense is None:
        yield document.problem(path, 'kind = "crowd" needs over, density_over or both')
    if dense is None:
        return
    key = (*path, "density_over")
    if not has_ground:
        yield document.problem(key, f"needs {_HEADER}: without it no area is known")
        return
    zone = document.get(*path, "zone")
    if zone is None:
        yield document.problem(key, "needs zone: the whole picture has no area on the ground")
        return
    polygon = _polygon_of(document, camera, zone)
    if polygon is None or ground is None:
        return
    if np.isnan(ground.to_ground(np.array(polygon))).any():
        what = f"zone {shown(zone)} reaches the horizon: it has no area on the ground"
        yield document.problem(key, what)


def _head(document: Document, camera: KeyPath, path: KeyPath) -> Iterator[Problem]:
    heads = _points([document.get(*path, "head")])
    polygon = _polygon_of(document, camera, document.get(*path, "zone"))
    if heads is None or polygon is None:
        return
    if not points_in_polygon(np.array(heads, np.float32), polygon)[0]:
        zone = shown(document.get(*path, "zone"))
        what = f"{shown(list(heads[0]))} lies outside of zone {zone}"
        yield document.problem((*path, "head"), what)


def _polygon_of(document: Document, camera: KeyPath, zone: Any) -> list[Point] | None:
    """Return the corners of a zone in the picture, None where they are in metres or no good."""
    for i in tables_of(document.get(*camera, "zones")):
        if document.get(*camera, "zones", i, "id") == zone:
            points = _points(document.get(*camera, "zones", i, "polygon"))
            return points if points is not None and len(points) >= 3 else None
    return None


def _points(value: Any) -> list[Point] | None:
    """Return a list of pairs of numbers as points, None where it is none."""
    if not isinstance(value, list):
        return None
    for item in value:
        if not (isinstance(item, list) and len(item) == 2):
            return None
        if not all(isinstance(x, int | float) and abs(x) <= 1e4 for x in item):
            return None
    return [(float(x), float(y)) for x, y in value]
