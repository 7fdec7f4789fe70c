"""Cells on the ground: rows and columns between four edges, or polygons by their ids. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.geometry.areas import Area, contains
from edge_agent.types import Point

_NAME = re.compile(r"R(\d{1,4})C(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows from north to south and columns from west to east, counted from 1: `R03C12`."""

    rows: int
    columns: int
    south: float
    west: float
    north: float
    east: float

    def cell_at(self, point: Point) -> str | None:
        """Return the cell of (lon, lat), None outside of the grid."""
        across = (point[0] - self.west) / (self.east - self.west)
        down = (self.north - point[1]) / (self.north - self.south)
        if not (0 <= across <= 1 and 0 <= down <= 1):
            return None
        row, column = (
            min(int(share * count), count - 1) + 1
            for share, count in ((down, self.rows), (across, self.columns))
        )
        return self._name(row, column)

    def __contains__(self, cell: str) -> bool:
        found = _NAME.fullmatch(cell)
        if found is None:
            return False
        row, column = map(int, found.groups())
        within = 1 <= row <= self.rows and 1 <= column <= self.columns
        return within and cell == self._name(row, column)

    def _name(self, row: int, column: int) -> str:
        digits = (max(2, len(str(self.rows))), max(2, len(str(self.columns))))
        return f"R{row:0{digits[0]}}C{column:0{digits[1]}}"


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Polygons of a site's own grid file, by the cell's id."""

    areas: Mapping[str, Area]

    def cell_at(self, point: Point) -> str | None:
        """Return the cell of (lon, lat), None outside of all."""
        return next((name for name, area in self.areas.items() if contains(area, point)), None)

    def __contains__(self, cell: str) -> bool:
        return cell in self.areas


Grid = Rows | Cells
