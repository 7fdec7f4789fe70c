"""Whether the levels of each perimeter lie inside one another, in every camera that has parts."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from edge_agent.config.area_checks import points_at, polygon_fault_at
from edge_agent.config.cross_checks import camera_paths
from edge_agent.config.document import Document
from edge_agent.config.problems import Problem, shown
from edge_agent.config.toml_lines import KeyPath
from edge_agent.geometry import points_in_polygon
from edge_agent.settings.rings import PerimeterSettings
from edge_agent.types import Point

_LEVELS = list(PerimeterSettings.model_fields["levels"].default)
Part = tuple[KeyPath, Sequence[Point]]


def check_perimeters(document: Document) -> Iterator[Problem]:
    """Give a problem for each perimeter whose names or polygons do not fit."""
    cameras = [document.get(*path, "id") for path in camera_paths(document)]
    items = document.get("perimeters")
    first: dict[str, KeyPath] = {}
    for i, item in enumerate(items if isinstance(items, list) else []):
        if not isinstance(item, dict):
            continue
        path: KeyPath = ("perimeters", i)
        name = item.get("id")
        if isinstance(name, str) and first.setdefault(name, path) != path:
            what = f"{shown(name)} is taken by line {document.line((*first[name], 'id'))}"
            yield document.problem((*path, "id"), f"{what}; each id must be unique", value=name)
        yield from _perimeter(document, path, cameras)


def _perimeter(document: Document, path: KeyPath, cameras: list[Any]) -> Iterator[Problem]:
    levels = document.get(*path, "levels")
    levels = _LEVELS if levels is None else levels
    if not isinstance(levels, list) or not all(isinstance(level, str) for level in levels):
        return
    for at, level in enumerate(levels):
        if level in levels[:at]:
            yield document.problem((*path, "levels", at), f"the level {shown(level)} stands twice")
    worth = document.get(*path, "severities")
    if isinstance(worth, list) and len(worth) != len(levels):
        what = f"{len(worth)} severities for {len(levels)} levels; give one for each"
        yield document.problem((*path, "severities"), what)
    parts: dict[str, dict[str, list[Part]]] = {}
    items = document.get(*path, "parts")
    for i, part in enumerate(items if isinstance(items, list) else []):
        if isinstance(part, dict):
            place = (*path, "parts", i)
            faults = list(_part(document, place, part, levels, cameras))
            yield from faults
            points = points_at(document, (*place, "polygon"))
            if not faults and points is not None:
                by_level = parts.setdefault(str(part.get("camera")), {})
                by_level.setdefault(str(part.get("level")), []).append((place, points))
    for camera, by_level in parts.items():
        yield from _nesting(document, camera, by_level, levels)


def _part(
    document: Document,
    place: KeyPath,
    part: dict[str, Any],
    levels: list[str],
    cameras: list[Any],
) -> Iterator[Problem]:
    camera, level = part.get("camera"), part.get("level")
    if isinstance(camera, str) and camera not in cameras:
        what = f"no camera has the id {shown(camera)}"
        yield document.problem((*place, "camera"), what, value=camera)
    if isinstance(level, str) and level not in levels:
        what = f"the perimeter has no level {shown(level)}"
        yield document.problem((*place, "level"), what, value=level, allowed=", ".join(levels))
    fault = polygon_fault_at(document, (*place, "polygon"))
    if fault:
        yield document.problem((*place, "polygon"), fault)


def _nesting(
    document: Document, camera: str, by_level: dict[str, list[Part]], levels: list[str]
) -> Iterator[Problem]:
    """Each part must lie inside one part of the next level out that the camera shows."""
    present = [level for level in levels if level in by_level]
    for outer, inner in pairwise(present):
        for place, points in by_level[inner]:
            faults = [_outside(points, around) for _, around in by_level[outer]]
            if all(faults):
                what = (
                    f"level {inner} does not lie inside level {outer} of camera {camera}: "
                    f"{faults[0]}"
                )
                yield document.problem((*place, "polygon"), what)


def _outside(inner: Sequence[Point], outer: Sequence[Point]) -> str | None:
    """Return where `inner` leaves `outer`, None where it lies inside; borders may be shared."""
    inside = points_in_polygon(np.array(inner, np.float64), outer)
    for number, (point, is_in) in enumerate(zip(inner, inside.tolist(), strict=True), start=1):
        if not is_in:
            return f"its point {number}, [{point[0]:g}, {point[1]:g}], is outside"
    for i, a in enumerate(inner):
        b = inner[(i + 1) % len(inner)]
        for j, c in enumerate(outer):
            if _cross(a, b, c, outer[(j + 1) % len(outer)]):
                return f"its edge {i + 1} crosses edge {j + 1} of the outer one"
    return None


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Return whether the segments a-b and c-d cross; one that only touches does not."""
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Point, b: Point, c: Point) -> float:
    """Return twice the signed area of a-b-c, 0 where it is no more than rounding."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return area if abs(area) > 1e-9 else 0.0
