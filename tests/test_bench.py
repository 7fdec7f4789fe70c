"""`edge-agent bench`: the arithmetic, the bare program, and a short run on real parts."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commands import bench
from edge_agent.commands.bench_report import Round, Side, as_json, overhead, round_line, warning
from edge_agent.errors import AgentError, UsageError
from edge_agent.stage import bare
from edge_agent.stage.child import start_child
from edge_agent.stage.clips import Recipe
from tests.clips import SHARED

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")


def measured(agent_cpu_s: float, bare_cpu_s: float) -> Round:
    return Round(Side(agent_cpu_s, 1200, 6000), Side(bare_cpu_s, 1200, 6000), asked=1200)


def test_the_overhead_is_the_median_of_the_rounds() -> None:
    rounds = [measured(cpu_s, 10.0) for cpu_s in (30.0, 11.0, 10.9, 11.2, 9.0)]
    assert overhead(rounds) == pytest.approx(1.1)
    report = as_json(rounds, {"streams": 4})
    assert report["overhead"] == 1.1
    assert report["streams"] == 4
    assert [entry["ratio"] for entry in report["rounds"]] == [3.0, 1.1, 1.09, 1.12, 0.9]
    assert json.loads(json.dumps(report)) == report


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
    assert told is None or told.startswith("1 of 2 rounds did not do equal work")


def test_the_bare_program_imports_nothing_of_the_agent() -> None:
    tree = ast.parse(Path(bare.__file__).read_text())
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


def test_a_bare_program_that_fails_is_quoted(tmp_path: Path) -> None:
    program = start_child("bare", [sys.executable, "-c", "raise SystemExit('no model')"], tmp_path,
                          talk=True)  # fmt: skip
    program.process.wait()
    with pytest.raises(AgentError, match="bare program: no answer: no model"):
        bench._ask_bare(program)
    program.stop()


def test_without_footage_it_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edge_agent.stage.site._PROJECT", tmp_path)
    result = CliRunner().invoke(app, ["bench"])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception) == (
        "bench: needs shared/models/yolox_nano.onnx and shared/media in a folder above this one"
    )


@needs_shared
def test_a_short_bench_ends_with_the_overhead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    small = Recipe(wh=(320, 180), fps=25, crf=26, gop_s=2.0, last_s=2.0, preset="ultrafast")
    monkeypatch.setattr(bench, "BENCH", small)
    report_file = tmp_path / "bench.json"
    arguments = ["--rounds", "1", "--seconds", "3", "--warmup", "0.5", "--streams", "2"]
    result = CliRunner().invoke(app, ["bench", *arguments, "--json", str(report_file)])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert re.fullmatch(r"overhead \d+\.\d\d", lines[-1])
    assert any(line.startswith("round 1: agent ") for line in lines)
    report = json.loads(report_file.read_text())
    assert f"overhead {report['overhead']:.2f}" == lines[-1]
    (only,) = report["rounds"]
    assert only["asked"] == 30
    for side in (only["agent"], only["bare"]):
        assert side["cpu_s"] > 0
        assert 0 < side["images"] <= 40  # the pace is the pts grid's, not as fast as it goes
        assert 60 <= side["frames"] <= 200
