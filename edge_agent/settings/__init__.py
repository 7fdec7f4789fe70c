"""The frozen settings types. `config/` fills them from TOML, the environment and files.

Ranges and defaults stand here and nowhere else; `configs/agent.example.toml` is held equal
to them by a test, and `config/` words its messages from these types: a text's `description`
is what a person reads after "allowed:". What several keys must be to one another stands in
`config/cross_checks.py`. Nothing here reads a file.
"""

from edge_agent.settings.cameras import (
    LATENCY_SLO_MS,
    CameraSettings,
    ClassLimits,
    DecodeMode,
    Transport,
    ZoneSettings,
)
from edge_agent.settings.rules import (
    Anchor,
    GroundSettings,
    LineSettings,
    RuleKind,
    RuleSettings,
    TamperWord,
    Way,
)
from edge_agent.settings.service import (
    BatchSize,
    BrokerSettings,
    JournalSettings,
    Lanes,
    LoopbackAddress,
    ModelSettings,
    OutboxSettings,
    Plan,
    PlanSettings,
    ServiceSettings,
    Threads,
    TrackingSettings,
)
from edge_agent.settings.site import AgentSettings
from edge_agent.settings.words import Frozen, Name, Norm, Polygon, Score, TopicRoot, Username

__all__ = [
    "LATENCY_SLO_MS",
    "AgentSettings",
    "Anchor",
    "BatchSize",
    "BrokerSettings",
    "CameraSettings",
    "ClassLimits",
    "DecodeMode",
    "Frozen",
    "GroundSettings",
    "JournalSettings",
    "Lanes",
    "LineSettings",
    "LoopbackAddress",
    "ModelSettings",
    "Name",
    "Norm",
    "OutboxSettings",
    "Plan",
    "PlanSettings",
    "Polygon",
    "RuleKind",
    "RuleSettings",
    "Score",
    "ServiceSettings",
    "TamperWord",
    "Threads",
    "TopicRoot",
    "TrackingSettings",
    "Transport",
    "Username",
    "Way",
    "ZoneSettings",
]
