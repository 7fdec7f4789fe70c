"""RTSP cameras for the stage: clips played for ever, at real time, by a child process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from edge_agent.errors import UsageError
from edge_agent.stage.child import Child, answers, free_port, start_child

CameraKind = Literal["gstreamer", "pip"]

_HERE = Path(__file__).parent
_SYSTEM_PYTHON = "/usr/bin/python3"
_READY_S = 30.0
_GST_PROBE = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0');"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
    "raise SystemExit(not all(map(Gst.ElementFactory.find, "
    "('qtdemux', 'h264parse', 'rtph264pay', 'appsrc', 'appsink'))))"
)


@dataclass(frozen=True, slots=True)
class RunningCameras:
    """One RTSP server process; `urls` has an address for each camera."""

    kind: CameraKind
    urls: Mapping[str, str]
    child: Child

    def stop(self) -> None:
        """End the server: all its cameras vanish."""
        self.child.stop()


@cache
def gstreamer_usable() -> bool:
    """Return whether the system's Python can run GStreamer's RTSP server."""
    if not Path(_SYSTEM_PYTHON).exists():
        return False
    probe = subprocess.run([_SYSTEM_PYTHON, "-c", _GST_PROBE], capture_output=True, timeout=60)
    return probe.returncode == 0


def choose_cameras(first: CameraKind = "gstreamer") -> CameraKind:
    """Return the server that this machine offers, `first` where it has both.

    Raises: UsageError where there is none.
    """
    offered: dict[CameraKind, Callable[[], bool]] = {
        "gstreamer": gstreamer_usable,
        "pip": lambda: find_spec("aio_rtsp_toolkit") is not None,
    }
    for kind in sorted(offered, key=lambda kind: kind != first):
        if offered[kind]():
            return kind
    raise UsageError(
        "cameras: neither GStreamer's RTSP server nor the Python package aio-rtsp-toolkit is "
        "installed; make setup installs the latter"
    )


def start_cameras(
    folder: Path,
    clips: Mapping[str, Path],
    *,
    kind: CameraKind | None = None,
    cores: Collection[int] = (),
) -> RunningCameras:
    """Play each clip at an address of its own, from its beginning for each client, for ever.

    Args: `folder` takes the log; `clips` maps a camera's name to an MP4 file as `clips.py`
        makes them; `kind` None means what is installed; `cores` pins the server.
    Both kinds serve TCP; UDP is GStreamer's alone.
    Raises: UsageError where no server is installed, AgentError where it does not come up.
    """
    kind = kind or choose_cameras()
    port = free_port()
    if kind == "gstreamer":
        command = [_SYSTEM_PYTHON, str(_HERE / "gst_rtsp_server.py"), "--port", str(port)]
        for name, clip in clips.items():
            command += ["--mount", f"{name}={clip.absolute()}"]
        urls = {name: f"rtsp://127.0.0.1:{port}/{name}" for name in clips}
    else:
        shelf = _shelve(folder, clips)
        command = [sys.executable, "-P", str(_HERE / "pip_rtsp_server.py"), str(shelf), str(port)]
        urls = {name: f"rtsp://127.0.0.1:{port}/{name}.mp4/play_count_0" for name in clips}
    child = start_child(f"cameras {kind}", command, folder, cores=cores)
    try:
        child.wait_until(lambda: answers(port), _READY_S, f"listening on port {port}")
    except BaseException:
        child.stop()
        raise
    return RunningCameras(kind, urls, child)


def _shelve(folder: Path, clips: Mapping[str, Path]) -> Path:
    """Gather the clips in one folder under their cameras' names; the server follows no links."""
    shelf = folder / "clips"
    shelf.mkdir(exist_ok=True)
    for name, clip in clips.items():
        place = shelf / f"{name}.mp4"
        place.unlink(missing_ok=True)
        try:
            os.link(clip, place)
        except OSError:  # another file system
            shutil.copyfile(clip, place)
    return shelf
