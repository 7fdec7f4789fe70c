"""The frozen settings types. `config/` fills them from TOML, the environment and files.

Ranges and defaults stand here and nowhere else; `configs/agent.example.toml` is held equal
to them by a test, and `config/` words its messages from these types: a text's `description`
is what a person reads after "allowed:". What several keys must be to one another stands in
`config/cross_checks.py`. Nothing here reads a file.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from edge_agent.types import Layer, Point, Ring

#: A word that may stand as one level of an MQTT topic.
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"),
    Field(
        description="1 to 63 letters, digits, dots, underscores or hyphens, "
        "beginning with a letter or digit"
    ),
]
#: Levels of an MQTT topic: no wildcard, no empty level, not the broker's own `$` branch.
TopicRoot = Annotated[
    str,
    StringConstraints(pattern=r"^[^#+$/\s\x00][^#+/\s\x00]*(/[^#+/\s\x00]+)*$", max_length=200),
    Field(
        description="topic levels separated by single slashes, without #, + or spaces, "
        "not beginning with $ or /"
    ),
]
Username = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,255}$"),
    Field(description="1 to 255 characters without control characters"),
]
Norm = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(ge=0, le=1)]
Polygon = Annotated[tuple[tuple[Norm, Norm], ...], Field(min_length=3, max_length=64)]


class Frozen(BaseModel):
    """Unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Transport(StrEnum):
    TCP = "tcp"
    UDP = "udp"


class DecodeMode(StrEnum):
    """Which of a camera's packets are decoded."""

    ALWAYS = "always"
    KEYFRAMES = "keyframes"
    ON_DEMAND = "on_demand"


class BrokerSettings(Frozen):
    """The MQTT broker and how events wait for it."""

    url: str = "mqtt://127.0.0.1:1883"  # mqtt:// or mqtts://, never with a password
    username: Username | None = None
    password: SecretStr | None = None  # environment only: EDGE_AGENT_BROKER__PASSWORD
    password_file: Path | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    topic_root: TopicRoot = "edge/v1"
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    connect_timeout_s: Annotated[float, Field(ge=1, le=60)] = 10.0
    max_inflight: Annotated[int, Field(ge=1, le=20)] = 20


class OutboxSettings(Frozen):
    """How much waits on disk; the oldest go first and each removal is announced."""

    max_rows: Annotated[int, Field(ge=100, le=50_000_000)] = 200_000
    max_mb: Annotated[float, Field(ge=1, le=1_000_000)] = 256.0
    max_age_h: Annotated[float, Field(gt=0, le=24 * 366)] = 24.0 * 14  # uptime, not wall time
    queue_events: Annotated[int, Field(ge=16, le=100_000)] = 1000


Lanes = Annotated[int, Field(ge=1, le=16)]
Threads = Annotated[int, Field(ge=1, le=64)]
BatchSize = Annotated[int, Field(ge=1, le=64)]


class PlanSettings(Frozen):
    """What the file asks of the plan, lanes × threads × batch; None: measured."""

    lanes: Lanes | None = None
    threads: Threads | None = None
    batch: BatchSize | None = None
    latency_budget_ms: Annotated[float, Field(ge=1, le=60_000)] = 200.0
    window_ms: Annotated[float, Field(ge=0, le=100)] = 5.0
    staleness_ms: Annotated[float, Field(ge=50, le=10_000)] = 1000.0


class Plan(PlanSettings):
    """How inference runs: every number decided."""

    lanes: Lanes = 1
    threads: Threads = 1
    batch: BatchSize = 1


class ModelSettings(Frozen):
    """Which detector, and how it runs."""

    manifest: Path | None = None  # the model's TOML manifest; None: the boxed detector's
    provider: Literal["auto", "cpu", "cuda", "tensorrt", "openvino", "xnnpack"] = "auto"
    plan: PlanSettings = PlanSettings()


class TrackingSettings(Frozen):
    """How detections become tracks, and how often tracks are told."""

    confirm_hits: Annotated[int, Field(ge=1, le=20)] = 3
    coast_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    update_s: Annotated[float, Field(ge=0.2, le=3600)] = 1.0
    stationary_after_s: Annotated[float, Field(ge=1, le=3600)] = 10.0
    stationary_update_s: Annotated[float, Field(ge=1, le=86_400)] = 180.0
    stationary_hold_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0


class ClassLimits(Frozen):
    """What a detection of one class must be to count."""

    min_score: Score | None = None  # None: the model's own threshold
    min_wh_norm: tuple[Norm, Norm] = (0.0, 0.0)
    max_wh_norm: tuple[Norm, Norm] = (1.0, 1.0)


class ZoneSettings(Frozen):
    """A named polygon in 0..1 coordinates of the picture."""

    id: Name
    polygon: Polygon


#: From the arrival of a frame's last packet to the end of its analysis, where the file does not
#: say: what passes a checkpoint is gone, a view over the roofs can wait.
LATENCY_SLO_MS = {
    Layer.CHECKPOINT: 250.0,
    Layer.UAV: 300.0,
    Layer.PORTRAIT: 500.0,
    Layer.PANORAMIC: 1000.0,
}


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
    ignore: tuple[Polygon, ...] = ()  # detections whose anchor point lies inside do not count

    @property
    def read_url(self) -> str:
        """The URL that is decoded for detection."""
        return self.detect_url or self.url

    @property
    def slo_s(self) -> float:
        """How soon a frame should be analysed, in seconds."""
        return (self.latency_slo_ms or LATENCY_SLO_MS[self.layer]) / 1000

    def zone_polygons(self) -> tuple[tuple[str, tuple[Point, ...]], ...]:
        """Return (zone id, polygon) pairs."""
        return tuple((zone.id, zone.polygon) for zone in self.zones)


#: Metrics tell every camera's name and state without asking who wants to know: loopback only.
LoopbackAddress = Annotated[
    str,
    StringConstraints(
        pattern=r"^(127(\.\d{1,3}){3}|localhost|\[::1\]):"
        r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$"
    ),
    Field(description="a loopback address and a port, such as 127.0.0.1:9464"),
]


class ServiceSettings(Frozen):
    """How the agent runs as a process."""

    status_socket: Path | None = None  # None: /run/edge-agent/status.sock, else in state_dir
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics: LoopbackAddress | None = None  # None: no endpoint
    shed_load: bool = True


class AgentSettings(Frozen):
    """A whole site file."""

    site: Name
    agent_id: Name
    state_dir: Path | None = None  # None: /var/lib/edge-agent as a service, else the user's
    broker: BrokerSettings = BrokerSettings()
    outbox: OutboxSettings = OutboxSettings()
    model: ModelSettings = ModelSettings()
    tracking: TrackingSettings = TrackingSettings()
    service: ServiceSettings = ServiceSettings()
    camera: Annotated[tuple[CameraSettings, ...], Field(min_length=1, max_length=256)]
