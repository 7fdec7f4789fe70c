"""Who sends: what every message carries beside its own content."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """The agent, its site and this start of its process."""

    agent_id: str
    site: str
    boot_id: str
