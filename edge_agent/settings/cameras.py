"""The table of a camera: where it is, what it sees and how it is read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from edge_agent.settings.hours import (
    ALWAYS,
    CellSettings,
    Latitude,
    Longitude,
    Times,
    WorthPolicy,
)
from edge_agent.settings.rules import GroundPolygon, GroundSettings, LineSettings, RuleSettings
from edge_agent.settings.words import Frozen, Name, Norm, Polygon, Score, Username
from edge_agent.types import Layer, Point, Ring


class Transport(StrEnum):
    TCP = "tcp"
    UDP = "udp"


class DecodeMode(StrEnum):
    """Which of a camera's packets are decoded."""

    ALWAYS = "always"
    KEYFRAMES = "keyframes"
    ON_DEMAND = "on_demand"


class ClassLimits(Frozen):
    """What a detection of one class must be to count."""

    min_score: Score | None = None  # None: the model's own threshold
    min_wh_norm: tuple[Norm, Norm] = (0.0, 0.0)
    max_wh_norm: tuple[Norm, Norm] = (1.0, 1.0)


class ZoneSettings(Frozen):
    """A named polygon: corners in 0..1 of the picture, or in metres on the ground."""

    id: Name
    polygon: Polygon | None = None
    ground: GroundPolygon | None = None


#: From the arrival of a frame's last packet to the end of its analysis, where the file does not
#: say: what passes a checkpoint is gone, a view over the roofs can wait.
LATENCY_SLO_MS = {
    Layer.CHECKPOINT: 250.0,
    Layer.UAV: 300.0,
    Layer.PORTRAIT: 500.0,
    Layer.PANORAMIC: 1000.0,
}


#: What passes a checkpoint, or moves under a drone, is seen once: nothing may wake up late.
ALWAYS_LAYERS = frozenset({Layer.CHECKPOINT, Layer.UAV})


class CameraSettings(Frozen):
    """One camera: where it is, what it sees and how it is read."""

    id: Name
    url: str  # rtsp://, rtsps:// or a file's path; never with a password
    detect_url: str | None = None  # a substream for detection
    username: Username | None = None
    password: SecretStr | None = None  # environment only: EDGE_AGENT_CAMERA_<ID>_PASSWORD
    password_file: Path | None = None
    ring: Ring
    layer: Layer
    target_fps: Annotated[float, Field(gt=0, le=60)] = 5.0
    latency_slo_ms: Annotated[float, Field(ge=10, le=60_000)] | None = None  # None: by layer
    transport: Transport = Transport.TCP
    decode: DecodeMode | None = None  # None: by layer, then ring; see policy/decoding.py
    hours: Times = ALWAYS  # outside of them nothing of it is decoded
    quiet_s: Annotated[float, Field(ge=1, le=3600)] = 10.0
    buffer_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    buffer_mb: Annotated[float, Field(ge=0.01, le=1000)] = 16.0
    loop: bool = False  # files only: begin again at the end
    realtime: bool = True  # files only: play at the file's own pace
    connect_timeout_s: Annotated[float, Field(ge=0.5, le=60)] = 5.0
    stall_timeout_s: Annotated[float, Field(ge=1, le=120)] = 10.0
    persons: ClassLimits = ClassLimits()
    vehicles: ClassLimits = ClassLimits()
    zones: tuple[ZoneSettings, ...] = ()
    lines: tuple[LineSettings, ...] = ()
    ground: GroundSettings | None = None  # None: distances are not known in metres
    rules: tuple[RuleSettings, ...] = ()
    ignore: tuple[Polygon, ...] = ()  # detections whose anchor point lies inside do not count
    position: Name | None = None  # the source of positions of a camera that moves
    lat: Latitude | None = None  # where one stands that does not; both or none
    lon: Longitude | None = None
    cell: Name | None = None  # of the grid; None: by position
    cells: tuple[CellSettings, ...] = ()  # the parts of the picture that show other cells
    policy: WorthPolicy = WorthPolicy()  # goes before the ring's

    @property
    def read_url(self) -> str:
        """The URL that is decoded for detection."""
        return self.detect_url or self.url

    @property
    def slo_s(self) -> float:
        """How soon a frame should be analysed, in seconds."""
        return (self.latency_slo_ms or LATENCY_SLO_MS[self.layer]) / 1000

    def zone_polygons(self) -> tuple[tuple[str, tuple[Point, ...]], ...]:
        """Return (zone id, polygon in 0..1 of the picture) pairs.

        Raises: ValueError for a zone in metres that the ground does not show; loading a site
        file has refused it before.
        """
        return tuple((zone.id, self._in_picture(zone.polygon, zone.ground)) for zone in self.zones)

    def line_points(self) -> tuple[tuple[str, tuple[Point, ...]], ...]:
        """Return (line id, points in 0..1 of the picture) pairs. Raises: as `zone_polygons`."""
        return tuple((line.id, self._in_picture(line.points, line.ground)) for line in self.lines)

    def _in_picture(
        self, points: tuple[Point, ...] | None, metres: tuple[Point, ...] | None
    ) -> tuple[Point, ...]:
        if points is not None:
            return points
        if metres is None or self.ground is None:
            raise ValueError(f"camera {self.id}: a zone or line without points")
        return tuple((x, y) for x, y in self.ground.homography().to_picture(metres).tolist())
