"""The tables of the agent itself: broker, outbox, model, tracking, service."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from edge_agent.settings.words import Frozen, TopicRoot, Username


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


class JournalSettings(Frozen):
    """The tracks that the agent keeps for `edge-agent replay`; the oldest go first."""

    enabled: bool = True
    max_mb: Annotated[float, Field(ge=1, le=1_000_000)] = 256.0
    max_age_h: Annotated[float, Field(gt=0, le=24 * 366)] = 48.0  # by the clock, once trusted


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
