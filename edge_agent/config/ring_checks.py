"""Whether rings, schedules, positions, perimeters and the grid agree, with their files too.

As in `cross_checks.py`, this works on the merged tree, and what has the wrong type is the
shape's matter. The files named are read here; that they can be is `files.py`'s matter.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from edge_agent.config.area_checks import check_grid, check_ring_file
from edge_agent.config.cross_checks import camera_paths
from edge_agent.config.document import Document
from edge_agent.config.perimeter_checks import check_perimeters
from edge_agent.config.problems import Problem, shown
from edge_agent.config.toml_lines import KeyPath
from edge_agent.settings.hours import ALWAYS, NEVER
from edge_agent.settings.rings import DEFAULT_LISTEN, PositionKind
from edge_agent.types import Ring

#: Keys that name a schedule or hold hours, wherever they stand.
_TIMES_KEYS = ("schedule", "quiet_hours", "hours")


def check_rings(document: Document) -> list[Problem]:
    """Return a problem for each thing that does not fit; call it once paths are settled."""
    return [
        *_timezone(document),
        *_site_position(document),
        *_schedules(document),
        *_references(document),
        *_policies(document),
        *_positions(document),
        *_moving_cameras(document),
        *check_ring_file(document),
        *check_perimeters(document),
        *check_grid(document),
    ]


def table_paths(document: Document, *path: str | int) -> list[KeyPath]:
    """Return the path of each table in the list at `path`."""
    items = document.get(*path)
    rows = items if isinstance(items, list) else []
    return [(*path, i) for i, item in enumerate(rows) if isinstance(item, dict)]


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _timezone(document: Document) -> Iterator[Problem]:
    name = document.get("timezone")
    if not isinstance(name, str):
        return
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        if not _zone_names():
            what = "this machine has no time zone database; install the Debian package tzdata"
        else:
            near = get_close_matches(name, _zone_names(), n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            what = f"{shown(name)} is not in the time zone database{hint}"
        yield document.problem(("timezone",), what, value=shown(name))


def _site_position(document: Document) -> Iterator[Problem]:
    for one, other in (("lat", "lon"), ("lon", "lat")):
        table: KeyPath = ("site_position",)
        if document.get(*table, one) is not None and document.get(*table, other) is None:
            yield document.problem((*table, one), f"needs {other} beside it")


def _schedules(document: Document) -> Iterator[Problem]:
    yield from unique_ids(document, "schedules")
    for path in table_paths(document, "schedules"):
        name = document.get(*path, "id")
        if name in (ALWAYS, NEVER):
            what = f"{shown(name)} is a schedule of its own; choose another id"
            yield document.problem((*path, "id"), what)
        days = document.get(*path, "days")
        if isinstance(days, list):
            yield from _repeated(document, (*path, "days"), days)
        start, end = document.get(*path, "start"), document.get(*path, "end")
        if isinstance(start, str) and start == end:
            what = (
                f"start and end are both {start}, which is no time; a whole day is 00:00 to 24:00"
            )
            yield document.problem((*path, "end"), what)
        for key in ("start", "end"):
            if _has_sun(document.get(*path, key)) and not _knows_sun(document):
                yield document.problem((*path, key), _NEEDS_SUN)


_NEEDS_SUN = "sunrise and sunset need to know where: give lat and lon in [site_position]"
_NEEDS_ZONE = 'hours need the site\'s time zone: write timezone = "Asia/Shanghai", or what it is, '
_NEEDS_ZONE += "above the first table"


def _has_sun(moment: object) -> bool:
    return isinstance(moment, str) and "sun" in moment


def _knows_sun(document: Document) -> bool:
    return all(document.get("site_position", key) is not None for key in ("lat", "lon"))


def _references(document: Document) -> Iterator[Problem]:
    """Look at every key that names a schedule: it must be there, and its hours be known."""
    ids = [document.get(*path, "id") for path in table_paths(document, "schedules")]
    for path in _times_paths(document):
        times = document.get(*path)
        start, to, end = times.partition(" to ")
        if times in (ALWAYS, NEVER):
            continue
        if not to and times not in ids:
            known = ", ".join([*map(str, ids), ALWAYS, NEVER])
            what = f"no schedule has the id {shown(times)}"
            yield document.problem(path, what, value=shown(times), allowed=known)
            continue
        if document.get("timezone") is None:
            yield document.problem(path, _NEEDS_ZONE)
        if to and start == end:
            yield document.problem(path, f"{shown(times)} is no time; for a whole day write always")
        if to and "sun" in times and not _knows_sun(document):
            yield document.problem(path, _NEEDS_SUN)


def _times_paths(document: Document) -> Iterator[KeyPath]:
    tables: list[KeyPath] = [("rings", ring.value) for ring in Ring]
    tables += table_paths(document, "perimeters")
    for camera in camera_paths(document):
        tables += [camera, (*camera, "policy"), *table_paths(document, *camera, "rules")]
    for table in tables:
        for key in _TIMES_KEYS:
            if isinstance(document.get(*table, key), str):
                yield (*table, key)


def _policies(document: Document) -> Iterator[Problem]:
    for ring in Ring:
        table = ("rings", ring.value)
        if document.get(*table, "quiet_hours") is None:
            for key in ("quiet_classes", "quiet_severity"):
                if document.get(*table, key) is not None:
                    yield document.problem((*table, key), "has no effect without quiet_hours")
        age, most = document.get(*table, "max_age_h"), document.get("outbox", "max_age_h")
        most = 336.0 if most is None else most
        if isinstance(age, int | float) and isinstance(most, int | float) and age > most:
            what = f"{age:g} has no effect: outbox.max_age_h removes every message after {most:g}"
            yield document.problem((*table, "max_age_h"), what)


def _positions(document: Document) -> Iterator[Problem]:
    yield from unique_ids(document, "positions")
    heard: dict[str, KeyPath] = {}
    for path in table_paths(document, "positions"):
        kind = document.get(*path, "kind") or PositionKind.NMEA_UDP.value
        topic, listen = document.get(*path, "topic"), document.get(*path, "listen")
        if kind == PositionKind.MQTT.value:
            if topic is None:
                yield document.problem((*path, "kind"), 'kind = "mqtt" needs the key topic')
            if listen is not None:
                yield document.problem((*path, "listen"), 'has no effect with kind = "mqtt"')
        else:
            if topic is not None:
                yield document.problem((*path, "topic"), 'only kind = "mqtt" has a topic')
            address = listen if isinstance(listen, str) else DEFAULT_LISTEN
            other = heard.setdefault(address, path)
            if other != path:
                what = f"{address} is taken by line {document.line(other)}; each needs its own port"
                yield document.problem((*path, "listen"), what)
        stale, lost = document.get(*path, "stale_s"), document.get(*path, "lost_s")
        stale, lost = 30.0 if stale is None else stale, 600.0 if lost is None else lost
        if isinstance(stale, int | float) and isinstance(lost, int | float) and stale >= lost:
            key = "stale_s" if document.get(*path, "stale_s") is not None else "lost_s"
            what = f"stale_s {stale:g} is not below lost_s {lost:g}"
            yield document.problem((*path, key), what)


def _moving_cameras(document: Document) -> Iterator[Problem]:
    ids = [document.get(*path, "id") for path in table_paths(document, "positions")]
    for path in camera_paths(document):
        source = document.get(*path, "position")
        if isinstance(source, str):
            if source not in ids:
                known = ", ".join(map(str, ids)) or "none; write a [[positions]]"
                what = f"no source of positions has the id {shown(source)}"
                yield document.problem((*path, "position"), what, allowed=known)
            if document.get("rings", "file") is None:
                what = "needs the ring polygons: give file in [rings]"
                yield document.problem((*path, "position"), what)
        for one, other in (("lat", "lon"), ("lon", "lat")):
            if document.get(*path, one) is None:
                continue
            if source is not None:
                yield document.problem((*path, one), "has no effect: position says where it is")
            elif document.get(*path, other) is None:
                yield document.problem((*path, one), f"needs {other} beside it")


def unique_ids(document: Document, *path: str | int) -> Iterator[Problem]:
    """Give a problem for each id of a list of tables that an earlier one has."""
    first: dict[str, KeyPath] = {}
    for table in table_paths(document, *path):
        key = (*table, "id")
        name = document.get(*key)
        if isinstance(name, str) and first.setdefault(name, key) != key:
            what = f"{shown(name)} is taken by line {document.line(first[name])}"
            yield document.problem(key, f"{what}; each id must be unique", value=name)


def _repeated(document: Document, path: KeyPath, items: list[object]) -> Iterator[Problem]:
    for at, item in enumerate(items):
        if isinstance(item, str) and item in items[:at]:
            yield document.problem((*path, at), f"{shown(item)} stands twice")
