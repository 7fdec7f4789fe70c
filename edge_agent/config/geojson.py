"""Areas from a GeoJSON file: polygons and multipolygons with holes, named by a property.

Source: RFC 7946. Coordinates are longitude and latitude in WGS 84; CGCS2000 differs from it by
centimetres and passes. The shifted coordinates of some map services (GCJ-02, BD-09) cannot be
told from true ones.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_agent.config.problems import shown
from edge_agent.errors import ConfigError
from edge_agent.geometry.areas import Area, Loop, build_area, crossing_edges

_MAX_BYTES = 16_000_000
_SAME_CRS = ("CRS84", "EPSG::4326", "EPSG:4326", "EPSG::4490", "EPSG:4490")
#: What a property must hold: None where it is good, else the words of what is allowed.
NameCheck = Callable[[str], str | None]


class _Broken(Exception):
    """What is wrong with a feature, in words that follow its number."""


def read_areas(
    file: Path, name_of: str, check: NameCheck, *, once: bool = False
) -> tuple[dict[str, Area], list[str]]:
    """Return the areas of a file by the property `name_of`, and what is wrong with the file.

    Features with one name make one area; with `once` each name may stand only once.
    Raises: OSError where the file cannot be read.
    """
    try:
        features = _features(file)
    except _Broken as fault:
        return {}, [str(fault)]
    polygons: dict[str, list[list[Loop]]] = {}
    first: dict[str, int] = {}
    faults = []
    for number, feature in enumerate(features, start=1):
        try:
            name = _name(feature, name_of, check)
            if once and name in first:
                raise _Broken(f"the {name_of} {shown(name)} is taken by feature {first[name]}")
            first.setdefault(name, number)
            polygons.setdefault(name, []).extend(_polygons(feature))
        except _Broken as fault:
            faults.append(f"feature {number}: {fault}")
    return {name: build_area(name, loops) for name, loops in polygons.items() if loops}, faults


def load_areas(file: Path, name_of: str, check: NameCheck) -> dict[str, Area]:
    """Return the areas of a file that was checked before. Raises: ConfigError."""
    try:
        areas, faults = read_areas(file, name_of, check)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    if faults:
        raise ConfigError("\n".join(f"{file}: {fault}" for fault in faults))
    return areas


def _features(file: Path) -> list[Any]:
    with file.open("rb") as stream:
        content = stream.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise _Broken(f"larger than {_MAX_BYTES} bytes; simplify its borders")
    try:
        tree = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _Broken("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _Broken(f"line {error.lineno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise _Broken("is not JSON: nested too deeply") from None
    kind = tree.get("type") if isinstance(tree, dict) else None
    if kind != "FeatureCollection" or not isinstance(tree.get("features"), list):
        seen = f"its type is {shown(kind)}" if isinstance(kind, str) else "it has no type"
        raise _Broken(f"is no GeoJSON FeatureCollection: {seen}")
    _check_crs(tree.get("crs"))
    if not tree["features"]:
        raise _Broken("holds no feature")
    return list(tree["features"])


def _check_crs(crs: Any) -> None:
    """Refuse the old member `crs` where it names other coordinates."""
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if isinstance(name, str) and not name.endswith(_SAME_CRS):
        raise _Broken(f"its crs is {shown(name)}; export it again in WGS 84 (EPSG:4326)")


def _name(feature: Any, key: str, check: NameCheck) -> str:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise _Broken("is no GeoJSON Feature")
    properties = feature.get("properties")
    name = properties.get(key) if isinstance(properties, dict) else None
    if name is None:
        raise _Broken(f"has no property {key}")
    allowed = check(name) if isinstance(name, str) else check("")
    if allowed is not None:
        raise _Broken(f"its {key} {shown(name)} is not allowed; allowed: {allowed}")
    return str(name)


def _polygons(feature: dict[str, Any]) -> Iterator[list[Loop]]:
    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        seen = f"a {kind} has no area" if isinstance(kind, str) else "has no geometry"
        raise _Broken(f"{seen}; allowed: Polygon, MultiPolygon")
    parts = [coordinates] if kind == "Polygon" else coordinates
    for part in parts if isinstance(parts, list) else [None]:
        if not isinstance(part, list) or not part:
            raise _Broken("a polygon is a list of loops of [longitude, latitude]")
        yield [_loop(loop, f"loop {number}") for number, loop in enumerate(part, start=1)]


def _loop(points: Any, where: str) -> Loop:
    if not isinstance(points, list) or len(points) < 4:
        raise _Broken(f"{where} has fewer than 4 points; the last one repeats the first")
    loop = [_point(point, f"{where}, point {number}") for number, point in enumerate(points, 1)]
    if loop[0] != loop[-1]:
        raise _Broken(f"{where} is not closed: its last point is not its first")
    corners = tuple(point for at, point in enumerate(loop[:-1]) if point != loop[at + 1])
    if len(corners) < 3:
        raise _Broken(f"{where} has no area")
    longitudes = [lon for lon, _ in corners]
    if max(longitudes) - min(longitudes) > 180:
        raise _Broken(f"{where} crosses the 180th meridian; cut it there")
    crossing = crossing_edges(corners)
    if crossing is not None:
        raise _Broken(f"{where}: edges {crossing[0]} and {crossing[1]} cross or touch")
    return corners


def _point(point: Any, where: str) -> tuple[float, float]:
    if not isinstance(point, list) or len(point) < 2 or not all(map(_is_number, point[:2])):
        raise _Broken(f"{where} is not [longitude, latitude]")
    lon, lat = float(point[0]), float(point[1])
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise _Broken(f"{where}: {lon:g}, {lat:g} is no longitude and latitude in degrees")
    return lon, lat


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
