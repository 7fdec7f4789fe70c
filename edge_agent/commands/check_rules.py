"""What `check` tells beside cameras: rules, perimeters, rings, the grid and schedules."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from edge_agent.config import dispatch_grid
from edge_agent.policy.schedule import (
    Schedule,
    Site,
    build_schedule,
    find_spell,
    needs_sun,
    site_of,
    written_hours,
)
from edge_agent.policy.severity import severity_of
from edge_agent.policy.worth import level_severities
from edge_agent.settings import AgentSettings, CameraSettings, RuleSettings
from edge_agent.settings.hours import ALWAYS, NEVER, ScheduleSettings, WorthPolicy
from edge_agent.settings.rings import CountsSettings, PerimeterSettings
from edge_agent.types import EventKind, Json, Ring

#: Makes lines of a table's head and rows, in columns.
Table = Callable[[Sequence[str], Sequence[Sequence[str]]], Iterator[str]]
_USUAL_COUNTS_S = CountsSettings().every_s
#: A schedule of the week has come round after so many days and a boundary at each midnight.
_MOST_SPELLS = 40


def describe_rules(settings: AgentSettings, now_ns: int) -> dict[str, Json]:
    """Return what holds at `now_ns` (wall time) beside the cameras themselves, as JSON values."""
    return {
        "rules": [
            _rule(rule, camera, settings) for camera in settings.camera for rule in camera.rules
        ],
        "perimeters": [_perimeter(one) for one in settings.perimeters],
        "policies": _policies(settings),
        "schedules": _schedules(settings, now_ns),
        "sun": _sun(settings, now_ns),
        "grid": _grid(settings),
        "counts_every_s": settings.counts.every_s if settings.counts.enabled else None,
    }


def _rule(rule: RuleSettings, camera: CameraSettings, settings: AgentSettings) -> dict[str, Json]:
    where = f"line {rule.line}" if rule.line else f"zone {rule.zone}" if rule.zone else "picture"
    of_camera = rule.kind.value in (EventKind.TAMPER.value, EventKind.CAMERA_LOST.value)
    return {
        "camera": camera.id,
        "id": rule.id,
        "kind": rule.kind.value,
        "where": "camera" if of_camera else where,
        "classes": [] if of_camera else list(rule.counted),
        "schedule": rule.schedule or ALWAYS,
        "severity": _severity(rule, camera, settings),
    }


def _severity(rule: RuleSettings, camera: CameraSettings, settings: AgentSettings) -> str:
    """Return what a rule's events are worth outside of quiet hours."""
    if rule.severity is not None:
        return rule.severity.value
    if camera.policy.severity is not None:
        return camera.policy.severity.value
    by_kind = severity_of(EventKind(rule.kind.value))
    rings = tuple(Ring) if camera.position is not None else (camera.ring,)
    worth = [settings.rings.policy(ring).severity or by_kind for ring in rings]
    return "/".join(dict.fromkeys(one.value for one in worth))


def _perimeter(one: PerimeterSettings) -> dict[str, Json]:
    worth = zip(one.levels, level_severities(one), strict=True)
    return {
        "id": one.id,
        "levels": [f"{level} ({severity.value})" for level, severity in worth],
        "cameras": list(dict.fromkeys(part.camera for part in one.parts)),
        "classes": [name.value for name in one.classes],
        "schedule": one.schedule,
    }


def _policies(settings: AgentSettings) -> list[dict[str, Json]]:
    """Return what the file says for whole rings, and for single cameras before them."""
    policies: dict[str, WorthPolicy] = {
        f"ring {ring.value}": settings.rings.policy(ring) for ring in Ring
    }
    policies |= {f"camera {camera.id}": camera.policy for camera in settings.camera}
    found = []
    for name, policy in policies.items():
        said = policy.model_dump(mode="json", exclude_none=True)
        if said:
            found.append({"of": name, **said})
    return found


def named_times(settings: AgentSettings) -> list[str]:
    """Return the hours that something goes by: ids of schedules, or as they are written."""
    named = [settings.rings.policy(ring).quiet_hours for ring in Ring]
    named += [camera.hours for camera in settings.camera]
    named += [camera.policy.quiet_hours for camera in settings.camera]
    named += [rule.schedule for camera in settings.camera for rule in camera.rules]
    named += [one.schedule for one in settings.perimeters]
    return [n for n in dict.fromkeys(named) if n is not None and n not in (ALWAYS, NEVER)]


def _schedules(settings: AgentSettings, now_ns: int) -> list[dict[str, Json]]:
    site = site_of(settings)
    tables = {schedule.id: schedule for schedule in settings.schedules}
    names = dict.fromkeys([*tables, *named_times(settings)])
    found = []
    for name in names:
        schedule = _built(written_hours(name) or tables[name], site)
        begins_ns, ends_ns = _next_edges(schedule, now_ns)
        found.append(
            {
                "id": name,
                "active": find_spell(schedule, now_ns).active,
                "begins": _local(begins_ns, site),
                "ends": _local(ends_ns, site),
            }
        )
    return found


def _built(settings: ScheduleSettings, site: Site) -> Schedule:
    return build_schedule(settings, site.timezone, site.place)


def _next_edges(schedule: Schedule, now_ns: int) -> tuple[int | None, int | None]:
    """Return when a schedule begins and ends next, UTC ns; None where it does not within weeks."""
    edges: dict[bool, int] = {}
    spell = find_spell(schedule, now_ns)
    for _ in range(_MOST_SPELLS):
        before, spell = spell, find_spell(schedule, spell.until_ns)
        if spell.active is not before.active:
            edges.setdefault(spell.active, before.until_ns)
        if len(edges) == 2:
            break
    return edges.get(True), edges.get(False)


def _local(wall_ns: int | None, site: Site) -> str | None:
    """Return a wall time as clocks at the site show it."""
    if wall_ns is None:
        return None
    at = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC)
    return at.astimezone(ZoneInfo(site.timezone)).isoformat(timespec="minutes")


def _sun(settings: AgentSettings, now_ns: int) -> dict[str, Json] | None:
    """Return today's sunrise and sunset where some hours go by them."""
    site = site_of(settings)
    hours = [written_hours(name) for name in named_times(settings)]
    used = [*settings.schedules, *(one for one in hours if one is not None)]
    if site.place is None or not any(needs_sun(one) for one in used):
        return None
    day = datetime.fromtimestamp(now_ns // 1_000_000_000, ZoneInfo(site.timezone))
    noon_ns = round(day.replace(hour=12, minute=0, second=0).timestamp()) * 1_000_000_000
    spell = find_spell(_built(ScheduleSettings(id="sun", start="sunrise", end="sunset"), site),
                       noon_ns)  # fmt: skip
    return {"rises": _local(spell.from_ns, site), "sets": _local(spell.until_ns, site)}


def _grid(settings: AgentSettings) -> dict[str, Json] | None:
    """Return what dispatchers divide the site into, and the cells of the cameras that stand."""
    grid = dispatch_grid(settings)
    if grid is None:
        return None
    cells: dict[str, Json] = {}
    for camera in settings.camera:
        parts = [part.cell for part in camera.cells]
        own = camera.cell
        if own is None and camera.lat is not None:
            own = grid.cell_at((camera.lon or 0.0, camera.lat))
        if camera.position is None:
            cells[camera.id] = ", ".join(dict.fromkeys([*parts, *([own] if own else [])])) or None
    size = f"{settings.grid.rows} rows × {settings.grid.columns} columns"
    return {"of": str(settings.grid.file or size), "cells": cells}


def rule_lines(report: dict[str, Json], table: Table) -> Iterator[str]:
    """Give `report` as text, a section for each thing that there is; `table` aligns columns."""
    if report["rules"]:
        yield from ("", *table(("rule", "camera", "kind", "where", "counts", "when", "severity"), [
            (r["id"], r["camera"], r["kind"], r["where"], ",".join(r["classes"]) or "-",
             r["schedule"], r["severity"]) for r in report["rules"]
        ]))  # fmt: skip
    if report["perimeters"]:
        yield from ("", *table(("perimeter", "levels, outermost first", "cameras", "when"), [
            (p["id"], " > ".join(p["levels"]), ",".join(p["cameras"]), p["schedule"])
            for p in report["perimeters"]
        ]))  # fmt: skip
    if report["schedules"]:
        yield from ("", *table(("hours", "now", "begin", "end"), [
            (s["id"], "on" if s["active"] else "off", _time(s["begins"]), _time(s["ends"]))
            for s in report["schedules"]
        ]))  # fmt: skip
    more = list(_more(report))
    if more:
        yield from ("", *more)


def _more(report: dict[str, Json]) -> Iterator[str]:
    if report["sun"]:
        rises, sets = _time(report["sun"]["rises"]), _time(report["sun"]["sets"])
        yield f"sun      rises {rises}, sets {sets}"
    for policy in report["policies"]:
        said = (f"{key} {_word(value)}" for key, value in policy.items() if key != "of")
        yield f"policy   {policy['of']}: {', '.join(said)}"
    if report["grid"]:
        cells = report["grid"]["cells"].items()
        named = "; ".join(f"{camera}: {cell or 'none'}" for camera, cell in cells)
        yield f"grid     {report['grid']['of']}" + (f"; {named}" if named else "")
    if report["counts_every_s"] is None:
        yield "counts   are not told"
    elif report["counts_every_s"] != _USUAL_COUNTS_S:
        yield f"counts   told every {report['counts_every_s']} s"


def _time(local: str | None) -> str:
    """Return a local ISO time as `Sat 28 Nov 22:00`; a dash where it never comes."""
    return "-" if local is None else f"{datetime.fromisoformat(local):%a %d %b %H:%M}"


def _word(value: Json) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
