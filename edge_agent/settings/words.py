"""What several tables are made of: names, shares, polygons, and how a table behaves."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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
