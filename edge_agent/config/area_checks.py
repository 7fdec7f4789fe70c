"""Whether the ring polygons and the dispatch grid are sound, and give each camera its place."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from edge_agent.config.cross_checks import camera_paths
from edge_agent.config.document import Document
from edge_agent.config.geojson import read_areas
from edge_agent.config.polygons import polygon_fault
from edge_agent.config.problems import Problem, shown
from edge_agent.config.toml_lines import KeyPath
from edge_agent.geometry.areas import Area, overlap_point
from edge_agent.geometry.cells import Cells, Grid, Rows
from edge_agent.settings.words import Name
from edge_agent.types import Ring

_RINGS = ", ".join(ring.value for ring in Ring)
_NAME = "1 to 63 letters, digits, dots, underscores or hyphens, beginning with a letter or digit"
_CELL: TypeAdapter[str] = TypeAdapter(Name)
_EDGES = ("south", "west", "north", "east")


def ring_word(name: str) -> str | None:
    """Return what a ring may be called, None where `name` is one."""
    return None if name in tuple(Ring) else f"one of {_RINGS}"


def cell_word(name: str) -> str | None:
    """Return what a cell may be called, None where `name` is good."""
    try:
        _CELL.validate_python(name)
    except ValidationError:
        return _NAME
    return None


def check_ring_file(document: Document) -> Iterator[Problem]:
    """Look at the ring polygons: each place belongs to one ring at most."""
    key = ("rings", "file")
    if document.get(*key) is None:
        if document.get("rings", "outside") is not None:
            yield document.problem(("rings", "outside"), "has no effect without file")
        return
    areas = yield from _read(document, key, "ring", ring_word)
    for (one, a), (other, b) in combinations((areas or {}).items(), 2):
        point = overlap_point(a, b)
        if point is not None:
            what = (
                f"the rings {one} and {other} overlap near latitude {point[1]:.5f}, longitude "
                f"{point[0]:.5f}; a place belongs to one ring"
            )
            yield document.problem(key, f"{_file_name(document, key)}: {what}")


def check_grid(document: Document) -> Iterator[Problem]:
    """Look at the grid, and that every camera has a cell of it."""
    grid = yield from _grid(document)
    table = document.get("grid")
    has_grid = isinstance(table, dict) and bool(table)
    for path in camera_paths(document):
        if not has_grid:
            for key in ("cell", "cells"):
                if document.get(*path, key):
                    yield document.problem((*path, key), "has no effect without [grid]")
        elif grid is not None:
            yield from _camera_cells(document, path, grid)


def _read(
    document: Document,
    key: KeyPath,
    name_of: str,
    check: Callable[[str], str | None],
    *,
    once: bool = False,
) -> Any:
    """Give the problems of the file at `key`; return its areas, None where it has problems."""
    text = document.get(*key)
    try:
        areas, faults = read_areas(Path(text), name_of, check, once=once)
    except (OSError, TypeError, ValueError):
        return None  # the path's matter
    for fault in faults:
        yield document.problem(key, f"{_file_name(document, key)}: {fault}")
    return None if faults else areas


def _file_name(document: Document, key: KeyPath) -> str:
    return Path(document.get(*key)).name


def _grid(document: Document) -> Any:
    """Give what is wrong with [grid]; return the grid, None where it is not known."""
    table: KeyPath = ("grid",)
    sides = {key: document.get(*table, key) for key in ("rows", "columns", *_EDGES)}
    if document.get(*table, "file") is not None:
        for key, value in sides.items():
            if value is not None:
                yield document.problem((*table, key), "has no effect beside file")
        areas: Mapping[str, Area] | None = yield from _read(
            document, (*table, "file"), "cell", cell_word, once=True
        )
        return None if areas is None else Cells(areas)
    given = [key for key, value in sides.items() if value is not None]
    if not given:
        return None
    missing = [key for key in sides if key not in given]
    if missing:
        what = f"rows and columns need all of {', '.join(sides)}; missing: {', '.join(missing)}"
        yield document.problem((*table, given[0]), what)
        return None
    if not all(isinstance(value, int | float) for value in sides.values()):
        return None
    if not all(1 <= sides[key] <= 1000 for key in ("rows", "columns")):
        return None  # the shape's matter, as are edges beyond the earth
    for low, high in (("south", "north"), ("west", "east")):
        if sides[low] >= sides[high]:
            yield document.problem((*table, low), f"{low} is not below {high}")
            return None
    return Rows(int(sides["rows"]), int(sides["columns"]), *(float(sides[key]) for key in _EDGES))


def _camera_cells(document: Document, path: KeyPath, grid: Grid) -> Iterator[Problem]:
    cell, lat, lon = (document.get(*path, key) for key in ("cell", "lat", "lon"))
    if isinstance(cell, str):
        if cell not in grid:
            yield document.problem((*path, "cell"), f"the grid has no cell {shown(cell)}")
    elif isinstance(lat, int | float) and isinstance(lon, int | float):
        if grid.cell_at((lon, lat)) is None:
            what = f"no cell of the grid holds latitude {lat:g}, longitude {lon:g}"
            yield document.problem((*path, "lat"), what)
    elif document.get(*path, "position") is None:
        what = "the camera has no cell of the grid; give cell, or lat and lon"
        yield document.problem(path, what)
    parts = document.get(*path, "cells")
    for i, part in enumerate(parts if isinstance(parts, list) else []):
        name = part.get("cell") if isinstance(part, dict) else None
        if isinstance(name, str) and name not in grid:
            yield document.problem(
                (*path, "cells", i, "cell"), f"the grid has no cell {shown(name)}"
            )
        fault = polygon_fault_at(document, (*path, "cells", i, "polygon"))
        if fault:
            yield document.problem((*path, "cells", i, "polygon"), fault)


def polygon_fault_at(document: Document, path: KeyPath) -> str | None:
    """Return what is wrong with the polygon at `path`; None also where it is the shape's matter."""
    points = points_at(document, path)
    return None if points is None else polygon_fault(points)


def points_at(document: Document, path: KeyPath) -> list[tuple[float, float]] | None:
    """Return the polygon at `path`, None where it is none."""
    value = document.get(*path)
    if not isinstance(value, list) or len(value) < 3:
        return None
    for point in value:
        good = isinstance(point, list) and len(point) == 2
        if not good or not all(isinstance(x, int | float) and 0 <= x <= 1 for x in point):
            return None
    return [(float(x), float(y)) for x, y in value]
