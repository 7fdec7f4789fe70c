"""From (topic, payload) to a model, for receivers."""

from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from edge_agent.contract.models import AgentStateMessage, CameraStateMessage, EventMessage
from edge_agent.contract.topics import DEFAULT_ROOT

AnyMessage: TypeAlias = EventMessage | AgentStateMessage | CameraStateMessage

_EVENT: TypeAdapter[EventMessage] = TypeAdapter(EventMessage)
_AGENT_STATE = TypeAdapter(AgentStateMessage)
_CAMERA_STATE = TypeAdapter(CameraStateMessage)


def parse_message(topic: str, payload: bytes, *, root: str = DEFAULT_ROOT) -> AnyMessage:
    """Return the message that `payload` on `topic` is.

    Raises: ValueError naming the topic and the first thing that is wrong.
    """
    levels = topic.removeprefix(f"{root}/").split("/")
    if not topic.startswith(f"{root}/") or len(levels) < 3:
        raise ValueError(f"topic {topic} is not one of an agent under {root}")
    match levels[2:]:
        case ["events", _, _, _, _, _] | ["gaps"]:
            adapter: TypeAdapter[AnyMessage] = _EVENT  # type: ignore[assignment]
        case ["state"]:
            adapter = _AGENT_STATE  # type: ignore[assignment]
        case ["cameras", _, "state"]:
            adapter = _CAMERA_STATE  # type: ignore[assignment]
        case _:
            raise ValueError(f"topic {topic} is none that this version knows")
    try:
        return adapter.validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "payload"
        raise ValueError(f"message on {topic}: {place}: {first['msg']}") from error
