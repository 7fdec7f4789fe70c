"""The contract with receivers: topics, messages and how they are written and read; pure."""

from edge_agent.contract.encode import (
    encode_agent_state,
    encode_camera_state,
    encode_event,
    wall_text,
)
from edge_agent.contract.ledger import Ledger
from edge_agent.contract.models import (
    SCHEMA_VERSION,
    AgentStateMessage,
    CameraStateMessage,
    EventMessage,
    GapMessage,
)
from edge_agent.contract.parse import AnyMessage, parse_message

__all__ = [
    "SCHEMA_VERSION",
    "AgentStateMessage",
    "AnyMessage",
    "CameraStateMessage",
    "EventMessage",
    "GapMessage",
    "Ledger",
    "encode_agent_state",
    "encode_camera_state",
    "encode_event",
    "parse_message",
    "wall_text",
]
