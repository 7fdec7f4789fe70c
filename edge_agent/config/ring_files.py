"""The ring polygons and the grid of a site, from the files that loading has checked."""

from edge_agent.config.area_checks import cell_word, ring_word
from edge_agent.config.geojson import load_areas
from edge_agent.geometry.areas import Area
from edge_agent.geometry.cells import Cells, Grid
from edge_agent.settings import AgentSettings
from edge_agent.types import Ring


def ring_areas(settings: AgentSettings) -> dict[Ring, Area]:
    """Return where the rings lie, nothing where no file says it. Raises: ConfigError."""
    file = settings.rings.file
    areas = {} if file is None else load_areas(file, "ring", ring_word)
    return {Ring(name): area for name, area in areas.items()}


def dispatch_grid(settings: AgentSettings) -> Grid | None:
    """Return the site's grid, None where it has none. Raises: ConfigError."""
    if settings.grid.file is None:
        return settings.grid.cells()
    return Cells(load_areas(settings.grid.file, "cell", cell_word))
