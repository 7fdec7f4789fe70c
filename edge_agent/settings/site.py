"""A whole site file."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from edge_agent.settings.cameras import CameraSettings
from edge_agent.settings.service import (
    BrokerSettings,
    ModelSettings,
    OutboxSettings,
    ServiceSettings,
    TrackingSettings,
)
from edge_agent.settings.words import Frozen, Name


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
