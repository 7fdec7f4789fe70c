"""What `check` remarks on as a likely slip of the pen: it runs, but not as was meant."""

from collections.abc import Iterator

import numpy as np

from edge_agent.commands.check_rules import named_times
from edge_agent.settings import AgentSettings, CameraSettings, RuleKind
from edge_agent.types import Layer, ObjectClass, Point

#: The four points of a ground that cover less of the picture than this measure little of it.
_LEAST_GROUND = 0.05
#: Below so many pictures a second speeds and directions are found late, or not at all.
_LEAST_FPS = 4.0
_TIMED = (RuleKind.SPEED, RuleKind.RUNNING, RuleKind.DIRECTION, RuleKind.WRONG_WAY)
#: Kinds that are told in metres where the ground is known.
_MEASURED = (RuleKind.SPEED, RuleKind.CROWD, RuleKind.QUEUE)


def slips(settings: AgentSettings, classes: tuple[ObjectClass, ...]) -> list[str]:
    """Return a line for each likely mistake, for a model that knows `classes`."""
    known = {c.name for c in classes} | {f"{c.name}/{c.subclass}" for c in classes if c.subclass}
    found = [*_unused(settings)]
    for camera in settings.camera:
        found += [*_unknown_classes(camera, known), *_undrawn(camera), *_measures(camera)]
        found += _places(camera)
    return found


def _unknown_classes(camera: CameraSettings, known: set[str]) -> Iterator[str]:
    for rule in camera.rules:
        for name in rule.classes or ():
            if name not in known:
                yield (
                    f"camera {camera.id}: rule {rule.id} counts {name}, which this model does not "
                    f"tell; it knows {', '.join(sorted(known))}"
                )


def _undrawn(camera: CameraSettings) -> Iterator[str]:
    """Zones and lines that no rule of a camera with rules looks at."""
    asked = {rule.zone for rule in camera.rules}
    for zone in camera.zones:
        if camera.rules and zone.id not in asked:
            yield (
                f"camera {camera.id}: no rule looks at zone {zone.id}; tracks name it, and its "
                "visits are counted"
            )
    lines = {rule.line for rule in camera.rules}
    for line in camera.lines:
        if line.id not in lines:
            yield f"camera {camera.id}: no rule looks at line {line.id}; it has no effect"


def _measures(camera: CameraSettings) -> Iterator[str]:
    kinds = {rule.kind for rule in camera.rules}
    measured = [kind.value for kind in _MEASURED if kind in kinds]
    if camera.ground is not None and measured:
        share = _area(camera.ground.image)
        if share < _LEAST_GROUND:
            yield (
                f"camera {camera.id}: the points of its ground cover {share:.1%} of the picture; "
                f"what {', '.join(measured)} measures far from them is off; take points further "
                "apart"
            )
    timed = [kind.value for kind in _TIMED if kind in kinds]
    if timed and camera.target_fps < _LEAST_FPS:
        yield (
            f"camera {camera.id}: {camera.target_fps:g} pictures a second are few for "
            f"{', '.join(timed)}; 8 and more are good"
        )


def _places(camera: CameraSettings) -> Iterator[str]:
    if camera.layer is Layer.UAV and camera.position is None:
        yield (
            f"camera {camera.id}: layer uav without a position: its ring stays "
            f"{camera.ring.value}, wherever it flies"
        )


def _unused(settings: AgentSettings) -> Iterator[str]:
    """Tables that nothing goes by."""
    named = set(named_times(settings))
    for schedule in settings.schedules:
        if schedule.id not in named:
            yield f"schedule {schedule.id}: nothing goes by it"
    sources = {camera.position for camera in settings.camera}
    for source in settings.positions:
        if source.id not in sources:
            yield f"positions {source.id}: no camera moves with it; it is not listened to"
    if settings.rings.file is not None and sources == {None}:
        yield f"rings.file {settings.rings.file.name}: no camera has a position; it has no effect"


def _area(points: tuple[Point, ...]) -> float:
    """Return the part of the picture inside four points, in whatever order they go round."""
    x, y = np.array(points, np.float64).T
    order = np.argsort(np.arctan2(y - y.mean(), x - x.mean()))
    x, y = x[order], y[order]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
