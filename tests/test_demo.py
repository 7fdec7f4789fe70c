"""`edge-agent demo`: what it needs, renders and counts, and the whole of it on real parts."""

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
from edge_agent.commands.demo.lineup import Lineup, render_scenes
from edge_agent.commands.demo.play import start_play
from edge_agent.commands.demo.summary import Tally, draw_summary, grown
from edge_agent.config import boxed_model
from edge_agent.contract.parse import AnyMessage, parse_message
from edge_agent.errors import AgentError, UsageError
from edge_agent.scenes import DEMO, read_truth, scene_named, truth_path
from edge_agent.stage.clips import Recipe, prepare_clip
from edge_agent.stage.site import MEDIA_CAMERAS, SHARED_MEDIA, SHARED_MODEL, write_manifest
from edge_agent.types import Layer
from tests.clips import SHARED
from tests.toy_model import write_toy_yolox

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")
needs_boxed = pytest.mark.skipif(
    not boxed_model().is_file(), reason="needs models/ring_nano.onnx, which is not trained yet"
)

#: Seconds of each rendered clip: few, and a person and a vehicle come in every one.
CLIP_S = 3

#: Stretches of the footage in which there is something from the first second on.
STRETCHES = {
    "one-by-one-person-detection_768x432.mp4": (24.0, 36.0),
    "pets_street_480x360.mp4": (10.0, 22.0),
    "motorway_640x360.mp4": (0.0, 12.0),
    "crowd_1280x720.mp4": (0.0, 12.0),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for `XDG_CACHE_HOME` that holds the rendered clips."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        render_scenes(Console(quiet=True), CLIP_S)
    return folder


@pytest.fixture
def rendered(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Lineup:
    """Return the demo's own cameras, all rendered before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return render_scenes(Console(quiet=True), CLIP_S)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a short video for each camera, under its footage's own name."""
    folder = tmp_path_factory.mktemp("media")
    for camera in MEDIA_CAMERAS:
        first_s, last_s = STRETCHES[camera.footage]
        recipe = Recipe(max_width=480, preset="ultrafast", first_s=first_s, last_s=last_s)
        clip = prepare_clip(SHARED.parent / SHARED_MEDIA / camera.footage, recipe, folder, print)
        clip.rename(folder / camera.footage)
    return folder


# --- What it says


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


def text_of(drawn: object, width: int = 200) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(drawn)
    return capture.get()


def test_the_summary_is_of_the_counted_time_alone() -> None:
    tally = Tally()
    for seq in (1, 2, 3, 3):  # the third track is told twice
        tally.add(start_event(seq))
    tally.add(start_event(4, class_="vehicle"))
    before = snapshot(100.0, 1000, 7, {"1": 500}, 0)
    after = snapshot(101.2, 1250, 10, {"1": 500, "142": 98, "180": 2}, 4)
    text = text_of(draw_summary(before, after, 10.0, tally))
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    assert rows["gate"] == ["urban", "portrait", "250", "250", "50", "0", "5"]
    assert rows["all"] == ["500", "500", "100", "0", "5"]
    assert "10.0 s from the last camera's first frame" in text
    assert "frames dropped: gate replaced 3" in text
    assert "events: 5 (start 5)" in text
    assert "tracks: gate 3 persons, 1 vehicle; plaza none" in text
    # Bucket 142 is 10 ms, 180 is 64 ms; the 500 of before do not count.
    assert "to PUBACK: p50 10 ms, p99 64 ms over 100; of updates" in text
    assert "to be sent together: none measured" in text
    assert "CPU: 60 ms a second and stream (6.0% of a core), 1.2 s for 2 streams in 10.0 s" in text
    assert "events dropped before the outbox: queue_full 4" in text


def test_eighty_columns_hold_the_longest_names_of_the_demo() -> None:
    before, after = (snapshot(1.0, frames, 0, {}, 0) for frames in (0, 99_999))
    for camera in (*before["cameras"], *after["cameras"]):
        camera |= {"camera_id": "street-corner", "ring": "suburban", "layer": "checkpoint"}
    after["cameras"][0]["counts"]["detections"] = 999_999
    table = text_of(draw_summary(before, after, 10.0, Tally()), 80).partition("frames dropped")[0]
    assert "…" not in table
    assert "street-corner suburban checkpoint" in table


def test_counters_that_stood_still_are_not_told() -> None:
    assert grown({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 3}) == {"b": 3, "c": 3}


# --- What it needs


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--media", "."],
         "demo: --media .: no video file in it (mp4, mkv, mov, avi, ts)"),
        (["--model", "gone.toml"],
         "demo: --model gone.toml: no such file; give a detector's manifest (TOML)"),
        (["--picture", "--out", "gone"], "demo: --out gone: no such folder"),
        (["rtsp://10.0.0.7/1", "--media", "."],
         "demo: give your cameras' addresses or --media, not both"),
        (["--username", "viewer"],
         "demo: --username and --password-file belong to a camera's address"),
        (["rtsp://10.0.0.7/1", "--password-file", "x"], "--password-file needs --username"),
        (["rtsp://10.0.0.7/1", "street.mp4"],
         "demo: address 2 does not begin with rtsp:// or rtsps://; give "
         "rtsp://HOST[:PORT]/PATH, or --media FOLDER for videos"),
        (["rtsp:///1"],
         'demo: address 1: "rtsp:///1" names no host; allowed: a name or an address after ://'),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_said_in_one_line(
    arguments: list[str], line: str, toy_in_the_box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toy_in_the_box)
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == line
    assert result.exception.exit_status == 2


@pytest.fixture
def toy_in_the_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the toy detector in the box's place; return an empty folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("edge_agent.config.places._MODEL_FOLDERS", (tmp_path / "box",))
    (tmp_path / "box").mkdir()
    write_toy_yolox(tmp_path / "box", name="ring_nano")
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_without_a_detector_the_command_ends_with_2_and_one_line(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import edge_agent.config.places as places\n"
        f"places._MODEL_FOLDERS = (Path({str(tmp_path)!r}),); sys.argv = ['edge-agent', 'demo']\n"
        "from edge_agent.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"error: demo: the agent's own detector, {tmp_path}/ring_nano.toml, is missing; "
        "give --model MANIFEST.toml\n"
    )
    assert done.stdout == ""


# --- What it renders


def test_four_scenes_one_for_each_layer_over_three_rings(rendered: Lineup) -> None:
    assert [camera.id for camera in rendered.cameras] == list(DEMO) == list(dict.fromkeys(DEMO))
    assert {camera.layer for camera in rendered.cameras} == {*Layer}
    assert len({camera.ring for camera in rendered.cameras}) == 3
    for camera in rendered.cameras:
        scene = scene_named(camera.id)
        assert (scene.ring, scene.layer) == (camera.ring, camera.layer)
        truth = read_truth(truth_path(rendered.clips[camera.id]))
        assert truth.scene["held_out"] is True
        assert len(truth.frames) == CLIP_S * 10
        seen = {o.object_class for frame in truth.frames for o in frame.objects if o.visible > 0.5}
        assert seen == {"person", "vehicle"}


def test_the_next_time_nothing_is_rendered_and_nothing_said(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    before = {file: file.stat().st_mtime_ns for file in (cache / "edge-agent").iterdir()}
    assert len(before) == 8
    console = Console(file=(tmp_path / "said").open("w"))
    lineup = render_scenes(console, CLIP_S)
    console.file.close()
    assert {file: file.stat().st_mtime_ns for file in (cache / "edge-agent").iterdir()} == before
    assert set(lineup.clips.values()) <= set(before)
    assert (tmp_path / "said").read_text() == ""


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(AgentError, match=r"clips cannot be kept: .*file.*XDG_CACHE_HOME may name"):
        render_scenes(Console(quiet=True), CLIP_S)


# --- The whole of it


@contextlib.contextmanager
def demo_process(cache: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "edge_agent", "demo", *options],
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


def rows_of(text: str) -> dict[str, list[str]]:
    """Return the summary's lines by their first word."""
    summary = text.partition("from the last camera's first frame")[2]
    return {line.split()[0]: line.split() for line in summary.splitlines() if line.split()}


@needs_boxed
def test_the_boxed_detector_tells_of_persons_and_vehicles_on_all_four_cameras(cache: Path) -> None:
    with demo_process(cache, "--clip-seconds", str(CLIP_S), "--seconds", "8") as process:
        assert process.stdout is not None
        text = process.stdout.read()
        assert process.wait(20) == 0, text
    assert "rendering" not in text  # they are in the cache
    rows = rows_of(text)
    for name in DEMO:
        assert rows[name][1:3] == [scene_named(name).ring.value, scene_named(name).layer.value]
        assert all(int(number) > 0 for number in rows[name][3:8]), text
    told = " ".join(rows["tracks:"][1:]).split("; ")
    assert [words.split()[0] for words in told] == list(DEMO)
    assert all("person" in words and "vehicle" in words for words in told), told


@needs_shared
def test_videos_of_a_folder_play_until_ctrl_c_and_the_summary_follows(
    media: Path, tmp_path: Path
) -> None:
    manifest = write_manifest(tmp_path, SHARED.parent / SHARED_MODEL)
    options = ("--media", str(media), "--model", str(manifest))
    with demo_process(tmp_path, *options) as process:
        assert process.stdout is not None
        head = []
        # A full box sends few updates, so starts and ends count too.
        waiting = Counter({camera.id: 4 for camera in MEDIA_CAMERAS})
        for line in process.stdout:
            head.append(line)
            words = line.split()
            if {"start", "update", "end"} & {*words}:
                waiting -= Counter(words)
            if not waiting:
                break
        assert not waiting, "".join(head)
        process.send_signal(signal.SIGINT)
        tail = process.stdout.read()
        assert process.wait(20) == 0, tail
    assert ".venv/bin/edge-agent watch --broker mqtt://127.0.0.1:" in head[0] + head[1]
    rows = rows_of(tail)
    for camera in MEDIA_CAMERAS:
        row = rows[camera.id]
        assert row[1:3] == [camera.ring.value, camera.layer.value]
        assert all(int(number) > 0 for number in row[3:8]), row
    told = " ".join(rows["tracks:"][1:]).split("; ")
    motorway = next(words for words in told if words.startswith("motorway"))
    assert "vehicle" in motorway
    assert "to PUBACK: p50" in tail
    assert "ms a second and stream" in tail


@pytest.mark.skipif(find_spec("iotcore") is None, reason="needs iotcore from PyPI")
@pytest.mark.skipif(find_spec("aio_rtsp_toolkit") is None, reason="needs aio-rtsp-toolkit")
def test_it_stands_on_pip_alone_and_leaves_no_process(rendered: Lineup, tmp_path: Path) -> None:
    console = Console(width=200, file=(tmp_path / "screen").open("w"))
    toy = write_toy_yolox(tmp_path)
    with contextlib.ExitStack() as stack:
        play = start_play(stack, console, tmp_path, rendered, toy, "iotcore", "pip")
        agent = play.agent
        play.wait_for_cameras()
        play.show(3.0)
        play.sum_up()
        assert agent.alive()
    assert not agent.alive()
    assert agent.process.returncode == 0  # it stopped cleanly, its events delivered
    console.file.close()
    rows = rows_of((tmp_path / "screen").read_text())
    assert all(int(rows[name][5]) > 0 for name in DEMO)  # analysed


def test_a_camera_of_the_demo_that_told_nothing_is_a_failure(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    blind = write_toy_yolox(tmp_path)
    blind.write_text(blind.read_text().replace("score_threshold = 0.5", "score_threshold = 1.0"))
    arguments = ["--seconds", "1", "--clip-seconds", str(CLIP_S), "--model", str(blind)]
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert str(result.exception) == f"demo: no event from camera {', '.join(DEMO)}"
    assert isinstance(result.exception, AgentError)
    assert result.exception.exit_status == 1
