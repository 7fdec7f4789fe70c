"""A position as JSON: {"lat": 31.23, "lon": 121.47, "accuracy_m": 5}. Pure."""

import json
from typing import Any

from edge_agent.types import Position


def parse_json(payload: bytes, mono_ns: int) -> list[Position]:
    """Return the position that a JSON object tells.

    `lat` and `lon` are degrees in WGS 84; `accuracy_m` may tell how far off they may be, other
    keys mean nothing. Raises: ValueError saying what is wrong.
    """
    try:
        body = json.loads(payload)
    except (UnicodeDecodeError, RecursionError):
        raise ValueError("is not JSON") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg}") from None
    if not isinstance(body, dict):
        raise ValueError("is no JSON object")
    lat, lon = _number(body, "lat", 90.0), _number(body, "lon", 180.0)
    accuracy_m = body.get("accuracy_m")
    if accuracy_m is not None:
        accuracy_m = abs(_number(body, "accuracy_m", 1e7))
    return [Position(lat, lon, mono_ns, accuracy_m)]


def _number(body: dict[str, Any], key: str, most: float) -> float:
    value = body.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"has no number {key}")
    if not -most <= value <= most:
        raise ValueError(f"its {key} is not between {-most:g} and {most:g}")
    return float(value)
