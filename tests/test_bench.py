"""`edge-agent bench`: rounds of the overhead, the programs beside the agent, and short real runs.

The runs assert ratios and counts, never times: they keep the bench from rotting.
"""

import ast
import hashlib
import json
import os
import re
import sys
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commands.bench import bed as bench_bed
from edge_agent.commands.bench import latency as bench_latency
from edge_agent.commands.bench import overhead as bench_overhead
from edge_agent.commands.bench import peers as bench_peers
from edge_agent.commands.bench.bed import SceneKind, make_clips
from edge_agent.commands.bench.peers import PEERS, merge_rounds, peer_places
from edge_agent.commands.bench.programs import ask_program
from edge_agent.commands.bench.report import (
    Round,
    Side,
    as_json,
    overhead,
    round_line,
    warning,
)
from edge_agent.commands.bench.tell import Teller
from edge_agent.errors import AgentError, UsageError
from edge_agent.stage import bare
from edge_agent.stage.child import start_child
from edge_agent.stage.feed_clips import (
    Codec,
    FeedRecipe,
    RateControl,
    feed_clip,
    filling_pictures,
    quiet_pictures,
)
from edge_agent.stage.processes import family, family_cpu_s, family_memory_mb, resident_mb
from tests import clips
from tests.bench_reports import report as bench_report
from tests.clips import SHARED
from tests.detect_support import nano_manifest
from tests.waiting import wait_until

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")

SMALL = FeedRecipe(wh=(320, 180), gop=25, seconds=2.0)


def measured(agent_cpu_s: float, bare_cpu_s: float, frames: int = 6000) -> Round:
    return Round(Side(agent_cpu_s, 1200, frames), Side(bare_cpu_s, 1200, 6000), asked=1200)


# --- the overhead's rounds


def test_the_overhead_is_the_median_of_the_rounds() -> None:
    rounds = [measured(cpu_s, 10.0) for cpu_s in (30.0, 11.0, 10.9, 11.2, 9.0)]
    assert overhead(rounds) == pytest.approx(1.1)
    report = as_json(rounds, {"streams": 4})
    assert report["overhead"] == 1.1
    assert report["streams"] == 4
    assert report["rounds_of_equal_work"] == 5
    assert [entry["ratio"] for entry in report["rounds"]] == [3.0, 1.1, 1.09, 1.12, 0.9]
    assert json.loads(json.dumps(report)) == report


def test_rounds_of_unequal_work_do_not_count() -> None:
    rounds = [measured(9.0, 10.0, frames=5000), measured(11.0, 10.0), measured(9.1, 10.0, 5000)]
    assert overhead(rounds) == pytest.approx(1.1)
    assert warning(rounds) == "2 of 3 rounds did not do equal work and do not count"
    unequal = [measured(9.0, 10.0, frames=5000)]
    assert overhead(unequal) == pytest.approx(0.9)
    assert "the overhead below says little" in (warning(unequal) or "")


@pytest.mark.parametrize(
    ("images", "frames", "said"),
    [
        (1200, 6000, None),
        (1177, 6000, None),
        (1223, 5900, None),
        (1175, 6000, "not equal work: 2.1% apart, 1200 images asked"),
        (1200, 5700, "not equal work: 5.0% apart, 1200 images asked"),
    ],
)
def test_a_round_says_when_the_two_did_not_do_equal_work(
    images: int, frames: int, said: str | None
) -> None:
    only = Round(Side(11.0, images, frames), Side(10.0, 1200, 6000), asked=1200)
    line = round_line(3, only)
    assert line.startswith(
        f"round 3: agent 11.00 s CPU, {images} images, {frames} frames; "
        "bare 10.00 s CPU, 1200 images, 6000 frames; ratio 1.100"
    )
    assert line.partition("; not ")[2] == (said or "").removeprefix("not ")
    told = warning([only, measured(11.0, 10.0)])
    assert (told is None) == (said is None)


# --- the programs beside the agent


@pytest.mark.parametrize("script", [bare.__file__, *Path(bench_peers._SCRIPTS).glob("*.py")])
def test_a_program_beside_the_agent_imports_nothing_of_it(script: str) -> None:
    tree = ast.parse(Path(script).read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name and name.startswith("edge_agent")]


def test_the_bare_program_asks_for_one_inference_a_stream_at_a_time() -> None:
    work = bare.Work(streams=2, lanes=1)
    for stream in (0, 0, 1, 0):
        work.offer(stream)
    work.end()
    assert [work.wait() for _ in range(3)] == [True, True, False]
    work.offer(0)
    assert work.wait()


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    program = start_child("bare", [sys.executable, "-c", "raise SystemExit('no model')"], tmp_path,
                          talk=True)  # fmt: skip
    program.process.wait()
    with pytest.raises(AgentError, match="bare: no answer: no model"):
        ask_program(program)
    program.stop()


def test_a_familys_cpu_and_memory_hold_its_children(tmp_path: Path) -> None:
    grandchild = "x = bytearray(50_000_000); sum(range(60_000_000)); input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    program = start_child("parent", [sys.executable, "-c", code], tmp_path, talk=True)
    try:
        wait_until(lambda: len(family(program.pid)) == 2, "the child has started")
        wait_until(lambda: family_memory_mb(program.pid) > 55, "its memory is counted")
        wait_until(lambda: family_cpu_s(program.pid) > program.cpu_s() + 0.1, "its CPU is counted")
        assert 5 < resident_mb(program.pid) < 50
    finally:
        program.stop()


def test_peers_environments_are_found_or_given() -> None:
    assert set(peer_places([])) == {"supervision", "mesopic", "inference"}
    assert peer_places(["mesopic=/opt/m"])["mesopic"] == Path("/opt/m")
    with pytest.raises(UsageError, match="--peer-env x: not NAME=FOLDER with NAME of inference, "):
        peer_places(["x"])


def test_a_peer_without_an_environment_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "mesopic"
    with pytest.raises(AgentError, match=r"no environment in .*mesopic: make bench-peers"):
        bench_peers._python_in("mesopic", folder)
    (tmp_path / "mesopic.failed").write_text("error: needs Python >=3.12\n\n")
    with pytest.raises(AgentError, match=r"needs Python >=3\.12"):
        bench_peers._python_in("mesopic", folder)


def test_peers_rounds_become_medians_and_a_failure_stays_one() -> None:
    def found(name: str, ratio: float, *, reached: bool = True) -> dict[str, object]:
        return {"name": name, "what": "w", "streams": 4, "cpu_ms": 100.0, "memory_mb": 1.0,
                "images_a_stream_s": 5.0, "agent_over_peer": ratio,
                "asked_reached": reached}  # fmt: skip

    failed = {"name": "b", "cpu_ms": None, "why": "gone"}
    merged = merge_rounds(
        [
            [found("a", 0.9), found("b", 0.5)],
            [found("a", 0.7), failed],
            [found("a", 0.8, reached=False), found("b", 0.5)],
        ]
    )
    assert merged[0]["agent_over_peer"] == 0.8
    assert merged[0]["rounds"] == [0.9, 0.7, 0.8]
    assert merged[0]["asked_reached"] is False
    assert merged[1] == failed


# --- clips


def packets_of(clip: Path) -> list[av.Packet]:
    with av.open(str(clip)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize(
    "recipe",
    [
        SMALL,
        FeedRecipe(wh=(320, 180), gop=25, seconds=2.0, b_frames=2),
        FeedRecipe(wh=(320, 180), gop=10, seconds=2.0, codec=Codec.H265),
    ],
)
def test_a_quiet_clip_is_coded_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: FeedRecipe
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (clip,) = make_clips(SceneKind.QUIET, recipe, Teller(quiet=True)).values()
    packets = packets_of(clip)
    assert len(packets) == 50
    keyframes = [i for i, packet in enumerate(packets) if packet.is_keyframe]
    assert keyframes == list(range(0, 50, recipe.gop))
    shown = sorted(packet.pts for packet in packets)
    assert ([packet.pts for packet in packets] != shown) == bool(recipe.b_frames)
    with av.open(str(clip)) as container:
        assert container.streams.video[0].codec_context.name == recipe.codec.value.replace(
            "h265", "hevc"
        )
    again = make_clips(SceneKind.QUIET, recipe, Teller(quiet=True))
    assert list(again.values()) == [clip]


def test_footage_fills_the_size_and_the_rate_that_are_asked(tmp_path: Path) -> None:
    source = clips.clip(clips.Recipe(frames=25, fps=10))  # 10 fps to 25, 4:3 to 16:9
    recipe = FeedRecipe()
    pictures = partial(filling_pictures, source, recipe)
    clip = feed_clip("walk", b"walk", pictures, recipe, tmp_path, lambda done: None)
    packets = packets_of(clip)
    assert abs(len(packets) - 62) <= 1
    assert [i for i, packet in enumerate(packets) if packet.is_keyframe] == [0, 50]
    times = [p.pts * p.time_base * 25 for p in packets if p.pts is not None and p.time_base]
    assert times == list(range(len(packets)))
    with av.open(str(clip)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 1920, 1080)
        assert video.average_rate == 25


def test_a_constant_bitrate_is_kept_where_nothing_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    rates = {}
    for rate in RateControl:
        recipe = FeedRecipe(wh=(320, 180), gop=25, seconds=4.0, rate=rate)
        (clip,) = make_clips(SceneKind.QUIET, recipe, Teller(quiet=True)).values()
        rates[rate] = sum(packet.size for packet in packets_of(clip)) * 8 / 4.0
    asked = 0.077 * 320 * 180 * 25
    assert rates[RateControl.CBR] == pytest.approx(asked, rel=0.25)
    assert rates[RateControl.CRF] < 0.9 * rates[RateControl.CBR]


def test_no_two_quiet_pictures_are_alike() -> None:
    still = np.full((180, 320, 3), 90, np.uint8)
    pictures = [p.to_ndarray() for p in quiet_pictures(still, SMALL)]
    assert len(pictures) == 50
    assert len({picture.tobytes() for picture in pictures}) == 50
    assert all(abs(float(p[:180].mean()) - float(pictures[0][:180].mean())) < 1 for p in pictures)


# --- short real runs


@pytest.fixture(scope="module")
def clips_made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def small_load(clips_made_once: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A load that any machine carries, with clips in a cache of its own; returns its options."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(clips_made_once))
    return ["--size", "320x180", "--cameras", "2", "--target-fps", "2"]


@needs_shared
def test_a_short_bench_fills_a_report_a_page_and_a_comparison(
    small_load: list[str], tmp_path: Path
) -> None:
    report_file, page, old = (tmp_path / name for name in ("b.json", "b.html", "old.json"))
    old.write_text(json.dumps(bench_report(cpu=0.001)))
    files = ["--json", str(report_file), "--html", str(page), "--compare", str(old)]
    times = ["--seconds", "4", "--warmup", "1"]
    result = CliRunner().invoke(app, ["bench", *small_load, *times, *files])
    assert result.exit_code == 1, result.output
    assert "WORSE, more than 10% allows" in result.output
    assert "not the same: load, cameras: 1 then, 2 now" in result.output
    report = json.loads(report_file.read_text())
    figures = report["figures"]
    assert figures["streams"] == 2
    frames = figures["frames"]
    assert 0 < 4 * frames["analysed"] <= frames["received"]  # the grid's pace, not every picture
    stages = figures["cpu_ms"]["stages"]
    assert stages["decode"] > 0
    assert stages["infer"] > stages["track"] > 0
    assert sum(stages.values()) <= figures["cpu_ms"]["all"] * 1.5
    assert 0 < figures["cpu_ms"]["python_at_most"] < figures["cpu_ms"]["all"]
    assert "<svg" in page.read_text()
    assert f"{figures['cpu_ms']['all']:g} ms a second and stream" in result.output


@needs_shared
@pytest.mark.parametrize(("option", "input_wh"), [([], None), (["--bare-trimmed"], [416, 256])])
def test_a_short_overhead_ends_with_its_line(
    option: list[str],
    input_wh: list[int] | None,
    clips_made_once: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(clips_made_once))
    monkeypatch.setattr(bench_overhead, "_PROBE_S", 2.0)
    monkeypatch.setattr(bench_overhead, "_PROBE_WARMUP_S", 0.5)
    report_file = tmp_path / "bench.json"
    arguments = ["--rounds", "1", "--seconds", "3", "--warmup", "0.5", "--streams", "2",
                 "--size", "320x180", *option]  # fmt: skip
    result = CliRunner().invoke(app, ["bench", "overhead", *arguments, "--json", str(report_file)])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert re.fullmatch(r"overhead \d+\.\d\d", lines[-1])
    assert any(line.startswith("one inference takes ") for line in lines)
    report = json.loads(report_file.read_text())
    assert f"overhead {report['overhead']:.2f}" == lines[-1]
    assert report["bare_input_wh"] == input_wh
    first = report["rounds"][0]
    assert first["asked"] == 2 * 3 * report["fps"]
    for side in (first["agent"], first["bare"]):
        assert side["cpu_s"] > 0
        assert 0 < 2 * side["images"] <= side["frames"]  # the grid's pace, not every picture
    assert 0 < first["bare"]["infer_cpu_s"] <= first["bare"]["cpu_s"]


@needs_shared
def test_the_first_peer_runs_on_the_agents_streams(
    small_load: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_peers, "PEERS", (PEERS[0], PEERS[2]))
    report_file = tmp_path / "b.json"
    arguments = ["--peers", "--rounds", "2", "--seconds", "3", "--warmup", "1"]
    arguments += ["--json", str(report_file)]
    missing = ["--peer-env", f"mesopic={tmp_path}/none"]
    result = CliRunner().invoke(app, ["bench", *small_load, *arguments, *missing])
    assert result.exit_code == 0, result.output
    cv2_threads, mesopic = json.loads(report_file.read_text())["peers"]
    assert cv2_threads["cpu_ms"] > 0
    assert cv2_threads["images_a_stream_s"] > 0
    assert len(cv2_threads["rounds"]) == 2
    assert min(cv2_threads["rounds"]) > 0
    assert mesopic["cpu_ms"] is None
    assert "peer mesopic: not measured: no environment in" in result.output


@needs_shared
def test_a_site_file_of_ones_own_is_measured_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (clip,) = make_clips(SceneKind.QUIET, SMALL, Teller(quiet=True)).values()
    site = tmp_path / "site.toml"
    site.write_text(
        'site = "s"\nagent_id = "mine"\n[broker]\nurl = "mqtts://broker.example:8883"\n'
        "[model.plan]\nlanes = 1\nthreads = 1\nbatch = 1\n"
        f'[[camera]]\nid = "file"\nurl = "{clip}"\nloop = true\nring = "rural"\n'
        'layer = "portrait"\ntarget_fps = 2\ndecode = "always"\n'
    )
    model = tmp_path / "model.toml"
    with bench_bed.staged_manifest(None) as manifest:
        model.write_text(manifest.read_text())
    report_file = tmp_path / "b.json"
    result = CliRunner().invoke(
        app, ["bench", "--config", str(site), "--model", str(model), "--seconds", "3",
              "--warmup", "0.5", "--json", str(report_file)],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    report = json.loads(report_file.read_text())
    assert report["figures"]["streams"] == 1
    assert report["figures"]["frames"]["received"] > 0
    assert report["load"] == {
        "words": f"1 cameras of {site}", "config": str(site), "cameras": 1,
    }  # fmt: skip


@needs_shared
def test_the_bare_program_leaves_out_only_what_the_agent_does(
    clips_made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(clips_made_once))
    path = SHARED / "models" / "yolox_nano.onnx"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    whole = str(nano_manifest(tmp_path, path.name, digest, trim=False))
    arguments = ["--bare-trimmed", "--size", "320x180", "--streams", "2", "--model", whole]
    with pytest.raises(UsageError, match=r"--bare-trimmed: yolox-nano@\w+ runs its padding too"):
        CliRunner().invoke(app, ["bench", "overhead", *arguments], catch_exceptions=False)


def test_a_loaded_core_gets_more_streams_before_faster_ones() -> None:
    assert bench_latency.share_load(100.0, 4) == (4, pytest.approx(17.5))
    assert bench_latency.share_load(155.5, 4) == (6, pytest.approx(155.5 * 0.7 / 6))


@needs_shared
def test_the_lanes_throughput_is_asked_of_a_pinned_process(
    clips_made_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(clips_made_once))
    cores = os.sched_getaffinity(0)
    assert bench_latency._throughput_of_a_core(None, "320x180") > 0
    assert os.sched_getaffinity(0) == cores


@needs_shared
def test_lanes_and_bare_plans_run_from_memory(
    clips_made_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(clips_made_once))
    result = CliRunner().invoke(
        app, ["bench", "lanes", "--rounds", "1", "--seconds", "0.5", "--size", "320x180",
              "--json", "-"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert 0.2 < report["cpu_ratio"] < 2
    assert len(report["bare_plans"]) >= 1


def test_what_the_bench_cannot_do_is_one_line() -> None:
    for arguments, said in (
        (["--decode", "sometimes"], "bench: --decode sometimes: "),
        (["--size", "big"], "bench: --size big: "),
        (["--config", "x.toml", "--find"], "bench: --find and --peers need generated streams"),
    ):
        result = CliRunner().invoke(app, ["bench", *arguments])
        assert isinstance(result.exception, UsageError)
        assert str(result.exception).startswith(said)


def test_without_a_model_it_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_bed, "find_beside", lambda path: None)
    monkeypatch.setattr(bench_bed, "boxed_model", lambda: tmp_path / "none.toml")
    with pytest.raises(UsageError, match=r"bench: no .*yolox_nano.onnx .*; give --model"):
        bench_bed._manifest(tmp_path)
