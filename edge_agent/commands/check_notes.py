"""What `check` remarks though it keeps nothing from starting."""

import ipaddress
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.config.access import User, find_user, reading_fault, writing_fault
from edge_agent.config.places import SERVICE_STATE, model_manifest
from edge_agent.policy.decoding import default_decode_mode
from edge_agent.settings import AgentSettings, DecodeMode
from edge_agent.settings.hours import NEVER

SERVICE_USER = "edge-agent"


def notes(
    settings: AgentSettings, config: Path, model: Path, service: User | None = None
) -> list[str]:
    """Return remarks, one line each: what the service's user cannot reach, what lies open.

    `service` is the user of the installed service, looked up where it is None; on a machine
    without that user nothing is said about it.
    """
    service = service or find_user(SERVICE_USER)
    found = [*_open_secrets(settings), *_bare_logins(settings), *_daring_modes(settings)]
    if service is not None:
        found += _service_faults(settings, [config, *_named_files(settings, model)], service)
    return found


def _secret_files(settings: AgentSettings) -> list[Path]:
    cameras = (camera.password_file for camera in settings.camera)
    named = (settings.broker.password_file, settings.broker.client_key_file, *cameras)
    return list(dict.fromkeys(file for file in named if file is not None))


def _named_files(settings: AgentSettings, model: Path) -> list[Path]:
    broker = settings.broker
    named = [broker.ca_file, broker.client_cert_file, model_manifest(settings), model]
    named += [settings.rings.file, settings.grid.file]
    videos = {camera.read_url for camera in settings.camera if "://" not in camera.read_url}
    files = [file for file in named if file is not None]
    return [*_secret_files(settings), *files, *map(Path, sorted(videos))]


def _service_faults(settings: AgentSettings, files: list[Path], service: User) -> Iterator[str]:
    handed = os.environ.get("CREDENTIALS_DIRECTORY")
    for file in files:
        if handed and file.is_relative_to(handed):
            continue
        fault = reading_fault(file, service)
        if fault:
            yield f"{file}: {fault}"
    yield from _state_faults(settings.state_dir, service)


def _state_faults(chosen: Path | None, service: User) -> Iterator[str]:
    """systemd makes the service's own state folder; any other one it hides behind a sandbox."""
    if chosen is not None and not chosen.is_relative_to(SERVICE_STATE):
        yield (
            f"state_dir {chosen}: the service may write only below {SERVICE_STATE}; run: "
            f"systemctl edit edge-agent, and add ReadWritePaths={chosen} under [Service]"
        )
    folder = chosen or SERVICE_STATE
    if chosen is not None or folder.exists():
        fault = writing_fault(folder, service)
        if fault:
            yield f"state_dir {folder}: {fault}"


def _open_secrets(settings: AgentSettings) -> Iterator[str]:
    for file in _secret_files(settings):
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & stat.S_IROTH:
            yield (
                f"{file}: mode {mode:04o}, every user of this machine can read this secret; "
                f"run: chmod o= {file}"
            )


def _bare_logins(settings: AgentSettings) -> Iterator[str]:
    broker = settings.broker
    if broker.password and broker.url.startswith("mqtt://") and not _is_loopback(broker.url):
        yield (
            "broker: the password crosses the network unencrypted (mqtt://); "
            "use mqtts:// where the broker offers it"
        )
    for camera in settings.camera:
        if camera.username and camera.password is None:
            yield f"camera {camera.id}: username {camera.username} without a password"


def _daring_modes(settings: AgentSettings) -> Iterator[str]:
    """Hours and decode modes of the site file that lose what the camera is there for."""
    for camera in settings.camera:
        if camera.hours == NEVER:
            yield f"camera {camera.id}: hours never: nothing that it sees is ever told"
        if camera.decode is DecodeMode.KEYFRAMES:
            yield (
                f"camera {camera.id}: decode keyframes analyses one picture in some seconds: "
                "what moves is not tracked"
            )
        elif camera.decode is DecodeMode.ON_DEMAND and default_decode_mode(camera)[0] is (
            DecodeMode.ALWAYS
        ):
            yield (
                f"camera {camera.id}: decode on_demand at a camera that is decoded always by its "
                f"{default_decode_mode(camera)[1]}: what it misses asleep is in its miss rate"
            )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
