"""An event of a frame: what every family of rules says alike of the frame and its camera."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from edge_agent.types import Event, EventKind, FrameRef, Json, Layer, Ring, Severity, TrackReport


class Seen(Protocol):
    """What a family's view knows of its camera."""

    @property
    def camera_id(self) -> str: ...
    @property
    def ring(self) -> Ring: ...
    @property
    def layer(self) -> Layer: ...
    @property
    def model_id(self) -> str: ...


def event_of_frame(
    kind: EventKind,
    severity: Severity,
    ref: FrameRef,
    view: Seen,
    reports: Sequence[TrackReport],
    data: Mapping[str, Json],
) -> Event:
    """Return the event of `kind` that happened in the frame `ref` of the view's camera."""
    return Event(
        kind=kind,
        severity=severity,
        wall_ns=ref.wall_ns,
        time_trusted=ref.time_trusted,
        clock_source=ref.clock_source,
        camera_id=view.camera_id,
        ring=view.ring,
        layer=view.layer,
        connection=ref.connection,
        pts_ns=ref.pts_ns,
        mono_ns=ref.mono_ns,
        frame_wh=ref.wh,
        model_id=view.model_id,
        tracks=tuple(reports),
        data=data,
    )
