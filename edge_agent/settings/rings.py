"""The tables of rings: their policy, positions, nested perimeters, the grid, counts.

What they must be to one another, and to the files they name, stands in
`config/ring_checks.py`.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from edge_agent.geometry.cells import Rows
from edge_agent.settings.cameras import DecodeMode
from edge_agent.settings.hours import (
    ALWAYS,
    Classes,
    ClassName,
    Latitude,
    Longitude,
    Times,
    WorthPolicy,
)
from edge_agent.settings.words import Frozen, Name, Polygon
from edge_agent.types import Ring, Severity


class PositionKind(StrEnum):
    """How positions come in."""

    NMEA_UDP = "nmea_udp"  # NMEA 0183 sentences in UDP datagrams
    JSON_UDP = "json_udp"  # a JSON object in each UDP datagram
    MQTT = "mqtt"  # a JSON object in each message of a topic


class RingPolicy(WorthPolicy):
    """What cameras of one ring may spend, and what their events are worth."""

    target_fps: Annotated[float, Field(gt=0, le=60)] | None = None
    decode: DecodeMode | None = None
    max_age_h: Annotated[float, Field(gt=0, le=24 * 366)] | None = None


class RingsSettings(Frozen):
    """Where the rings lie, how a moving camera changes over, and each ring's policy."""

    file: Path | None = None  # GeoJSON; None: no camera moves
    outside: Ring | None = None  # of a position in no polygon; None: the camera's own ring
    margin_m: Annotated[float, Field(ge=0, le=10_000)] = 50.0
    settle_s: Annotated[float, Field(ge=0, le=3600)] = 10.0
    urban: RingPolicy = RingPolicy()
    suburban: RingPolicy = RingPolicy()
    rural: RingPolicy = RingPolicy()

    def policy(self, ring: Ring) -> RingPolicy:
        """Return the policy of `ring`."""
        return {Ring.URBAN: self.urban, Ring.SUBURBAN: self.suburban, Ring.RURAL: self.rural}[ring]

    def ages_h(self) -> dict[Ring, float]:
        """Return the hours that messages of some rings are kept, where a policy says so."""
        ages = {ring: self.policy(ring).max_age_h for ring in Ring}
        return {ring: hours for ring, hours in ages.items() if hours is not None}


#: Which interface and port to listen on; datagrams carry no proof of who sent them.
ListenAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|localhost):"
        r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$"
    ),
    Field(description="an IPv4 address of this box and a port, such as 127.0.0.1:10110"),
]
PositionTopic = Annotated[
    str,
    StringConstraints(pattern=r"^[^#+$\s\x00][^#+\s\x00]*$", max_length=200),
    Field(description="an MQTT topic without #, + or spaces, not beginning with $"),
]


class PositionSettings(Frozen):
    """A source of positions, such as a vehicle's receiver; opened where a camera names it."""

    id: Name
    kind: PositionKind = PositionKind.NMEA_UDP
    listen: ListenAddress | None = None  # kinds over UDP; None: 127.0.0.1:10110
    topic: PositionTopic | None = None  # kind mqtt
    stale_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    lost_s: Annotated[float, Field(ge=1, le=86_400)] = 600.0

    @property
    def address(self) -> tuple[str, int]:
        """Where a kind over UDP listens."""
        host, _, port = (self.listen or DEFAULT_LISTEN).rpartition(":")
        return host, int(port)


#: The port that NMEA 0183 over IP is registered for (IANA, nmea-0183).
DEFAULT_LISTEN = "127.0.0.1:10110"


class PerimeterPart(Frozen):
    """One level of a perimeter as one camera sees it."""

    camera: Name
    level: Name
    polygon: Polygon


class PerimeterSettings(Frozen):
    """Nested levels around something worth guarding, outermost first."""

    id: Name
    levels: Annotated[tuple[Name, ...], Field(min_length=1, max_length=8)] = (
        "control",
        "guard",
        "lockdown",
    )
    classes: Classes = (ClassName.PERSON, ClassName.VEHICLE)
    severities: Annotated[tuple[Severity, ...], Field(min_length=1, max_length=8)] | None = None
    schedule: Times = ALWAYS
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.4
    parts: Annotated[tuple[PerimeterPart, ...], Field(min_length=1, max_length=256)]


Divisions = Annotated[int, Field(ge=1, le=1000)]


class GridSettings(Frozen):
    """The dispatch grid: polygons of a file, or rows and columns between four edges."""

    file: Path | None = None  # GeoJSON, features with the property `cell`
    rows: Divisions | None = None
    columns: Divisions | None = None
    south: Latitude | None = None
    west: Longitude | None = None
    north: Latitude | None = None
    east: Longitude | None = None

    def cells(self) -> Rows | None:
        """Return the grid of rows and columns, None where the keys are not all there."""
        if self.rows is None or self.columns is None:
            return None
        edges = (self.south, self.west, self.north, self.east)
        known = [edge for edge in edges if edge is not None]
        return Rows(self.rows, self.columns, *known) if len(known) == len(edges) else None


class CountsSettings(Frozen):
    """Whether and how often what was counted is told."""

    enabled: bool = True
    every_s: Annotated[int, Field(ge=10, le=3600)] = 60
