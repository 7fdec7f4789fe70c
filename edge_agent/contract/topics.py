"""Topics: where a message is published, and which wildcard finds it.

    {root}/{site}/{agent}/events/{severity}/{ring}/{layer}/{camera}/{kind}
    {root}/{site}/{agent}/gaps
    {root}/{site}/{agent}/state                        retained; the last will too
    {root}/{site}/{agent}/cameras/{camera}/state       retained

Agent-wide events have `-` for ring, layer and camera. `events` and `gaps` share one sequence.
"""

from edge_agent.types import Event, EventKind

DEFAULT_ROOT = "edge/v1"
#: Stands for ring, layer and camera of an event that concerns the whole agent.
NONE_LEVEL = "-"


def event_topic(root: str, site: str, agent_id: str, event: Event) -> str:
    """Return the topic of `event`; gaps have one of their own."""
    if event.kind is EventKind.GAP:
        return gaps_topic(root, site, agent_id)
    return (
        f"{root}/{site}/{agent_id}/events/{event.severity}/{event.ring or NONE_LEVEL}/"
        f"{event.layer or NONE_LEVEL}/{event.camera_id or NONE_LEVEL}/{event.kind}"
    )


def gaps_topic(root: str, site: str, agent_id: str) -> str:
    """Return where an agent announces the `seq` that will never come."""
    return f"{root}/{site}/{agent_id}/gaps"


def agent_state_topic(root: str, site: str, agent_id: str) -> str:
    """Return where an agent's retained state and its last will stand."""
    return f"{root}/{site}/{agent_id}/state"


def camera_state_topic(root: str, site: str, agent_id: str, camera_id: str) -> str:
    """Return where a camera's retained state stands."""
    return f"{root}/{site}/{agent_id}/cameras/{camera_id}/state"


def event_filter(
    root: str,
    *,
    ring: str | None = None,
    layer: str | None = None,
    camera: str | None = None,
    kind: str | None = None,
    severity: str | None = None,
) -> str:
    """Return the topic filter of all agents' events that fit; None means any."""
    levels = (severity, ring, layer, camera, kind)
    return f"{root}/+/+/events/" + "/".join(level or "+" for level in levels)


def gaps_filter(root: str) -> str:
    """Return the topic filter of all agents' gaps."""
    return gaps_topic(root, "+", "+")


def agent_state_filter(root: str) -> str:
    """Return the topic filter of all agents' states."""
    return agent_state_topic(root, "+", "+")


def camera_state_filter(root: str) -> str:
    """Return the topic filter of all cameras' states."""
    return camera_state_topic(root, "+", "+", "+")
