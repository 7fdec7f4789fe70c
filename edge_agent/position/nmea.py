"""Positions from NMEA 0183 sentences: GGA and RMC of any talker, and no others. Pure.

A library would parse some 150 sentences more. These two tell what is needed, and a small reader
can insist on what matters here: a checksum that is there and right, and a fix that is valid.
Source: NMEA 0183 as described by gpsd, https://gpsd.io/NMEA.html.
"""

import re

from edge_agent.types import Position

_SENTENCE = re.compile(r"\$([A-Z]{2})([A-Z]{3}),([^*$]*)\*([0-9A-Fa-f]{2})")
_DEGREES = re.compile(r"(\d{1,3}?)(\d{2}(?:\.\d+)?)")
#: Metres of error for a unit of dilution: a plain receiver under an open sky.
_M_A_DOP = 5.0


def parse_nmea(payload: bytes, mono_ns: int) -> list[Position]:
    """Return the positions in a datagram of one or more lines, in their order.

    Sentences of other kinds, and those of a receiver without a fix, tell no position.
    Raises: ValueError where a line is no sentence, its checksum is wrong, or a number is none.
    """
    found = []
    for line in payload.decode("ascii", "replace").split("\n"):
        line = line.strip()
        if line.startswith("\\"):  # a TAG block of NMEA 4.0 before the sentence
            line = line.rpartition("\\")[2]
        if line and not line.startswith("!"):  # "!": AIS and the like
            position = _sentence(line, mono_ns)
            if position is not None:
                found.append(position)
    return found


def _sentence(line: str, mono_ns: int) -> Position | None:
    matched = _SENTENCE.fullmatch(line)
    if matched is None:
        raise ValueError("is no NMEA 0183 sentence with a checksum")
    _, kind, body, checksum = matched.groups()
    total = 0
    for character in line[1 : line.index("*")]:
        total ^= ord(character)
    if total != int(checksum, 16):
        raise ValueError(f"its checksum is {checksum.upper()}, not {total:02X}")
    fields = body.split(",")
    if kind == "GGA" and len(fields) >= 8:
        return _gga(fields, mono_ns)
    if kind == "RMC" and len(fields) >= 6:
        return _rmc(fields, mono_ns)
    return None


def _gga(fields: list[str], mono_ns: int) -> Position | None:
    """Time, latitude, N or S, longitude, E or W, quality, satellites, dilution, …"""
    if fields[5] in ("", "0"):
        return None
    dilution = float(fields[7]) if fields[7] else None
    accuracy_m = None if dilution is None else _M_A_DOP * dilution
    return Position(*_place(fields[1:5]), mono_ns, accuracy_m)


def _rmc(fields: list[str], mono_ns: int) -> Position | None:
    """Time, A for valid, latitude, N or S, longitude, E or W, …"""
    if fields[1] != "A":
        return None
    return Position(*_place(fields[2:6]), mono_ns)


def _place(fields: list[str]) -> tuple[float, float]:
    lat = _degrees(fields[0], fields[1], "NS", 90.0)
    return lat, _degrees(fields[2], fields[3], "EW", 180.0)


def _degrees(text: str, side: str, sides: str, most: float) -> float:
    """Return `12129.7740` and `E` as 121.4962."""
    matched = _DEGREES.fullmatch(text)
    if matched is None or side not in sides or not side:
        raise ValueError(f"has no place: {text[:20]!r} {side[:2]!r}")
    degrees = int(matched.group(1)) + float(matched.group(2)) / 60
    if degrees > most:
        raise ValueError(f"has no place: {text[:20]!r} {side[:2]!r}")
    return degrees if side == sides[0] else -degrees
