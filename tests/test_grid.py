"""The dispatch grid: which cell an event names."""

import json
from pathlib import Path

import pytest

from edge_agent.config import dispatch_grid, load
from edge_agent.geometry.cells import Rows
from edge_agent.types import Position, Ring
from tests.config_support import MINIMAL, write_site
from tests.rings_support import Walk

ROWS = Rows(rows=4, columns=10, south=31.0, west=121.0, north=31.4, east=122.0)
GRID = """
[grid]
rows = 4
columns = 10
south = 31.0
west = 121.0
north = 31.4
east = 122.0
"""


@pytest.mark.parametrize(
    ("lon", "lat", "cell"),
    [
        (121.05, 31.35, "R01C01"),  # the north-western one
        (121.95, 31.05, "R04C10"),
        (121.55, 31.15, "R03C06"),
        (121.0, 31.4, "R01C01"),  # the edges belong to the grid
        (122.0, 31.0, "R04C10"),
        (120.99, 31.2, None),
        (121.5, 31.41, None),
    ],
)
def test_a_place_lies_in_its_row_and_column(lon: float, lat: float, cell: str | None) -> None:
    assert ROWS.cell_at((lon, lat)) == cell
    assert cell is None or cell in ROWS


@pytest.mark.parametrize("cell", ["R00C01", "R05C01", "R01C11", "R1C1", "A-7", ""])
def test_a_cell_beyond_the_rows_is_none(cell: str) -> None:
    assert cell not in ROWS


def test_every_cell_finds_itself_also_with_three_digits() -> None:
    rows = Rows(rows=3, columns=120, south=0.0, west=0.0, north=3.0, east=120.0)
    names = [rows.cell_at((c + 0.5, r + 0.5)) for r in range(3) for c in range(120)]
    assert len(set(names)) == 360
    assert rows.cell_at((119.5, 0.5)) == "R03C120"
    assert all(name is not None and name in rows for name in names)


def cells(folder: Path, camera: str, grid: str = GRID) -> Walk:
    settings = load(write_site(folder, MINIMAL + camera + grid), {})
    return Walk(settings, 1_795_600_000_000_000_000, grid=dispatch_grid(settings))


@pytest.mark.parametrize(
    ("camera", "cell"),
    [
        ("lat = 31.15\nlon = 121.55\n", "R03C06"),
        ('cell = "R02C02"\n', "R02C02"),
        ('cell = "R02C02"\nlat = 31.15\nlon = 121.55\n', "R02C02"),  # what it says goes first
    ],
)
def test_an_event_names_the_cell_of_its_camera(tmp_path: Path, camera: str, cell: str) -> None:
    assert {event.grid for event in cells(tmp_path, camera).person(5)} == {cell}


def test_a_wide_view_names_the_cell_in_which_all_tracks_of_an_event_stand(tmp_path: Path) -> None:
    west = "[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]"
    east = "[[0.6, 0], [1, 0], [1, 1], [0.6, 1]]"
    parts = f'[{{ cell = "R01C01", polygon = {west} }}, {{ cell = "R01C02", polygon = {east} }}]'
    walk = cells(tmp_path, f'cell = "R03C03"\ncells = {parts}\n')
    assert [e.grid for e in walk.look({1: (0.2, 0.5)})] == ["R01C01"]
    assert [e.grid for e in walk.look({1: (0.2, 0.5), 2: (0.8, 0.5)})] == ["R01C02"]
    assert [e.grid for e in walk.look({1: (0.2, 0.5), 2: (0.8, 0.5), 3: (0.55, 0.5)})] == ["R03C03"]
    walk.clock.advance(2)
    walk.frame += 10
    assert [e.grid for e in walk.look({1: (0.3, 0.5), 2: (0.9, 0.5)})][-1] == "R03C03"  # both


def test_polygons_of_a_file_are_cells_and_a_moving_camera_changes_its_own(tmp_path: Path) -> None:
    def feature(properties: dict[str, str], west: float) -> dict:
        east = west + 0.1
        loop = [[west, 31.0], [east, 31.0], [east, 31.1], [west, 31.1], [west, 31.0]]
        geometry = {"type": "Polygon", "coordinates": [loop]}
        return {"type": "Feature", "properties": properties, "geometry": geometry}

    def write(name: str, *features: dict) -> None:
        tree = {"type": "FeatureCollection", "features": list(features)}
        (tmp_path / name).write_text(json.dumps(tree))

    write("grid.geojson", feature({"cell": "A-7"}, 121.0), feature({"cell": "A-8"}, 121.1))
    write("rings.geojson", feature({"ring": "urban"}, 121.0))
    more = '\n[[positions]]\nid = "van"\n[rings]\nfile = "rings.geojson"\n'
    grid = '[grid]\nfile = "grid.geojson"\n'
    walk = cells(tmp_path, 'position = "van"\n', more + grid)
    told = [walk.person(5)[0].grid]
    for lon in (121.05, 121.15, 121.35):
        walk.pipeline.moved(Ring.URBAN, Position(31.05, lon, 0), None)
        walk.clock.advance(2)
        walk.frame += 10
        told.append(walk.person(1)[0].grid)
    assert told == [None, "A-7", "A-8", None]
