"""`edge-agent draw`: a still with a camera's zones and lines, its tracks and its events."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from edge_agent.clock import SystemClock
from edge_agent.commands.camera_reading import CameraWatch
from edge_agent.commands.drawing.canvas import JPEG, write_still
from edge_agent.commands.replay.expectation import LEFT_OUT
from edge_agent.commands.replay.film import Film, open_film, open_replay_detector
from edge_agent.commands.replay.moments import Item, Moment, camera_named
from edge_agent.commands.replay.player import Model, Player, Told
from edge_agent.commands.replay.stills import WIDTH, Stills
from edge_agent.config import load
from edge_agent.errors import AgentError, UsageError
from edge_agent.settings import AgentSettings, CameraSettings, DecodeMode
from edge_agent.source import open_source
from edge_agent.source.address import is_network, say_endpoint
from edge_agent.types import Detections, EventKind, Frame

_LATEST_S = 5.0  # of events that are written below the picture
_PATIENCE_S = 30.0


@dataclass(slots=True)
class _Latest:
    """The newest frame that was played, and the events up to it."""

    moment: Moment | None = None
    events: list[Told] = field(default_factory=list)
    caught: Moment | None = None  # the frame of the wanted rule's event

    def frames(self, items: Iterator[Item], until_ns: int, camera_id: str) -> Iterator[Item]:
        """Pass items on up to a wall time; frames of the camera are remembered."""
        for item in items:
            if item.wall_ns > until_ns or self.caught is not None:
                return
            if isinstance(item, Moment) and item.detections.ref.camera_id == camera_id:
                self.moment = item
            yield item


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The site file.")],
    camera: Annotated[
        str | None, typer.Option(help="The camera.", show_default="the only one")
    ] = None,
    frame: Annotated[
        str | None,
        typer.Option(
            help="What to draw on: a video, a footage file, kept tracks or scene:NAME, each with "
            "@SECONDS for a later moment.",
            show_default="the camera itself",
        ),
    ] = None,
    rule: Annotated[
        str | None, typer.Option(help="Draw the moment of the first event of this rule.")
    ] = None,
    start: Annotated[
        datetime | None, typer.Option(help="Wall time of the first picture, as in replay.")
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(min=0, max=600, help="Follow a live camera for so long, to draw tracks."),
    ] = 0.0,
    width: Annotated[int, typer.Option(min=320, max=7680, help="Of the still, in px.")] = WIDTH,
    out: Annotated[Path, typer.Option("--out", "-o", help="The still, .png or .jpg.")] = Path(
        "draw.png"
    ),
) -> None:
    """Write a still of a camera with zones, lines, perimeters, tracks and events."""
    logging.getLogger("edge_agent").addHandler(logging.NullHandler())
    if out.suffix.lower() not in (".png", *JPEG):
        raise UsageError(f"--out {out}: the name must end in .png or .jpg")
    settings = load(config)
    chosen = camera_named(settings.camera, camera, str(config))
    what, at_s = _split(frame)
    live = what is None and is_network(chosen.read_url)
    if live and (rule is not None or at_s is not None):
        raise UsageError("draw: --rule belongs to footage: give --frame as well")
    if live:
        said = _draw_live(settings, chosen, seconds, out, width)
    else:
        film = open_film(what or chosen.read_url, settings, chosen.id, start)
        said = _draw_film(settings, film, chosen, at_s, rule, out, width)
    Console(highlight=False, soft_wrap=True).print(f"{out}: {said}", markup=False)


def _split(frame: str | None) -> tuple[str | None, float | None]:
    """Return what --frame names, and the seconds after its @."""
    if frame is None:
        return None, None
    what, at, seconds = frame.rpartition("@")
    if not at:
        return frame, None
    try:
        return what or None, float(seconds)
    except ValueError:
        raise UsageError(f"--frame {frame}: after @ stands a number of seconds") from None


def _draw_film(
    settings: AgentSettings,
    film: Film,
    camera: CameraSettings,
    at_s: float | None,
    rule: str | None,
    out: Path,
    width: int,
) -> str:
    """Play footage up to a moment and draw it. Raises: UsageError where it does not come."""
    if rule is not None and rule not in {r.id for r in camera.rules}:
        known = ", ".join(r.id for r in camera.rules) or "none"
        raise UsageError(f"--rule {rule}: camera {camera.id} has no such rule; it has {known}")
    latest = _Latest()

    def hear(told: Told, moment: Moment | None) -> None:
        latest.events.append(told)
        if rule is not None and told.event.data.get("rule") == rule:
            latest.caught = moment or latest.moment

    stills = Stills(None, settings, film.model.classes, LEFT_OUT)
    player = _player(film, stills, hear)
    ever = at_s is None and rule is not None
    until_ns = 2**62 if ever else film.start_ns + round((at_s or 0.0) * 1e9)
    player.play(latest.frames(film.items, until_ns, camera.id))
    moment = latest.caught or latest.moment
    if rule is not None and latest.caught is None:
        raise UsageError(f"--rule {rule}: it told nothing in this footage; nothing is drawn")
    if moment is None:
        raise UsageError(f"draw: camera {camera.id} has no picture there; nothing is drawn")
    told = _recent(latest.events, camera, moment)
    if rule is not None:
        told = _up_to(rule, told)
    write_still(out, stills.draw(moment, told, width), "--out may name another file")
    return f"{(moment.wall_ns - film.start_ns) / 1e9:.2f} s, {len(told)} events"


def _player(film: Film, stills: Stills, hear: Callable[[Told, Moment | None], None]) -> Player:
    return Player(
        film.settings, film.cameras, film.model, start_ns=film.start_ns, recorded=film.recorded,
        journal=stills.watch, heard=hear,
    )  # fmt: skip


def _recent(events: list[Told], camera: CameraSettings, moment: Moment) -> tuple[Told, ...]:
    """Return the camera's events of the last seconds, those left out in a replay left out."""
    return tuple(
        told
        for told in events
        if told.event.camera_id == camera.id
        and told.event.kind not in LEFT_OUT
        and moment.wall_ns - told.event.wall_ns <= _LATEST_S * 1e9
    )


def _up_to(rule: str, told: tuple[Told, ...]) -> tuple[Told, ...]:
    """Return what led to a rule's event, and the event; who came and went is in the picture."""
    mine = next(place for place, one in enumerate(told) if one.event.data.get("rule") == rule)
    return tuple(
        one for one in told[: mine + 1] if one.event.kind not in (EventKind.START, EventKind.END)
    )


def _draw_live(
    settings: AgentSettings, camera: CameraSettings, seconds: float, out: Path, width: int
) -> str:
    """Draw a camera's picture of now, with tracks where it is followed for some `seconds`.

    Raises: AgentError where no picture comes, and why.
    """
    detector = open_replay_detector(settings) if seconds > 0 else None
    classes = detector.classes if detector is not None else ()
    threshold = detector.score_threshold if detector is not None else 0.0
    model = Model(detector.model_id if detector is not None else "none", classes, threshold)
    stills = Stills(None, settings, classes, LEFT_OUT)
    latest = _Latest()
    frames = _live_frames(camera, seconds)
    for frame in frames:
        found = _nothing(frame) if detector is None else detector.detect([frame], 0).rows(0)
        moment = Moment(found, picture=frame.picture.to_bgr)
        if latest.moment is None:
            player = Player(
                settings, (camera,), model, start_ns=frame.ref.wall_ns, journal=stills.watch,
                heard=lambda told, moment: latest.events.append(told),
            )  # fmt: skip
        latest.moment = moment
        if detector is not None:
            player.play((moment,))
    assert latest.moment is not None
    told = _recent(latest.events, camera, latest.moment)
    write_still(out, stills.draw(latest.moment, told, width), "--out may name another file")
    return f"{say_endpoint(camera.read_url, camera.transport.value)}, {len(told)} events"


def _nothing(frame: Frame) -> Detections:
    return Detections(
        frame.ref, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32)
    )


def _live_frames(camera: CameraSettings, seconds: float) -> Iterator[Frame]:
    """Yield the newest frame of a camera again and again for `seconds`, at least one."""
    watch = CameraWatch()
    settings = camera.model_copy(update={"decode": DecodeMode.ALWAYS})
    source = open_source(
        settings, sink=watch, listener=watch, meter=watch, clock=SystemClock(), rng=random.Random()
    )
    source.start()
    seen: Frame | None = None
    try:
        patience_s = camera.connect_timeout_s + camera.stall_timeout_s + _PATIENCE_S
        until = time.monotonic() + patience_s
        while True:
            _wait_for_next(watch, seen, until)
            if watch.frame is seen:
                break
            if seen is None:
                until = time.monotonic() + seconds
            seen = watch.frame
            if seen is not None:
                yield seen
            if time.monotonic() >= until:
                break
    finally:
        source.request_stop()
        source.join(2.0)
    if seen is None:
        where = say_endpoint(camera.read_url, camera.transport.value)
        why = source.effective_state()["last_error"] or "no picture came"
        raise AgentError(f"camera {camera.id}: {where}: {why}; nothing is drawn")


def _wait_for_next(watch: CameraWatch, seen: Frame | None, until: float) -> None:
    """Wait for another frame than `seen`, or the camera's end, but not beyond a moment."""
    watch.wait(
        lambda: watch.frame is not seen or watch.over is not None,
        max(0.0, until - time.monotonic()),
    )
