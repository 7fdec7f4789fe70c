"""The site files of the bench: the agent on generated streams, or on the user's own cameras."""

from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError

from edge_agent.commands.bench.bed import Bed, Load
from edge_agent.config import load as load_settings
from edge_agent.config.environment import camera_variable
from edge_agent.errors import UsageError
from edge_agent.settings import AgentSettings, CameraSettings
from edge_agent.stage.site import PLAN, status_socket

#: Many streams open at once here, from one server: that is no camera's fault.
_OPENING_S = 30.0

#: Rings and layers by turns, as a town has them. None of the layers forces a decode mode.
_PLACES = (("urban", "panoramic"), ("suburban", "portrait"), ("rural", "panoramic"),
           ("suburban", "portrait"))  # fmt: skip


def require_decode_mode(mode: str) -> None:
    """Raise UsageError where this agent has no such decode mode."""
    camera = {"id": "bench", "url": "rtsp://127.0.0.1/bench", "ring": "urban", "layer": "panoramic"}
    try:
        CameraSettings.model_validate({**camera, "decode": mode})
    except ValidationError as error:
        raise UsageError(f"bench: --decode {mode}: {error.errors()[0]['msg']}") from None


def write_load_site(folder: Path, bed: Bed, load: Load) -> Path:
    """Write the site file of an agent on `bed`'s streams; its state lies in `folder`."""
    cameras = []
    for number, url in enumerate(bed.urls):
        ring, layer = _PLACES[number % len(_PLACES)]
        cameras.append(
            {
                "id": f"cam-{number:03d}",
                "url": url,
                "ring": ring,
                "layer": layer,
                "target_fps": load.target_fps,
                "decode": load.decode,
                "connect_timeout_s": _OPENING_S,
            }
        )
    return _write(
        folder,
        bed,
        {
            "site": "bench",
            "agent_id": "bench",
            "model": {
                "manifest": str(bed.manifest.absolute()),
                # As the measured plan of such a box: two lanes on one core double each wait.
                "plan": {**PLAN, "lanes": len(bed.measured)},
            },
            "camera": cameras,
        },
    )


def write_own_site(folder: Path, bed: Bed, settings: AgentSettings) -> tuple[Path, dict[str, str]]:
    """Write the user's site file with the bench's broker, state folder and status socket.

    Returns: the file, and the environment that hands the cameras' passwords on.
    """
    kept: dict[str, Any] = settings.model_dump(
        mode="json",
        exclude_unset=True,
        exclude_none=True,
        exclude={"broker", "state_dir", "service"},
    )
    for camera in kept["camera"]:
        camera.pop("password", None)
        camera.pop("password_file", None)
    kept.setdefault("model", {})["manifest"] = str(bed.manifest.absolute())
    environment = {
        camera_variable(camera.id): camera.password.get_secret_value()
        for camera in settings.camera
        if camera.password is not None
    }
    return _write(folder, bed, kept), environment


def read_own_site(path: Path) -> AgentSettings:
    """Return the settings of the user's site file. Raises: ConfigError."""
    return load_settings(path)


def _write(folder: Path, bed: Bed, site: dict[str, Any]) -> Path:
    site |= {
        "state_dir": str(folder / "state"),
        "broker": {"url": bed.broker.url},
        "service": {"status_socket": str(status_socket(folder))},
    }
    path = folder / "site.toml"
    path.write_text(tomlkit.dumps(site))
    return path
