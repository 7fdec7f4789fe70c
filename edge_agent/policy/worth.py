"""What an event of a rule is worth: the severity that the rule, the hours and the ring give. Pure.

The first of these that says something decides:

1. the rule's own key `severity`;
2. quiet hours, where the event names somebody of `quiet_classes`: `quiet_severity`;
3. `severity` of the camera's `[camera.policy]`, then of its ring's `[rings.…]`;
4. the rule's kind (`severity.py`).

The end of what lasted is a `notice` at most. A key of `[camera.policy]` goes before the same
key of the ring, one by one. Track events stay `info`, events about a camera keep their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.policy.schedule import Hours, Site, hours_of
from edge_agent.policy.severity import severity_for
from edge_agent.settings import CameraSettings
from edge_agent.settings.hours import NEVER, ClassName, ScheduleSettings
from edge_agent.settings.rings import PerimeterSettings, RingsSettings
from edge_agent.types import Event, Ring, Severity

_RISING = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Worth:
    """What one camera's events are worth in one ring."""

    severity: Severity | None
    quiet: Hours
    quiet_hours: str  # as the site file has them
    quiet_classes: frozenset[str]
    quiet_severity: Severity


def build_worth(
    camera: CameraSettings,
    ring: Ring,
    rings: RingsSettings,
    schedules: Mapping[str, ScheduleSettings],
    site: Site,
) -> Worth:
    """Return what holds for `camera` in `ring`: its own policy's keys, else the ring's."""
    own, wide = camera.policy, rings.policy(ring)
    hours = own.quiet_hours or wide.quiet_hours or NEVER
    return Worth(
        severity=own.severity or wide.severity,
        quiet=hours_of(hours, schedules, site),
        quiet_hours=hours,
        quiet_classes=frozenset(own.quiet_classes or wide.quiet_classes or (ClassName.PERSON,)),
        quiet_severity=own.quiet_severity or wide.quiet_severity or Severity.CRITICAL,
    )


def worth_of(event: Event, asked: Severity | None, worth: Worth, wall_ns: int) -> Severity:
    """Return what a rule's event is worth; `asked` is the rule's own key, `wall_ns` now."""
    return severity_for(event, asked or _by_hours(event, worth, wall_ns) or worth.severity)


def _by_hours(event: Event, worth: Worth, wall_ns: int) -> Severity | None:
    named = {track.object_class.name for track in event.tracks}
    quiet = named & worth.quiet_classes and worth.quiet(wall_ns)
    return worth.quiet_severity if quiet else None


def level_severities(perimeter: PerimeterSettings) -> tuple[Severity, ...]:
    """Return what a step into each level is worth: the innermost is critical, one less each out."""
    if perimeter.severities is not None:
        return perimeter.severities
    count = len(perimeter.levels)
    return tuple(_RISING[max(1, len(_RISING) - count + rank)] for rank in range(count))
