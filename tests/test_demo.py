"""`edge-agent demo`: what it needs, what it counts, and the whole of it on real parts."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commands.demo_play import start_play
from edge_agent.commands.demo_summary import Tally, draw_summary, grown
from edge_agent.contract.parse import AnyMessage, parse_message
from edge_agent.errors import UsageError
from edge_agent.stage.clips import Recipe, prepare_clip
from edge_agent.stage.site import DEMO_CAMERAS, SHARED_MEDIA, SHARED_MODEL, write_manifest
from tests.clips import SHARED

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")

#: Stretches of the footage in which there is something from the first second on.
STRETCHES = {
    "one-by-one-person-detection_768x432.mp4": (24.0, 36.0),
    "pets_street_480x360.mp4": (10.0, 22.0),
    "motorway_640x360.mp4": (0.0, 12.0),
    "crowd_1280x720.mp4": (0.0, 12.0),
}


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a short clip for each camera of the demo, under its footage's own name."""
    folder = tmp_path_factory.mktemp("media")
    chosen = {}
    for camera in DEMO_CAMERAS:
        first_s, last_s = STRETCHES[camera.footage]
        recipe = Recipe(max_width=480, preset="ultrafast", first_s=first_s, last_s=last_s)
        clip = prepare_clip(SHARED.parent / SHARED_MEDIA / camera.footage, recipe, folder, print)
        chosen[camera.id] = clip.rename(folder / camera.footage)
    return chosen


def start_event(seq: int, camera_id: str = "gate", class_: str = "person") -> AnyMessage:
    track = {
        "track_id": seq, "class": class_, "subclass": None, "score": 0.9,
        "xyxy_px": [0, 0, 10, 10], "xyxy_norm": [0, 0, 0.1, 0.1], "stationary": False,
        "zones": [], "first_wall_ns": 1,
    }  # fmt: skip
    body = {
        "schema_version": 1, "agent_id": "demo", "site": "stage", "boot_id": "b",
        "event_id": f"e{seq}", "stream_id": "s", "seq": seq, "camera_id": camera_id,
        "ring": "urban", "layer": "portrait", "severity": "info", "wall_ns": 1,
        "wall_time": "2026-11-24T00:00:00Z", "clock_source": "arrival", "time_trusted": True,
        "pts_ns": 1, "connection": 1, "frame_wh": [100, 100], "model_id": "m",
        "kind": "start", "tracks": [track, track], "data": {},
    }  # fmt: skip
    topic = f"edge/v1/stage/demo/events/info/urban/portrait/{camera_id}/start"
    return parse_message(topic, json.dumps(body).encode())


def snapshot(
    cpu_s: float, frames: int, dropped: int, event: dict[str, int], lost: int
) -> dict[str, Any]:
    counts = {"frames_received": frames, "frames_decoded": frames, "frames_analysed": frames // 5}
    cameras = [
        {"camera_id": name, "ring": "urban", "layer": "portrait", "counts": counts, "drops": drops}
        for name, drops in (("gate", {"replaced": dropped}), ("plaza", {}))
    ]
    latency = {"event": {"buckets": event}, "update": {"buckets": {}}}
    drops = {"queue_full": lost} if lost else {}
    return {"cpu_s": cpu_s, "cameras": cameras, "latency_s": latency, "drops": drops}


def text_of(drawn: object) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get()


def test_the_summary_is_of_the_counted_time_alone() -> None:
    tally = Tally()
    for seq in (1, 2, 3):
        tally.add(start_event(seq))
    before = snapshot(100.0, 1000, 7, {"1": 500}, 0)
    after = snapshot(101.2, 1250, 10, {"1": 500, "142": 98, "180": 2}, 4)
    text = text_of(draw_summary(before, after, 10.0, tally))
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert rows["gate"] == ["urban", "portrait", "250", "250", "50", "0", "3"]
    assert rows["all"] == ["500", "500", "100", "0", "3"]
    assert "10.0 s from the last camera's first frame" in text
    assert "frames dropped: gate replaced 3" in text
    assert "events: 3 (start 3)" in text
    assert "reports of tracks: gate 6 persons; plaza none" in text
    # Bucket 142 is 10 ms, 180 is 64 ms; the 500 of before do not count.
    assert "to PUBACK: p50 10 ms, p99 64 ms over 100; of updates" in text
    assert "to be sent together: none measured" in text
    assert "CPU: 60 ms a second and stream (6.0% of a core), 1.2 s for 2 streams in 10.0 s" in text
    assert "events dropped before the outbox: queue_full 4" in text


def test_counters_that_stood_still_are_not_told() -> None:
    assert grown({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 3}) == {"b": 3, "c": 3}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            [],
            f"demo: give it --model MANIFEST.toml (no {SHARED_MODEL} in any folder above) and "
            f"--media FOLDER of videos (no {SHARED_MEDIA} in any folder above)",
        ),
        (["--media", "."], f"demo: give it --model MANIFEST.toml (no {SHARED_MODEL} in any "
         "folder above)"),
        (["--model", "here.toml", "--media", "."],
         "demo: --media .: no video file in it (mp4, mkv, mov, avi, ts)"),
        (["--model", "gone.toml", "--media", "."],
         "demo: --model gone.toml: no such file; give a detector's manifest (TOML)"),
    ],
)  # fmt: skip
def test_without_a_model_or_footage_it_says_in_one_line_what_to_give(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edge_agent.stage.site._PROJECT", tmp_path)
    (tmp_path / "here.toml").touch()
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == line
    assert result.exception.exit_status == 2


def test_the_command_ends_with_2_and_one_line_without_a_model(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import edge_agent.stage.site as site\n"
        f"site._PROJECT = Path({str(tmp_path)!r}); sys.argv = ['edge-agent', 'demo']\n"
        "from edge_agent.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: demo: give it --model MANIFEST.toml")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@contextlib.contextmanager
def demo_process(media: Path, cache: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "edge_agent", "demo", "--media", str(media), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "COLUMNS": "200"},
    )  # fmt: skip
    guard = threading.Timer(90, process.kill)
    guard.start()
    try:
        yield process
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@needs_shared
def test_four_cameras_play_until_ctrl_c_and_the_summary_follows(
    footage: dict[str, Path], tmp_path: Path
) -> None:
    media = footage["gate"].parent
    with demo_process(media, tmp_path) as process:
        assert process.stdout is not None
        head = []
        # Updates come once a second: after four of each camera some seconds are counted.
        waiting = Counter({camera.id: 4 for camera in DEMO_CAMERAS})
        for line in process.stdout:
            head.append(line)
            words = line.split()
            if "update" in words:
                waiting -= Counter(words)
            if not waiting:
                break
        assert not waiting, "".join(head)
        process.send_signal(signal.SIGINT)
        tail = process.stdout.read()
        assert process.wait(20) == 0, tail
    assert ".venv/bin/edge-agent watch --broker mqtt://127.0.0.1:" in head[0] + head[1]
    rows = {line.split()[0]: line.split() for line in tail.splitlines() if line.split()}
    for camera in DEMO_CAMERAS:
        row = rows[camera.id]
        assert row[1:3] == [camera.ring.value, camera.layer.value]
        assert all(int(number) > 0 for number in row[3:8]), row
    reports = tail.partition("reports of tracks: ")[2].partition("\n")[0]
    assert "motorway" in reports
    motorway = next(part for part in reports.split("; ") if part.startswith("motorway"))
    assert "vehicles" in motorway
    assert "to PUBACK: p50" in tail
    assert "ms a second and stream" in tail


@needs_shared
@pytest.mark.skipif(find_spec("iotcore") is None, reason="needs iotcore from PyPI")
@pytest.mark.skipif(find_spec("aio_rtsp_toolkit") is None, reason="needs aio-rtsp-toolkit")
def test_it_stands_on_pip_alone_and_leaves_no_process(
    footage: dict[str, Path], tmp_path: Path
) -> None:
    console = Console(width=200, file=(tmp_path / "screen").open("w"))
    manifest = write_manifest(tmp_path, SHARED.parent / SHARED_MODEL)
    with contextlib.ExitStack() as stack:
        play = start_play(stack, console, tmp_path, footage, manifest, "iotcore", "pip")
        agent = play.agent
        play.wait_for_cameras()
        play.show(5.0)
        assert play.sum_up() == []
        assert agent.alive()
    assert not agent.alive()
    assert agent.process.returncode == 0  # it stopped cleanly, its events delivered
    console.file.close()
    assert "all " in (tmp_path / "screen").read_text()
