"""A whole site file."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from edge_agent.settings.cameras import CameraSettings
from edge_agent.settings.hours import ScheduleSettings, SitePositionSettings, TimeZone
from edge_agent.settings.rings import (
    CountsSettings,
    GridSettings,
    PerimeterSettings,
    PositionSettings,
    RingsSettings,
)
from edge_agent.settings.service import (
    BrokerSettings,
    JournalSettings,
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
    timezone: TimeZone | None = None  # schedules need it
    broker: BrokerSettings = BrokerSettings()
    outbox: OutboxSettings = OutboxSettings()
    journal: JournalSettings = JournalSettings()
    model: ModelSettings = ModelSettings()
    tracking: TrackingSettings = TrackingSettings()
    service: ServiceSettings = ServiceSettings()
    site_position: SitePositionSettings = SitePositionSettings()
    schedules: Annotated[tuple[ScheduleSettings, ...], Field(max_length=256)] = ()
    rings: RingsSettings = RingsSettings()
    positions: Annotated[tuple[PositionSettings, ...], Field(max_length=64)] = ()
    perimeters: Annotated[tuple[PerimeterSettings, ...], Field(max_length=64)] = ()
    grid: GridSettings = GridSettings()
    counts: CountsSettings = CountsSettings()
    camera: Annotated[tuple[CameraSettings, ...], Field(min_length=1, max_length=256)]
