"""Where state and the status socket lie, and how named paths are made absolute."""

import os
from pathlib import Path

import pytest

from edge_agent.config import (
    boxed_model,
    load,
    model_manifest,
    places,
    state_dir,
    status_socket,
)
from edge_agent.config.places import Surroundings
from edge_agent.settings import AgentSettings
from tests.config_support import MINIMAL, site_folder, write_site

__all__ = ["site_folder"]


def around(**handed: str) -> Surroundings:
    """Return surroundings of which nothing comes from this process's own environment."""
    return Surroundings(**dict.fromkeys(Surroundings.model_fields, "") | handed)


@pytest.fixture
def settings(site_folder: Path) -> AgentSettings:
    return load(write_site(site_folder, MINIMAL), {})


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for /var/lib/edge-agent and /run/edge-agent, absent; the user is not root."""
    monkeypatch.setattr(places, "SERVICE_STATE", tmp_path / "var")
    monkeypatch.setattr(places, "SERVICE_RUNTIME", tmp_path / "run")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path


def test_the_state_of_a_user(settings: AgentSettings, service: Path) -> None:
    assert state_dir(settings, around(home="/home/ada")) == Path(
        "/home/ada/.local/state/edge-agent"
    )
    chosen = around(home="/home/ada", xdg_state_home="/data")
    assert state_dir(settings, chosen) == Path("/data/edge-agent")
    chosen = around(home="/home/ada", xdg_state_home="relative")
    assert state_dir(settings, chosen) == Path("/home/ada/.local/state/edge-agent")


def test_the_state_of_the_service(
    settings: AgentSettings, service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = around(state_directory="/var/lib/one:/var/lib/two", home="/home/ada")
    assert state_dir(settings, handed) == Path("/var/lib/one")
    (service / "var").mkdir()
    assert state_dir(settings, around(home="/home/ada")) == service / "var"
    (service / "var").rmdir()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_dir(settings, around(home="/root")) == service / "var"


def test_the_file_s_own_places_win(site_folder: Path) -> None:
    text = f'state_dir = "state"\n{MINIMAL}[service]\nstatus_socket = "/tmp/x.sock"\n'
    settings = load(write_site(site_folder, text), {})
    environ = around(state_directory="/var/lib/one", runtime_directory="/run/one")
    assert state_dir(settings, environ) == site_folder / "state"
    assert status_socket(settings, environ) == Path("/tmp/x.sock")


def test_the_socket_of_the_agent_and_of_who_asks_it(settings: AgentSettings, service: Path) -> None:
    environ = around(xdg_state_home=str(service))
    own, served = service / "edge-agent" / "status.sock", service / "run" / "status.sock"
    assert status_socket(settings, around(runtime_directory="/run/one")) == Path(
        "/run/one/status.sock"
    )
    assert status_socket(settings, environ) == own
    assert status_socket(settings, environ, asking=True) == own
    (service / "run").mkdir()
    assert status_socket(settings, environ) == served
    served.touch()
    assert status_socket(settings, environ, asking=True) == served
    own.parent.mkdir()
    own.touch()
    (service / "run").chmod(0o500)
    if not os.access(service / "run", os.W_OK):  # not so for root
        assert status_socket(settings, environ, asking=True) == own


def test_named_paths_count_from_the_file_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc, elsewhere = tmp_path / "etc", tmp_path / "elsewhere"
    etc.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for name in ("ca.pem", "pi.pem", "pi.key", "street.mp4", "detector.toml"):
        (etc / name).write_text("x")
    text = MINIMAL.replace("rtsp://10.0.0.7/101", "street.mp4") + (
        '[broker]\nurl = "mqtts://h"\nca_file = "ca.pem"\n'
        'client_cert_file = "pi.pem"\nclient_key_file = "pi.key"\n'
        '[model]\nmanifest = "detector.toml"\n[service]\nstatus_socket = "status.sock"\n'
    )
    write_site(etc, text)
    settings = load(Path("../etc/site.toml"), {})
    found = [
        settings.broker.ca_file,
        settings.broker.client_cert_file,
        settings.broker.client_key_file,
        settings.model.manifest,
        settings.service.status_socket,
        Path(settings.camera[0].url),
    ]
    assert all(path is not None and path.is_absolute() for path in found)
    assert [path.resolve().parent for path in found if path] == [etc.resolve()] * 6


def test_the_process_s_own_environment_counts(
    settings: AgentSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/one")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/one")
    assert state_dir(settings) == Path("/var/lib/one")
    assert status_socket(settings) == Path("/run/one/status.sock")


def test_the_boxed_detector_is_the_wheel_s_else_the_checkout_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel, checkout = tmp_path / "wheel", tmp_path / "checkout"
    monkeypatch.setattr(places, "_MODEL_FOLDERS", (wheel, checkout))
    assert boxed_model() == wheel / "ring_nano.toml"  # the place that a message names
    for folder in (checkout, wheel):
        folder.mkdir()
        (folder / "ring_nano.toml").touch()
        assert boxed_model() == folder / "ring_nano.toml"


def test_another_detector_goes_before_the_boxed_one(
    settings: AgentSettings, site_folder: Path
) -> None:
    assert model_manifest(settings) == boxed_model()
    (site_folder / "mine.toml").touch()
    named = load(write_site(site_folder, f'{MINIMAL}[model]\nmanifest = "mine.toml"\n'), {})
    assert model_manifest(named) == site_folder / "mine.toml"
