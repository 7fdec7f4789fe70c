"""Whether a site fits a box: the sums, and the command over the example files."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import av
import pytest
import typer
from rich.console import Console

from edge_agent.commands.camera_facts import find_streams
from edge_agent.commands.fit import command as fit
from edge_agent.commands.fit.command import Measured, figure_of, report_fit
from edge_agent.commands.fit.report import draw
from edge_agent.config import load
from edge_agent.detect.manifest import load_manifest
from edge_agent.hotloop.planning import Decision
from edge_agent.policy.budget import (
    BoxCosts,
    Figure,
    StreamFacts,
    estimate,
    first_rung_that_fits,
    judge,
    most_awake,
)
from edge_agent.policy.ladder import build_ladder
from edge_agent.settings import CameraSettings, DecodeMode, Plan
from edge_agent.stage.decode_cost import FPS, WH, encode_scene
from tests.clips import Recipe, clip
from tests.config_support import write_site
from tests.toy_model import write_toy_yolox

CONFIGS = Path(__file__).parents[1] / "configs"
#: A megapixel, a keyframe and a picture cost 1, 4 and 10 ms; two lanes do 200 pictures a second.
BOX = BoxCosts(
    cores=2.0, frame_ms_mpx=Figure(1.0, 0.1), keyframe_ms_mpx=Figure(4.0), image_ms=Figure(10.0),
    images_s=Figure(200.0),
)  # fmt: skip
MEGAPIXEL = StreamFacts((1000, 1000), 25.0, 2.0, "probed")
RECEIVE = 25 * 0.055 * 2.0736


def camera(ring: str = "urban", layer: str = "portrait", **others: object) -> CameraSettings:
    return CameraSettings(id="c", url="rtsp://127.0.0.1:1/1", ring=ring, layer=layer, **others)


@pytest.mark.parametrize(
    ("settings", "awake", "mode", "decode", "images_s"),
    [
        # 25 frames of 1 ms; five pictures
        ({}, 0.5, DecodeMode.ALWAYS, 25.0, 5.0),
        ({"ring": "rural", "layer": "checkpoint"}, 0.0, DecodeMode.ALWAYS, 25.0, 5.0),
        # asleep: a keyframe of 4 ms every 2 s, and nothing is analysed
        ({"ring": "rural"}, 0.0, DecodeMode.ON_DEMAND, 2.0, 0.0),
        ({"ring": "rural"}, 0.5, DecodeMode.ON_DEMAND, 13.5, 2.5),
        ({"ring": "rural"}, 1.0, DecodeMode.ON_DEMAND, 25.0, 5.0),
        ({"decode": DecodeMode.KEYFRAMES}, 0.5, DecodeMode.KEYFRAMES, 2.0, 0.5),
        # no camera gives more frames than it sends
        ({"target_fps": 60.0}, 0.5, DecodeMode.ALWAYS, 25.0, 25.0),
    ],
)
def test_what_a_camera_costs(
    settings: dict, awake: float, mode: DecodeMode, decode: float, images_s: float
) -> None:
    cost = estimate(camera(**settings), MEGAPIXEL, BOX, awake=awake)
    assert (cost.mode, cost.decode, cost.images_s) == (mode, pytest.approx(decode), images_s)
    assert cost.receive == pytest.approx(RECEIVE)
    assert cost.infer == pytest.approx(10 * images_s)
    assert cost.total == pytest.approx(1.15 * (RECEIVE + decode + 10 * images_s))


def test_a_bigger_picture_costs_more_decoding_and_no_more_inference() -> None:
    large = replace(MEGAPIXEL, wh=(4000, 2000))
    small, big = (estimate(camera(), s, BOX, awake=1.0) for s in (MEGAPIXEL, large))
    assert (big.decode, big.infer) == (8 * small.decode, small.infer)


def test_what_a_camera_was_seen_to_cost_counts_rather_than_what_is_reckoned() -> None:
    cost = estimate(camera(), replace(MEGAPIXEL, receive_ms=0.2, decode_ms=3.0), BOX, awake=1.0)
    assert (cost.receive, cost.decode) == (pytest.approx(5.0), pytest.approx(75.0))


def site(count: int, **others: object) -> tuple[list[CameraSettings], list[StreamFacts]]:
    return [camera(**others) for _ in range(count)], [MEGAPIXEL] * count


def verdict_of(count: int, box: BoxCosts = BOX):
    cameras, streams = site(count)
    pairs = zip(cameras, streams, strict=True)
    return judge([estimate(c, s, box, awake=1.0) for c, s in pairs], box)


def test_the_verdict_on_cores() -> None:
    """One camera is 1.15 × (2.9 + 25 + 50) = 89.5 ms a second of 2000: 18 fit into 85 %."""
    assert verdict_of(18).fits
    assert not verdict_of(19).fits
    assert verdict_of(10).headroom == pytest.approx(0.899, abs=0.01)
    assert verdict_of(40).headroom == pytest.approx(-0.525, abs=0.01)


def test_the_verdict_on_lanes() -> None:
    slow = replace(BOX, images_s=Figure(20.0))
    assert verdict_of(3, slow).fits  # 15 of 20 pictures a second
    assert not verdict_of(4, slow).fits
    assert verdict_of(4, slow).lanes_share == 1.0


def test_what_fits_only_on_average_is_tight() -> None:
    noisy = replace(BOX, image_ms=Figure(10.0, 2.0))
    assert not verdict_of(15, noisy).tight
    assert verdict_of(18, noisy).tight
    assert not verdict_of(25, noisy).tight  # it does not fit at all
    assert not verdict_of(10).tight


def test_it_names_the_first_step_that_would_do() -> None:
    cameras = [camera("rural", decode=DecodeMode.ALWAYS) for _ in range(15)]
    cameras += [camera("urban") for _ in range(8)]
    streams = [MEGAPIXEL] * len(cameras)
    ladder = build_ladder(cameras, coast_s=2.0)
    rung = first_rung_that_fits(cameras, streams, BOX, ladder, awake=1.0)
    # 23 × 89.5 = 2059 of 1700; halving fifteen rural ones saves 15 × 28.75 = 431
    assert rung is not None
    assert ladder[rung].name == "rural 1/2"


def test_giving_up_frames_is_not_always_enough() -> None:
    """Sixty streams cost 1.15 × 60 × 27.9 = 1925 ms before any inference."""
    cameras, streams = site(60)
    ladder = build_ladder(cameras, coast_s=2.0)
    assert first_rung_that_fits(cameras, streams, BOX, ladder, awake=1.0) is None


def test_up_to_which_part_of_the_time_cameras_may_be_awake() -> None:
    cameras, streams = site(40, ring="rural")
    most = most_awake(cameras, streams, BOX)
    # asleep 1.15 × 4.85 = 5.6 ms each, awake 89.5
    assert most == pytest.approx((1700 - 40 * 5.58) / (40 * 83.9), abs=0.02)
    assert most_awake(*site(60), BOX) is None
    assert most_awake(*site(2), BOX) == 1.0


def test_a_figure_is_the_median_and_half_of_the_range() -> None:
    assert figure_of([3.0, 1.0, 2.0, 9.0, 2.5]) == Figure(2.5, 4.0)
    assert figure_of([4.0]).relative == 0.0


def test_files_are_read_and_cameras_assumed_unless_asked() -> None:
    path = clip(Recipe(wh=(320, 240), fps=25, frames=100, gop=25))
    cameras = [
        CameraSettings(id="f", url=str(path), ring="urban", layer="portrait"),
        camera(),
        camera(detect_url="rtsp://127.0.0.1:1/2"),
    ]
    file, main, second = find_streams(cameras, ask=False)
    assert (file.wh, file.known, file.codec) == ((320, 240), "file", "h264")
    assert file.fps == pytest.approx(25.0, abs=0.5)
    assert file.decode_ms is not None
    assert file.receive_ms is not None
    assert file.receive_ms > 0
    assert file.decode_ms > 0
    assert main.decode_ms is None
    assert (main.wh, main.fps, main.known) == ((1920, 1080), 25.0, "assumed")
    assert (second.wh, second.fps, second.known) == ((704, 576), 15.0, "assumed")


def test_a_camera_that_does_not_answer_is_assumed_and_said_so() -> None:
    (facts,) = find_streams([camera()], ask=True)
    assert (facts.wh, facts.known) == ((1920, 1080), "no answer, assumed")


@pytest.fixture
def pi_site(tmp_path: Path) -> Path:
    """The example of a Pi with four cameras, its files there and a toy for a model."""
    text = (CONFIGS / "pi-four-town-cameras.toml").read_text()
    manifest = write_toy_yolox(tmp_path)
    text = text.replace("[model.plan]", f'[model]\nmanifest = "{manifest}"\n\n[model.plan]')
    for name in re.findall(r'(?m)^\w+_file = "(.+)"', text):
        (tmp_path / name).write_text(f"secret of {name}\n")
    return write_site(tmp_path, text)


DECISION = Decision(Plan(lanes=3), "cpu", "forced", "forced by [model.plan]")


def test_the_example_of_a_pi_fits_and_says_what_it_does_not_know(pi_site: Path) -> None:
    report = report_fit(load(pi_site, {}), DECISION, Measured(BOX, False), ask=False, awake=0.5)
    assert report["fits"]
    assert report["degraded_to"] == "all"
    assert [c["stream"]["wh"] for c in report["cameras"]] == [(704, 576)] * 4
    text = words(report)
    assert "fits: " in text
    assert "the streams of" in text
    assert "are assumed; --probe asks the cameras" in text
    assert "secret" not in json.dumps(report) + text


def test_a_box_that_is_too_slow_says_what_goes_first(pi_site: Path) -> None:
    slow = replace(BOX, image_ms=Figure(150.0, 10.0))
    report = report_fit(load(pi_site, {}), DECISION, Measured(slow, True), ask=False, awake=1.0)
    assert not report["fits"]
    text = words(report)
    assert "does not fit: " in text
    assert "of it must go" in text
    assert f'down to the step "{report["degraded_to"]}"' in text
    assert "other programs took the cores" in text
    hopeless = replace(slow, frame_ms_mpx=Figure(100.0))
    report = report_fit(load(pi_site, {}), DECISION, Measured(hopeless, False), ask=False, awake=1)
    assert report["degraded_to"] is None
    assert "giving up frames is not enough" in words(report)


def words(report: dict) -> str:
    console = Console(width=300, no_color=True)
    with console.capture() as capture:
        console.print(draw(report))
    return capture.get()


@pytest.mark.parametrize(("image_ms", "status"), [(10.0, 0), (500.0, 1)])
def test_the_exit_status_and_the_json(
    pi_site: Path, image_ms: float, status: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    box = Measured(replace(BOX, image_ms=Figure(image_ms)), False)
    monkeypatch.setattr(fit, "measure_box", lambda manifest, decision: box)
    with pytest.raises(typer.Exit) as ended:
        fit.command(pi_site, probe=False, awake=0.5, as_json=True)
    out, err = capsys.readouterr()
    assert ended.value.exit_code == status
    assert json.loads(out)["fits"] is (status == 0)
    assert err == ""


def test_the_boxes_own_figures_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "_ROUNDS", 2)
    monkeypatch.setattr(fit, "_SLICE_S", 0.1)
    decision = replace(DECISION, plan=Plan(lanes=1))
    measured = fit.measure_box(load_manifest(write_toy_yolox(tmp_path)), decision)
    box = measured.box
    assert box.cores >= 1
    for figure in (box.frame_ms_mpx, box.keyframe_ms_mpx, box.image_ms, box.images_s):
        assert figure.value > 0
        assert figure.spread >= 0
    assert box.keyframe_ms_mpx.value > box.frame_ms_mpx.value
    # one lane, one thread: its pictures a second are what its CPU time gives
    assert box.images_s.value >= 0.9 * 1000 / box.image_ms.value


def test_the_measured_clip_is_a_gop_of_1080p() -> None:
    with av.open(io.BytesIO(encode_scene()), "r") as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        codec = container.streams.video[0].codec_context
        assert (codec.width, codec.height, codec.name) == (*WH, "h264")
    assert len(packets) == 2 * FPS
    assert [p.is_keyframe for p in packets].count(True) == 1
    assert 1e5 < 8 * sum(p.size for p in packets) / 2 < 1e7  # bits a second
