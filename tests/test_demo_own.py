"""`edge-agent demo rtsp://…`: a user's own cameras, and where their password never shows."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.errors import AgentError
from tests.rtsp_peers import ScriptedCamera, free_port
from tests.toy_model import write_toy_yolox

PASSWORD = "p@s/s#%:w0rd"
TYPED = "t y/p#e@d"


@pytest.fixture
def toy(tmp_path: Path) -> str:
    (tmp_path / "toy").mkdir()
    return str(write_toy_yolox(tmp_path / "toy"))


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    file.chmod(0o600)
    return str(file)


def failure(*arguments: str, typed: str | None = None) -> AgentError:
    """Return the error that a command line ends with."""
    done = CliRunner().invoke(app, arguments, input=typed)
    assert isinstance(done.exception, AgentError), done.output
    return done.exception


def demo_lines(tmp_path: Path, *arguments: str) -> Iterator[str]:
    """Yield what the command prints, line by line; it must end with 0 within 60 s."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "edge_agent", "demo", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "200"},
    )  # fmt: skip
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        assert process.stdout is not None
        yield from process.stdout
        assert process.wait(20) == 0
    finally:
        guard.cancel()
        process.kill()
        process.wait()


def test_two_cameras_play_and_the_password_shows_nowhere(
    toy: str, password_file: str, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    lines, commands = [], []
    login = ("viewer", PASSWORD)
    with ScriptedCamera(login=login) as one, ScriptedCamera(login=login) as two:
        arguments = [one.url, two.url, "--username", "viewer", "--password-file", password_file]
        arguments += ["--ring", "rural", "--layer", "uav"]
        for line in demo_lines(work, *arguments, "--model", toy, "--seconds", "2", "--keep"):
            lines.append(line)
            if "start" in line.split():
                for child in psutil.Process().children(recursive=True):
                    commands.append(" ".join(child.cmdline()))
        assert one.connections >= 2 <= two.connections  # the visit, then the agent
    text = "".join(lines)
    assert "camera camera-1 answers: h264, 320x240" in text
    assert f"camera camera-2: rural, uav, {two.url}" in text
    assert any("edge_agent run --config" in command for command in commands), text
    rows = {line.split()[0]: line.split() for line in lines if line.split()}
    for camera_id in ("camera-1", "camera-2"):
        assert rows[camera_id][1:3] == ["rural", "uav"]
        assert int(rows[camera_id][5]) > 0, text  # analysed
    kept = [file for file in work.rglob("*") if file.is_file()]
    assert {"site.toml", "agent.log", "outbox.db"} <= {file.name for file in kept}
    for where in [text, *commands, *(file.read_text(errors="replace") for file in kept)]:
        assert PASSWORD not in where


@pytest.mark.parametrize("kind", ["nobody listens", "404", "wrong password"])
def test_a_camera_that_gives_nothing_is_told_in_the_probes_words(
    kind: str, toy: str, password_file: str, tmp_path: Path
) -> None:
    login: tuple[str, ...] = ()
    with ScriptedCamera() as peer:
        url = peer.url
        if kind == "nobody listens":
            url = f"rtsp://127.0.0.1:{free_port()}/live"
        elif kind == "404":
            peer.status = {"DESCRIBE": (404, "Not Found")}
        else:
            peer.login = ("viewer", "another")
            login = ("--username", "viewer", "--password-file", password_file)
        ours = failure("demo", url, "--model", toy, *login)
        probes = failure("probe", url, "--still", str(tmp_path / "still.png"), *login)
    assert str(ours) == str(probes)
    assert type(ours) is type(probes)
    assert PASSWORD not in str(ours)


def test_the_password_is_asked_for_and_a_wrong_one_not_shown(
    toy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return TYPED

    monkeypatch.setattr("getpass.getpass", ask)
    with ScriptedCamera(login=("viewer", "another")) as peer:
        error = failure("demo", peer.url, "--username", "viewer", "--model", toy)
    assert asked == ["password of viewer at the cameras: "]
    assert "401" in str(error)
    assert TYPED not in str(error)


def test_a_password_in_the_address_is_refused_unseen(toy: str) -> None:
    error = failure("demo", f"rtsp://viewer:{PASSWORD}@10.0.0.7/1", "--model", toy)
    assert error.exit_status == 2
    assert "--password-file" in str(error)
    assert PASSWORD not in str(error)


def test_a_quiet_camera_of_a_users_own_is_no_failure(toy: str, tmp_path: Path) -> None:
    blind = Path(toy)
    blind.write_text(blind.read_text().replace("score_threshold = 0.5", "score_threshold = 1.0"))
    with ScriptedCamera() as peer:
        text = "".join(demo_lines(tmp_path, peer.url, "--model", toy, "--seconds", "1"))
    assert "no person and no vehicle was seen by camera camera-1" in text


def test_a_still_of_ones_own_camera(toy: str, tmp_path: Path) -> None:
    with ScriptedCamera() as peer:
        done = CliRunner().invoke(
            app, ["demo", peer.url, "--model", toy, "--picture", "--out", str(tmp_path)]
        )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "demo-camera-1.png").stat().st_size > 1000
    assert not (tmp_path / "demo.png").exists()
