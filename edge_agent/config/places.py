"""What counts where the site file does not say: state, status socket, and the boxed detector."""

import os
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from edge_agent.settings import AgentSettings

SERVICE_STATE = Path("/var/lib/edge-agent")
SERVICE_RUNTIME = Path("/run/edge-agent")
_SOCKET = "status.sock"
_PACKAGE = Path(__file__).parents[1]
#: Where the wheel puts the models, and where a checkout has them.
_MODEL_FOLDERS = (_PACKAGE / "models", _PACKAGE.parent / "models")


class Surroundings(BaseSettings):
    """The folders that systemd and the desktop hand to a process through its environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    state_directory: str = ""
    runtime_directory: str = ""
    xdg_state_home: str = ""
    home: str = ""


def state_dir(settings: AgentSettings, around: Surroundings | None = None) -> Path:
    """Return the folder of the outbox and the lock; it need not exist yet.

    The site file's, else systemd's, else `/var/lib/edge-agent` for root and for a user who may
    write there, else the user's own.
    Sources: systemd.exec(5), StateDirectory=; XDG Base Directory Specification 0.8.
    """
    return settings.state_dir or default_state_dir(around)


def default_state_dir(around: Surroundings | None = None) -> Path:
    """Return the state folder where no site file names one, see `state_dir`."""
    around = around or Surroundings()
    handed = around.state_directory.partition(":")[0]
    if handed:
        return Path(handed)
    if os.geteuid() == 0 or os.access(SERVICE_STATE, os.W_OK | os.X_OK):
        return SERVICE_STATE
    own = Path(around.xdg_state_home)
    if not own.is_absolute():  # the specification has relative ones ignored
        own = Path(around.home or Path.home()) / ".local" / "state"
    return own / "edge-agent"


def journal_dir(state: Path) -> Path:
    """Return the folder of the kept tracks within the state folder; it need not exist yet."""
    return state / "journal"


def boxed_model(name: str = "ring_nano") -> Path:
    """Return the manifest of a model that comes with the agent, in a wheel or in a checkout."""
    places = [folder / f"{name}.toml" for folder in _MODEL_FOLDERS]
    return next((place for place in places if place.is_file()), places[0])


def model_manifest(settings: AgentSettings) -> Path:
    """Return the manifest of the detector that runs: the site file's, else the boxed one."""
    return settings.model.manifest or boxed_model()


def model_store(state: Path) -> Path:
    """Return the folder of the user's own models in the state folder; it need not exist yet."""
    return state / "models"


def stored_manifest(state: Path, name: str) -> Path:
    """Return where the manifest of the model called `name` lies in the store."""
    return model_store(state) / name / f"{name}.toml"


def status_socket(
    settings: AgentSettings, around: Surroundings | None = None, *, asking: bool = False
) -> Path:
    """Return where the agent opens its status socket; the folder need not exist yet.

    The site file's, else in systemd's runtime folder, else in `/run/edge-agent` where that may
    be written, else in the state folder. A client is `asking`: members of the service's group
    may enter `/run/edge-agent` but not write there, so for them an existing socket counts.
    Source: systemd.exec(5), RuntimeDirectory=.
    """
    around = around or Surroundings()
    if settings.service.status_socket is not None:
        return settings.service.status_socket
    handed = around.runtime_directory.partition(":")[0]
    if handed:
        return Path(handed) / _SOCKET
    service, own = SERVICE_RUNTIME / _SOCKET, state_dir(settings, around) / _SOCKET
    if asking and not os.path.exists(own) and os.path.exists(service):
        return service
    return service if os.access(SERVICE_RUNTIME, os.W_OK | os.X_OK) else own
