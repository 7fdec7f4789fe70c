"""`edge-agent probe`: connect to one camera, say what it sends, save a still."""

import json as json_text
import logging
import random
from pathlib import Path
from typing import Annotated

import cv2
import typer

from edge_agent.clock import Clock, SystemClock
from edge_agent.commands.camera_reading import CameraWatch, read_password, refuse_credentials
from edge_agent.config import load
from edge_agent.errors import SourceError, UsageError
from edge_agent.ports import Source
from edge_agent.settings import CameraSettings, Transport
from edge_agent.source import open_source
from edge_agent.source.address import host_port, is_network, say_endpoint
from edge_agent.source.failure import Failure, FailureWord
from edge_agent.types import (
    CameraState,
    ClockSource,
    Frame,
    Json,
    Layer,
    Ring,
)

#: What to look at first, by what went wrong.
_HINTS = {
    FailureWord.UNREACHABLE: "check the address, the cable and this machine's network",
    FailureWord.PORT_CLOSED: "check the port; 554 is RTSP's own",
    FailureWord.NO_ANSWER: "check the address and the firewalls between here and there",
    FailureWord.CREDENTIALS: "check --username and the password",
    FailureWord.PATH: "check the path; the camera's manual names its streams",
    FailureWord.REFUSED: "check that the address is an RTSP stream",
    FailureWord.NO_VIDEO: "check the path, and whether --transport udp or tcp gets through",
    FailureWord.CLOSED: "the camera may be at its limit of viewers",
    FailureWord.STALLED: "the stream stopped; check the camera's load and the network",
    FailureWord.FILE: "check the path and the file",
}


def command(
    url: Annotated[str | None, typer.Argument(help="rtsp://HOST[:PORT]/PATH or a file.")] = None,
    camera: Annotated[str | None, typer.Option(help="A camera's id in --config.")] = None,
    config: Annotated[Path | None, typer.Option(help="The site file that names --camera.")] = None,
    username: Annotated[
        str | None, typer.Option(help="User of the camera; asks for a password.")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="File with the password.")] = None,
    transport: Annotated[Transport | None, typer.Option(help="How the video comes.")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long to measure.")] = 5.0,
    still: Annotated[
        Path | None,
        typer.Option(help="Where the still goes.", show_default="probe-CAMERA.png, probe-HOST.png"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Connect to a camera and say what it sends: codec, size, rates, clock; save a still."""
    # What the reader logs, the probe says better; without a handler it would go to stderr.
    logging.getLogger("edge_agent").addHandler(logging.NullHandler())
    settings = _settings(url, camera, config, username, password_file, transport)
    report = probe(settings, seconds=seconds, still=_still_path(settings, still, camera))
    typer.echo(json_text.dumps(report) if json else _in_words(report))


def probe(
    settings: CameraSettings, *, seconds: float, still: Path, clock: Clock | None = None
) -> dict[str, Json]:
    """Return what the camera sends within `seconds` after its first frame; write `still`.

    Raises: SourceError (SourceRefused, SourceStalled) saying what went wrong and what to check.
    """
    watch = CameraWatch()
    clock = clock or SystemClock()
    source = open_source(
        settings, sink=watch, listener=watch, meter=watch, clock=clock, rng=random.Random()
    )
    source.start()
    try:
        patience_s = settings.connect_timeout_s + settings.stall_timeout_s
        watch.wait(lambda: watch.frame is not None or watch.over is not None, patience_s)
        if watch.frame is not None:
            watch.wait(lambda: watch.over is not None, seconds)
        lost = watch.over is not None and watch.over.state is CameraState.LOST
        if watch.frame is None or lost:
            raise _failed(settings, source, patience_s)
        state = source.effective_state()
        frame = watch.frame
    finally:
        source.request_stop()
        source.join(2.0)
    _save(frame, still)
    endpoint = say_endpoint(settings.read_url, settings.transport.value)
    return {"camera": endpoint, **state, **_clock(frame, clock), "still": str(still)}


def _failed(settings: CameraSettings, source: Source, patience_s: float) -> SourceError:
    state = source.effective_state()
    if state["last_failure"] is None:
        text = f"connected, but no picture could be decoded for {patience_s:.1f} s"
        failure = Failure(FailureWord.NO_VIDEO, text)
    else:
        failure = Failure(FailureWord(state["last_failure"]), state["last_error"])
    hint = Failure(failure.word, f"{failure.text}; {_HINTS[failure.word]}")
    return hint.error(say_endpoint(settings.read_url, settings.transport.value))


def _clock(frame: Frame, clock: Clock) -> dict[str, Json]:
    """Return the clock's source and how far it is ahead of this machine's, in seconds."""
    arrived_ns = clock.wall_ns() - clock.mono_ns() + frame.ref.mono_ns
    ahead_s = round((frame.ref.wall_ns - arrived_ns) / 1e9, 3)
    rtcp = frame.ref.clock_source is ClockSource.RTCP
    return {
        "clock_source": frame.ref.clock_source.value,
        "clock_ahead_s": ahead_s if rtcp else None,
    }


def _save(frame: Frame, still: Path) -> None:
    _, data = cv2.imencode(still.suffix, frame.picture.to_bgr())
    try:
        still.write_bytes(data.tobytes())
    except OSError as error:
        raise UsageError(f"--still {still}: {error.strerror}; name a writable path") from error


def _settings(
    url: str | None,
    camera: str | None,
    config: Path | None,
    username: str | None,
    password_file: Path | None,
    transport: Transport | None,
) -> CameraSettings:
    """Return the camera that the command line means. Raises: UsageError, ConfigError."""
    if url is not None:
        refuse_credentials(url, ", or --camera ID with --config")
    if (url is None) == (camera is None):
        raise UsageError("give an address, or --camera ID with --config FILE")
    if camera is not None:
        settings = _configured(camera, config)
        changes: dict[str, object] = {"target_fps": 60.0, "loop": False, "realtime": True}
    else:
        settings = CameraSettings(
            id="probe", url=url or "", ring=Ring.URBAN, layer=Layer.PORTRAIT, target_fps=60.0
        )
        changes = {}
    if transport is not None:
        changes["transport"] = transport
    endpoint = say_endpoint(settings.read_url, settings.transport.value)
    password = read_password(username, password_file, endpoint)
    if username is not None:
        changes |= {"username": username, "password": password}
    return settings.model_copy(update=changes)


def _configured(camera: str, config: Path | None) -> CameraSettings:
    if config is None:
        raise UsageError(f"--camera {camera} needs --config FILE, the site file that names it")
    cameras = {entry.id: entry for entry in load(config).camera}
    if camera not in cameras:
        known = ", ".join(sorted(cameras))
        raise UsageError(f"--camera {camera}: {config} has no such camera; it has {known}")
    return cameras[camera]


def _still_path(settings: CameraSettings, wanted: Path | None, camera: str | None) -> Path:
    """Return where the still goes: as wanted, or into the working folder.

    There it is `probe-<camera>.png` with a site's camera, many of which may be one recorder's, else
    `probe-<host>.png`.
    """
    if wanted is not None:
        if not cv2.haveImageWriter(wanted.name):
            raise UsageError(f"--still {wanted}: the name must end in a picture's .png or .jpg")
        return wanted
    if camera is not None:
        return Path(f"probe-{camera}.png")
    if not is_network(settings.read_url):
        return Path(f"probe-{Path(settings.read_url).stem}.png")
    try:
        return Path(f"probe-{host_port(settings.read_url)[0].replace(':', '-')}.png")
    except ValueError as error:
        raise UsageError(str(error)) from error


def _in_words(report: dict[str, Json]) -> str:
    """Return the report as lines for people."""

    def told(key: str, unit: str) -> str:
        return "unknown" if report[key] is None else f"{report[key]:g}{unit}"

    width, height = report["wh"]
    profile = f" ({report['profile']})" if report["profile"] else ""
    every = "no second one came while it was watched; --seconds N watches longer"
    if report["keyframe_interval_frames"] is not None:
        seconds, frames = told("keyframe_interval_s", " s"), report["keyframe_interval_frames"]
        every = f"every {seconds}, {frames} frames"
    clock = "arrival at this machine (no sender report came while it was watched)"
    if report["clock_ahead_s"] is not None:
        clock = f"rtcp, {report['clock_ahead_s']:+.3f} s against this machine's clock"
    rows = {
        "camera": report["camera"],
        "codec": f"{report['codec']}{profile}, decoder {report['decoder']}",
        "size": f"{width}x{height}",
        "fps": f"{told('declared_fps', '')} declared, {told('measured_fps', '')} measured",
        "keyframes": every,
        "bitrate": told("kbit_s", " kbit/s"),
        "clock": clock,
        "still": report["still"],
    }
    return "\n".join(f"{name:<10} {text}" for name, text in rows.items())
