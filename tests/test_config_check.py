"""`edge-agent check`: what it prints, where, with which exit status, and never a secret."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commands import check_notes
from edge_agent.config import load
from edge_agent.config.access import User
from tests.config_support import MINIMAL, NOBODY, site_folder, write_site

__all__ = ["site_folder"]

SECRET = "hunter2"
STRANGER = User("edge-agent", NOBODY, NOBODY, frozenset([NOBODY]))
MODEL = "[model]\nmanifest = 'detector.toml'\n"
MANIFEST = """\
name = "toy"
file = "toy.onnx"
sha256 = "{hash}"
family = "yolox"
input_wh = [416, 416]
channels = "bgr"
letterbox = "top_left"
labels = "coco"
score_threshold = 0.3
licence = "Apache-2.0"
source = "made up"
"""
FULL = f"""\
site = "old-town"
agent_id = "pi-1"
state_dir = "state"

[[camera]]
id = "gate-north"
url = "rtsp://10.0.0.7/101"
detect_url = "rtsp://10.0.0.7/102"
username = "viewer"
password_file = "gate.password"
ring = "urban"
layer = "portrait"
ignore = [[[0, 0], [1, 0], [1, 0.2]]]
zones = [{{ id = "door", polygon = [[0, 0], [1, 0], [1, 1]] }}]

[[camera]]
id = "yard"
url = "rtsp://10.0.0.8/1"
ring = "rural"
layer = "panoramic"
transport = "udp"
target_fps = 0.5

[broker]
url = "mqtt://broker.local"
username = "pi"
password_file = "broker.password"
{MODEL}"""


def write_model(folder: Path) -> None:
    (folder / "toy.onnx").write_bytes(b"onnx")
    digest = hashlib.sha256(b"onnx").hexdigest()
    (folder / "detector.toml").write_text(MANIFEST.format(hash=digest))


def write_full(folder: Path) -> Path:
    write_model(folder)
    for name in ("gate.password", "broker.password"):
        (folder / name).write_text(f"{SECRET}\n")
        (folder / name).chmod(0o600)
    return write_site(folder, FULL)


@pytest.fixture(autouse=True)
def _no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the service's user."""
    monkeypatch.setattr(check_notes, "find_user", lambda name: None)


def check(*options: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["check", "--config", "site.toml", *options])
    assert SECRET not in result.stdout + result.stderr
    return result.exit_code, result.stdout, result.stderr


def test_a_good_file_tells_what_would_run(site_folder: Path) -> None:
    write_full(site_folder)
    status, out, err = check()
    assert (status, err) == (0, "")
    lines = out.splitlines()
    digest = hashlib.sha256(b"onnx").hexdigest()[:12]
    assert lines == [
        "site.toml: nothing is wrong",
        "agent    pi-1 at site old-town",
        f"state    {site_folder}/state",
        lines[3],
        "broker   mqtt://broker.local as pi with a password, topics under edge/v1/old-town/pi-1/",
        f"model    toy@{digest}, scores from 0.3, provider auto",
        "classes  person, vehicle/bicycle, vehicle/car, vehicle/motorcycle, vehicle/bus, "
        "vehicle/truck",
        "plan     ? × ? × ? (lanes × threads × batch); the first start measures it, at most 20 s",
        "         latency budget 200 ms, window 5 ms, staleness 1000 ms",
        "cameras  2, together 5.5 pictures a second to analyse",
        "",
        "camera      ring   layer      fps  transport  decode     zones            picture from",
        "gate-north  urban  portrait   5    tcp        always     door +1 ignored  "
        "rtsp://10.0.0.7/102",
        "yard        rural  panoramic  0.5  udp        on_demand  -                "
        "rtsp://10.0.0.8/1",
        "",
        "note: broker: the password crosses the network unencrypted (mqtt://); "
        "use mqtts:// where the broker offers it",
    ]
    assert lines[3].startswith("status   /")


def test_the_same_for_machines(site_folder: Path) -> None:
    write_full(site_folder)
    status, out, err = check("--json")
    report = json.loads(out)
    assert (status, err, report["ok"]) == (0, "", True)
    assert report["broker"]["has_password"] is True
    assert report["plan"] == {
        "lanes": None,
        "threads": None,
        "batch": None,
        "latency_budget_ms": 200.0,
        "window_ms": 5.0,
        "staleness_ms": 1000.0,
        "origin": "not measured yet",
        "why": None,
    }
    assert [camera["picture"] for camera in report["cameras"]] == [
        "rtsp://10.0.0.7/102",
        "rtsp://10.0.0.8/1",
    ]
    assert len(report["notes"]) == 1


def test_every_problem_goes_to_stderr_with_status_2(site_folder: Path) -> None:
    write_site(site_folder, f'{MINIMAL}target_fps = 120\npassword = "{SECRET}"\n')
    status, out, err = check()
    assert (status, out) == (2, "")
    assert err == (
        "site.toml:9: camera[1] gate-north, key target_fps: 120 is not allowed; "
        "allowed: a number above 0 and at most 60\n"
        "site.toml:10: camera[1] gate-north, key password: secrets never stand in the file; "
        "use password_file or the variable EDGE_AGENT_CAMERA_GATE_NORTH_PASSWORD\n"
        "2 problems; nothing would start\n"
    )


def test_problems_for_machines(site_folder: Path) -> None:
    write_site(site_folder, f'{MINIMAL}target_fps = 120\npassword = "{SECRET}"\n')
    status, out, err = check("--json")
    report = json.loads(out)
    assert (status, err, report["ok"]) == (2, "", False)
    assert report["problems"][0] == {
        "file": "site.toml",
        "line": 9,
        "key": "camera[1].target_fps",
        "value": "120",
        "allowed": "a number above 0 and at most 60",
        "text": "site.toml:9: camera[1] gate-north, key target_fps: 120 is not allowed; "
        "allowed: a number above 0 and at most 60",
    }
    assert report["problems"][1]["value"] is None


def test_without_a_manifest_the_agent_s_own_detector_runs(
    site_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(site_folder, MINIMAL)
    monkeypatch.setattr("edge_agent.config.places._MODEL_FOLDERS", (site_folder / "box",))
    status, out, err = check()
    assert (status, out) == (2, "")
    assert err.startswith(f"{site_folder}/box/ring_nano.toml: no such file")
    (site_folder / "box").mkdir()
    write_model(site_folder / "box")
    (site_folder / "box/detector.toml").rename(site_folder / "box/ring_nano.toml")
    status, out, _ = check()
    assert status == 0
    assert "model    toy@" in out
    assert " (comes with the agent), scores from 0.3" in out
    assert json.loads(check("--json")[1])["model"]["boxed"] is True


def test_a_broken_model_ends_with_status_2(site_folder: Path) -> None:
    write_site(site_folder, MINIMAL + MODEL)
    write_model(site_folder)
    (site_folder / "toy.onnx").unlink()
    status, _, err = check()
    assert status == 2
    assert err.startswith(f"{site_folder}/detector.toml: key file: {site_folder}/toy.onnx is no ")
    (site_folder / "detector.toml").write_text('name = "toy"\n')
    status, out, _ = check("--json")
    assert status == 2
    assert "family" in " ".join(problem["text"] for problem in json.loads(out)["problems"])


def test_what_the_service_s_user_cannot_read(
    site_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_full(site_folder)
    for above in (site_folder, *site_folder.parents[:3]):
        if above != Path("/"):
            above.chmod(above.stat().st_mode | 0o001)
    monkeypatch.setattr(check_notes, "find_user", lambda name: STRANGER)
    for name in ("site.toml", "detector.toml", "toy.onnx"):
        (site_folder / name).chmod(0o644)
    status, out, _ = check()
    notes = [line for line in out.splitlines() if line.startswith("note: /")]
    assert status == 0
    assert [note.split(": ")[1] for note in notes] == [
        f"{site_folder}/broker.password",
        f"{site_folder}/gate.password",
    ]
    assert ": user edge-agent cannot read it (mode 0600, owner " in notes[0]
    assert notes[0].endswith(f" && chmod 0640 {site_folder}/broker.password")
    state = [line for line in out.splitlines() if line.startswith("note: state_dir")]
    assert f"add ReadWritePaths={site_folder}/state under [Service]" in state[0]
    assert f"run: install -d -o edge-agent -m 0750 {site_folder}/state" in state[1]


def test_decode_modes_that_lose_what_the_camera_is_there_for(site_folder: Path) -> None:
    site = write_full(site_folder)
    yard = 'layer = "panoramic"'
    site.write_text(FULL.replace(yard, yard + '\ndecode = "keyframes"').replace(
        'layer = "portrait"', 'layer = "portrait"\ndecode = "on_demand"'
    ))  # fmt: skip
    found = check_notes.notes(load(site, {}), site, site_folder / "toy.onnx")
    assert [note for note in found if "decode" in note] == [
        "camera gate-north: decode on_demand at a camera that is decoded always by its ring urban: "
        "what it misses asleep is in its miss rate",
        "camera yard: decode keyframes analyses one picture in some seconds: "
        "what moves is not tracked",
    ]


def test_hours_stand_beside_the_decode_mode(site_folder: Path) -> None:
    site = write_full(site_folder)
    text = 'timezone = "Asia/Shanghai"\n' + FULL
    for layer, hours in (("panoramic", "never"), ("portrait", "20:00 to 06:00")):
        text = text.replace(f'layer = "{layer}"', f'layer = "{layer}"\nhours = "{hours}"')
    site.write_text(text)
    _, out, _ = check()
    assert "always, 20:00 to 06:00  door" in out
    assert "on_demand, never " in out
    assert "note: camera yard: hours never: nothing that it sees is ever told" in out
    _, out, _ = check("--json")
    assert [camera["hours"] for camera in json.loads(out)["cameras"]] == ["20:00 to 06:00", "never"]


def test_secrets_that_lie_open_and_logins_that_are_half(
    site_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = write_full(site_folder)
    site.write_text(
        FULL.replace("mqtt://broker.local", "mqtt://127.0.0.1").replace(
            'url = "rtsp://10.0.0.8/1"', 'url = "rtsp://10.0.0.8/1"\nusername = "guest"'
        )
    )
    (site_folder / "gate.password").chmod(0o644)
    found = check_notes.notes(load(site, {}), site, site_folder / "toy.onnx")
    assert found == [
        f"{site_folder}/gate.password: mode 0644, every user of this machine can read this "
        f"secret; run: chmod o= {site_folder}/gate.password",
        "camera yard: username guest without a password",
    ]
