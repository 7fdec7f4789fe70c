"""Whether values that are each allowed also agree with one another.

Works on the merged tree, not on settings objects, so that one run names every problem of a
file; whatever has the wrong type is the shape's matter and is passed over here.
"""

from collections.abc import Iterator
from typing import Any

from edge_agent.config.document import Document, value_at
from edge_agent.config.polygons import polygon_fault
from edge_agent.config.problems import Problem, shown
from edge_agent.config.rule_checks import check_rules
from edge_agent.config.toml_lines import KeyPath
from edge_agent.config.urls import broker_url_fault, camera_url_fault, is_url
from edge_agent.settings import BrokerSettings, ClassLimits, PlanSettings
from edge_agent.types import Point

_SECRET_ADVICE = "secrets never stand in the file; use password_file or the variable {}"


def check_agreement(document: Document, password_variable: dict[KeyPath, str]) -> list[Problem]:
    """Return a problem for each pair or group of values that cannot go together.

    `password_variable` gives, for the table of the broker and of each camera, the name of the
    variable that may hold its password.
    """
    problems = [*_broker(document), *_plan(document), *_unique_ids(document, ("camera",))]
    for table, variable in password_variable.items():
        problems += _secrets(document, table, variable)
    for path in camera_paths(document):
        problems += _camera(document, path)
    return problems


def camera_paths(document: Document) -> list[KeyPath]:
    """Return the path of each camera that is a table."""
    return [("camera", i) for i in _tables_of(document.get("camera"))]


def _tables_of(items: Any) -> list[int]:
    rows = items if isinstance(items, list) else []
    return [i for i, item in enumerate(rows) if isinstance(item, dict)]


def _text(document: Document, path: KeyPath, key: str) -> str | None:
    value = document.get(*path, key)
    return value if isinstance(value, str) else None


def _broker(document: Document) -> Iterator[Problem]:
    table = ("broker",)
    url = _text(document, table, "url") or str(BrokerSettings.model_fields["url"].default)
    fault = broker_url_fault(url)
    if fault:
        yield document.problem((*table, "url"), fault)
    if url.startswith("mqtt://"):
        for key in ("ca_file", "client_cert_file", "client_key_file"):
            if _text(document, table, key) is not None:
                what = 'has no effect on an unencrypted connection; write url = "mqtts://…"'
                yield document.problem((*table, key), what)
    for one, other in (
        ("client_cert_file", "client_key_file"),
        ("client_key_file", "client_cert_file"),
    ):
        has_other = document.get(*table, other) is not None
        if _text(document, table, one) is not None and not has_other:
            yield document.problem((*table, one), f"needs {other} beside it")


def _secrets(document: Document, table: KeyPath, variable: str) -> Iterator[Problem]:
    key = (*table, "password")
    if value_at(document.written, key) is not None:
        yield document.problem(key, _SECRET_ADVICE.format(variable), in_file=True)
    has_file = document.get(*table, "password_file") is not None
    if has_file and key in document.variables:
        what = (
            f"the password is given twice, by this key and by {document.variables[key]}; keep one"
        )
        yield document.problem((*table, "password_file"), what)
    if document.get(*table, "username") is None:
        if has_file:
            yield document.problem((*table, "password_file"), "needs username beside it")
        elif key in document.variables:
            yield document.problem(key, "the password needs the key username beside it")


def _plan(document: Document) -> Iterator[Problem]:
    table = ("model", "plan")
    window, staleness = (
        _number(document, (*table, key), float(PlanSettings.model_fields[key].default))
        for key in ("window_ms", "staleness_ms")
    )
    if window >= staleness:
        key = "window_ms" if document.get(*table, "window_ms") is not None else "staleness_ms"
        what = f"window_ms {window:g} is not below staleness_ms {staleness:g}: no frame would do"
        yield document.problem((*table, key), what)


def _number(document: Document, path: KeyPath, default: float) -> float:
    value = document.get(*path)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e9 else default


def _unique_ids(document: Document, path: KeyPath) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for i in _tables_of(document.get(*path)):
        key = (*path, i, "id")
        name = document.get(*key)
        if isinstance(name, str) and first.setdefault(name, key) != key:
            line = document.line(first[name])
            yield document.problem(
                key, f"{shown(name)} is taken by line {line}; each id must be unique", value=name
            )


def _camera(document: Document, path: KeyPath) -> Iterator[Problem]:
    for key in ("url", "detect_url"):
        url = _text(document, path, key)
        if url is not None and is_url(url):
            fault = camera_url_fault(url)
            if fault:
                yield document.problem((*path, key), fault)
    yield from _reading(document, path)
    mode = _text(document, path, "decode")
    if mode in ("always", "keyframes") and document.get(*path, "quiet_s") is not None:
        yield document.problem((*path, "quiet_s"), f'has no effect with decode = "{mode}"')
    for group in ("persons", "vehicles"):
        yield from _box_sizes(document, (*path, group))
    for table in ("zones", "lines", "rules"):
        yield from _unique_ids(document, (*path, table))
    yield from check_rules(document, path)
    zones = [(*path, "zones", i, "polygon") for i in _tables_of(document.get(*path, "zones"))]
    masks = document.get(*path, "ignore")
    ignored = [(*path, "ignore", i) for i, _ in enumerate(masks if isinstance(masks, list) else [])]
    for polygon in [*zones, *ignored]:
        points = document.get(*polygon)
        if isinstance(points, list) and len(points) >= 3 and all(map(_is_point, points)):
            fault = polygon_fault(_points(points))
            if fault:
                yield document.problem(polygon, fault)


def _reading(document: Document, path: KeyPath) -> Iterator[Problem]:
    """Keys that fit only a stream, or only a file."""
    key = "detect_url" if document.get(*path, "detect_url") is not None else "url"
    url = _text(document, path, key)
    if url is None:
        return
    if is_url(url):
        if document.get(*path, "loop") is True:
            yield document.problem((*path, "loop"), "only a video file can begin again")
        if document.get(*path, "realtime") is False:
            yield document.problem((*path, "realtime"), "only a video file can be read faster")
        if url.startswith("rtsps://") and document.get(*path, "transport") == "udp":
            what = "rtsps:// runs over TCP only"
            yield document.problem((*path, "transport"), what, value='"udp"', allowed="tcp")
    elif document.get(*path, "username") is not None:
        first = _text(document, path, "url")
        if first is not None and not is_url(first):
            yield document.problem((*path, "username"), f"has no effect: {key} is a video file")


def _box_sizes(document: Document, path: KeyPath) -> Iterator[Problem]:
    low, high = (
        _pair(document.get(*path, key), ClassLimits.model_fields[key].default)
        for key in ("min_wh_norm", "max_wh_norm")
    )
    for word, least, most in zip(("width", "height"), low, high, strict=True):
        if least > most:
            key = "min_wh_norm" if document.get(*path, "min_wh_norm") is not None else "max_wh_norm"
            what = f"the least {word} {least:g} is above the most, {most:g}: nothing would count"
            yield document.problem((*path, key), what)


def _pair(value: Any, default: Point) -> Point:
    return _points([value])[0] if _is_point(value) else default


def _points(value: list[list[float]]) -> list[Point]:
    return [(float(x), float(y)) for x, y in value]


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(x, int | float) and 0 <= x <= 1 for x in value)
    )
