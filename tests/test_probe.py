"""`edge-agent probe`: what it says of a camera, and how it tells failures apart."""

import json
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commands.probe import probe
from edge_agent.errors import AgentError, SourceStalled
from tests.clips import access_units, clip
from tests.rtsp_peers import (
    DEFAULT_SDP,
    FIRST_STAMP,
    ScriptedCamera,
    Wire,
    black_hole,
    free_port,
    play_for_ever,
)
from tests.source_recorder import camera

PASSWORD = "p@s/s#%:w0rd"


class Result:
    """How a run of the command ended."""

    def __init__(self, *arguments: str, typed: str | None = None) -> None:
        done = CliRunner().invoke(app, ["probe", *arguments], input=typed)
        self.error = done.exception if isinstance(done.exception, AgentError) else None
        if done.exception is not None and self.error is None and done.exit_code == 1:
            raise done.exception
        self.status = self.error.exit_status if self.error else done.exit_code
        self.text = done.output + (str(self.error) if self.error else "")


@pytest.fixture
def still(tmp_path: Path) -> str:
    return str(tmp_path / "still.png")


def test_it_says_what_a_camera_sends_and_saves_a_still(still: str) -> None:
    with ScriptedCamera() as peer:
        result = Result(peer.url, "--seconds", "2", "--still", still)
    assert result.status == 0, result.text
    lines = dict(line.split(maxsplit=1) for line in result.text.splitlines())
    assert lines["camera"] == f"tcp {peer.url}"
    assert lines["codec"] == "h264 (Constrained Baseline), decoder h264"
    assert lines["size"] == "320x240"
    assert lines["fps"].startswith("25 declared, 2")
    assert lines["keyframes"] == "every 1 s, 25 frames"
    assert lines["bitrate"].endswith(" kbit/s")
    assert lines["clock"].startswith("arrival at this machine")
    assert cv2.imread(still).shape == (240, 320, 3)


def test_it_tells_the_clocks_offset_and_speaks_json(still: str) -> None:
    def script(wire: Wire) -> None:
        wire.sender_report(time.time_ns() + 2_000_000_000, FIRST_STAMP)
        play_for_ever(wire)

    with ScriptedCamera(script=script) as peer:
        result = Result(peer.url, "--seconds", "0.5", "--still", still, "--json")
    report = json.loads(result.text)
    assert report["clock_source"] == "rtcp"
    assert report["clock_ahead_s"] == pytest.approx(2, abs=0.5)
    assert report["wh"] == [320, 240]
    assert report["still"] == still


def test_a_file_can_be_probed(still: str) -> None:
    result = Result(str(clip()), "--seconds", "1", "--still", still)
    assert result.status == 0, result.text
    assert "320x240" in result.text


def test_the_still_is_named_after_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ScriptedCamera() as peer:
        Result(peer.url, "--seconds", "0.5")
    assert [path.name for path in tmp_path.iterdir()] == ["probe-127.0.0.1.png"]


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ({"status": {"DESCRIBE": (401, "No")}}, "(no user name was given); check --username"),
        ({"status": {"DESCRIBE": (404, "No")}}, "the address has no such path; check the path"),
        ({"sdp": DEFAULT_SDP.replace("video", "audio")}, "no video in its description; check"),
        ({"sdp": "v=0\n"}, "no video in its description"),
    ],
    ids=["401", "404", "audio only", "no sdp"],
)
def test_failures_are_told_apart(peer: dict[str, Any], expected: str, still: str) -> None:
    with ScriptedCamera(**peer) as server:
        result = Result(server.url, "--still", still)
    assert result.status == 1
    assert result.text.startswith(f"tcp {server.url}: ")
    assert expected in result.text
    assert not Path(still).exists()


def test_a_refused_port_and_an_unknown_host(still: str) -> None:
    refused = Result(f"rtsp://127.0.0.1:{free_port()}/x", "--still", still)
    unknown = Result("rtsp://no-such-host.invalid/x", "--still", still)
    assert (refused.status, unknown.status) == (1, 1)
    assert "connection refused: nobody listens on the port; check the port" in refused.text
    assert "not reachable: " in unknown.text


def test_a_silent_camera_and_a_black_hole(tmp_path: Path) -> None:
    with ScriptedCamera(say="nothing") as peer, black_hole() as port:
        for url in (peer.url, f"rtsp://127.0.0.1:{port}/x"):
            settings = camera(url, connect_timeout_s=1.0)
            with pytest.raises(SourceStalled, match=r"no answer for 1\.\d s; check the address"):
                probe(settings, seconds=1, still=tmp_path / "still.png")


def test_a_stream_that_breaks_off_is_a_failure(still: str) -> None:
    def script(wire: Wire) -> None:
        wire.pictures(access_units()[:20], pace_s=0.01)

    with ScriptedCamera(script=script) as peer:
        result = Result(peer.url, "--still", still)
    assert result.status == 1
    assert "the camera ended the connection; the camera may be at its limit" in result.text


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:S3cret@10.0.0.7/101",
        "rtsp://admin:S3cret#@10.0.0.7/101",
        "rtsp://admin:/S3cret@10.0.0.7/101",
    ],
)
def test_a_password_in_the_argument_is_refused_and_not_repeated(url: str) -> None:
    result = Result(url)
    assert result.status == 2
    assert "`ps` shows arguments" in result.text
    assert "--password-file" in result.text
    assert "S3cret" not in result.text
    assert "admin" not in result.text


def test_the_password_comes_from_a_file(tmp_path: Path, still: str) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    with ScriptedCamera(login=("admin", PASSWORD)) as peer:
        options = ("--username", "admin", "--password-file", str(secret), "--seconds", "0.5")
        result = Result(peer.url, *options, "--still", still)
    assert result.status == 0, result.text
    assert "w0rd" not in result.text


def test_the_password_is_asked_for(still: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return PASSWORD

    monkeypatch.setattr("getpass.getpass", answer)
    with ScriptedCamera(login=("admin", PASSWORD)) as peer:
        result = Result(peer.url, "--username", "admin", "--seconds", "0.5", "--still", still)
    assert result.status == 0, result.text
    assert asked == [f"password of admin at tcp {peer.url}: "]


def test_a_wrong_password_is_told_and_not_repeated(tmp_path: Path, still: str) -> None:
    secret = tmp_path / "password"
    secret.write_text("wr0ng")
    with ScriptedCamera(login=("admin", PASSWORD)) as peer:
        options = ("--username", "admin", "--password-file", str(secret))
        result = Result(peer.url, *options, "--still", still)
    assert result.status == 1
    assert "401 Unauthorized (user 'admin' and its password)" in result.text
    assert "wr0ng" not in result.text


def site_file(folder: Path, url: str) -> Path:
    secret = folder / "gate.password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    path = folder / "site.toml"
    path.write_text(
        'site = "town"\nagent_id = "box"\n'
        f'[[camera]]\nid = "gate"\nurl = "{url}"\nring = "urban"\nlayer = "portrait"\n'
        f'username = "admin"\npassword_file = "{secret}"\n'
    )
    return path


def test_a_camera_of_a_site_file(tmp_path: Path, still: str) -> None:
    with ScriptedCamera(login=("admin", PASSWORD)) as peer:
        path = site_file(tmp_path, peer.url)
        options = ("--camera", "gate", "--config", str(path), "--seconds", "0.5")
        result = Result(*options, "--still", still)
    assert result.status == 0, result.text
    assert f"tcp {peer.url}" in result.text


def test_cameras_of_one_recorder_keep_a_still_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ScriptedCamera(login=("admin", PASSWORD)) as peer:
        path = site_file(tmp_path, peer.url)
        result = Result("--camera", "gate", "--config", str(path), "--seconds", "0.5")
    assert result.status == 0, result.text
    assert cv2.imread("probe-gate.png").shape == (240, 320, 3)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "give an address, or --camera ID with --config FILE"),
        (("rtsp://h/x", "--camera", "gate"), "give an address, or --camera ID"),
        (("--camera", "gate"), "--camera gate needs --config FILE"),
        (("rtsp://h/x", "--password-file", "x"), "--password-file needs --username"),
        (("rtsp://h/x", "--username", "a", "--password-file", "/no/such"), "No such file"),
        (("rtsp:///x",), "names no host"),
    ],
)
def test_command_lines_that_cannot_be_carried_out(
    arguments: tuple[str, ...], expected: str
) -> None:
    result = Result(*arguments)
    assert result.status == 2
    assert expected in result.text


def test_an_unknown_camera_names_the_known_ones(tmp_path: Path) -> None:
    path = site_file(tmp_path, "rtsp://127.0.0.1/x")
    result = Result("--camera", "yard", "--config", str(path))
    assert result.status == 2
    assert "has no such camera; it has gate" in result.text


@pytest.mark.parametrize("name", ["still.xyz", "no/such/folder/still.png"])
def test_a_still_that_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    result = Result(str(clip()), "--seconds", "0.5", "--still", str(tmp_path / name))
    assert result.status == 2
    assert "--still" in result.text
