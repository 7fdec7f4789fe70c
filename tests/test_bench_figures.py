"""The bench's sums: figures of a run, comparison, search, growth, page, energy."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.commands.bench.compare import compare, unlike
from edge_agent.commands.bench.figures import figures_of, sustained
from edge_agent.commands.bench.find import search
from edge_agent.commands.bench.growth import Point, growth_lines, growth_of, memory_a_stream
from edge_agent.commands.bench.html import draw_page
from edge_agent.commands.bench.options import clip_seconds, size_of
from edge_agent.commands.bench.overhead import choose_fps
from edge_agent.commands.bench.report import Side
from edge_agent.commands.bench.table import Figure
from edge_agent.commands.bench.text import report_lines
from edge_agent.errors import UsageError
from edge_agent.stage.energy import EnergyMeter
from tests.bench_reports import camera, report, run_of, snapshot

# --- figures


def test_figures_are_what_lies_between_two_looks() -> None:
    before = snapshot(
        camera(frames_received=10, frames_decoded=10, frames_analysed=4),
        camera(frames_received=20, drop_replaced=5),
        stages_cpu_s={"decode": 1.0, "track": 1.0},
        threads_cpu_s={"outbox": 0.1, "sender": 0.5, "lane": 1.0},
    )
    after = snapshot(
        camera(frames_received=260, frames_decoded=260, frames_analysed=54),
        camera(frames_received=270, frames_decoded=250, frames_analysed=30, drop_replaced=25),
        stages_cpu_s={"decode": 1.8, "track": 1.016, "infer": 0.6},
        threads_cpu_s={"outbox": 0.12, "sender": 0.54, "lane": 2.0},
    )
    figures = figures_of(run_of(before, after, cpu_s=2.0), fps=25)
    assert figures["frames"] == {
        "received": 500, "decoded": 500, "analysed": 80, "dropped": {"replaced": 20},
    }  # fmt: skip
    assert figures["analysed_fps"] == {"least": 3.0, "mean": 4.0}
    cpu = figures["cpu_ms"]
    assert cpu["all"] == 100.0  # 2 s over 10 s and 2 streams
    assert cpu["stages"]["decode"] == 40.0
    assert cpu["stages"]["infer"] == 30.0  # also a stage that was not there before
    assert cpu["stages"]["keyframe_look"] == 0.0
    assert cpu["stages"]["outbox"] == 1.0  # from its thread
    assert cpu["stages"]["publish"] == 2.0
    assert cpu["rest"] == pytest.approx(100 - 40 - 30 - 0.8 - 1 - 2)
    assert cpu["python_at_most"] == pytest.approx(100 - 40 - 30)
    assert figures["track_ms_an_image"] == pytest.approx(0.2)
    assert figures["memory_mb"] == {"all": 170.0, "before_cameras": 140.0, "a_stream": 15.0}
    assert figures["energy"] is None
    assert figures["feeders_cores"] == 0.05


def test_what_the_agent_does_not_tell_is_not_guessed() -> None:
    run = run_of(snapshot(camera()), snapshot(camera(frames_received=250, frames_analysed=50)))
    figures = figures_of(run, fps=25)
    assert set(figures["cpu_ms"]["stages"].values()) == {None}
    assert figures["cpu_ms"]["rest"] is None
    assert figures["cpu_ms"]["python_at_most"] is None
    assert figures["latency_s"]["commit"] is None
    assert figures["track_ms_an_image"] is None
    lines = "\n".join(report_lines({**report(), "figures": figures}))
    assert "commit to the outbox: not told" in lines
    assert "decode            not told" in lines
    assert "energy: no RAPL or INA sensor here" in lines


def test_latencies_are_the_difference_of_two_histograms() -> None:
    def told(buckets: dict[str, int]) -> dict[str, object]:
        return {"n": 0, "p50": None, "p90": None, "p99": None, "buckets": buckets}

    before, after = snapshot(camera()), snapshot(camera(frames_received=250))
    before["latency_s"] = {"event": told({"150": 7}), "update": told({}), "commit": told({})}
    after["latency_s"] = {
        "event": told({"150": 7, "160": 99, "180": 1}), "update": told({}),
        "commit": told({"100": 1}),
    }  # fmt: skip
    found = figures_of(run_of(before, after), fps=25)["latency_s"]
    assert found["event"]["n"] == 100
    assert found["event"]["buckets"] == {"160": 99, "180": 1}
    assert found["event"]["p50"] == found["event"]["p99"] < 0.025 * 10
    assert found["update"]["n"] == 0
    assert found["commit"]["n"] == 1


@pytest.mark.parametrize(
    ("received", "analysed", "drops", "fps", "held", "why"),
    [
        ([250, 250], [50, 50], {}, 25.0, True, "every frame arrived"),
        ([250, 248], [50, 49], {"replaced": 1}, 25.0, True, "every frame arrived"),
        ([250, 240], [50, 50], {}, 25.0, False, "only 96.0% of a camera's frames arrived"),
        ([250, 250], [50, 40], {"replaced": 6, "stale": 4}, 25.0, False, "10.0% of the chosen"),
        ([250, 250], [50, 50], {"stopped": 30}, 25.0, True, "every frame arrived"),  # no overload
        ([2, 1], [50, 50], {}, None, True, "every frame arrived"),  # nobody knows a camera's rate
        ([250, 250], [0, 0], {}, 25.0, True, "every frame arrived"),  # all asleep
    ],
)
def test_a_load_is_sustained_or_says_why_not(
    received: list[int], analysed: list[int], drops: dict[str, int], fps: float | None,
    held: bool, why: str,
) -> None:  # fmt: skip
    said = sustained(received, analysed, drops, 10.0, fps)
    assert said["held"] is held
    assert said["why"].startswith(why)


# --- comparison


def test_a_comparison_tells_what_became_worse() -> None:
    old = report()
    assert not [c for c in compare(old, report(cpu=219.0, memory=178.0)) if c.worse]
    worse = {c.name for c in compare(old, report(cpu=221.0, fps=4.8, held=0)) if c.worse}
    assert worse == {
        "CPU, ms a second and stream", "analysed a second and stream", "sustained (1 yes, 0 no)",
    }  # fmt: skip
    (line,) = [c.line() for c in compare(old, report(cpu=300.0)) if c.worse]
    assert line == ("CPU, ms a second and stream: 200 -> 300 (+50.0%): WORSE, more than 10% allows")
    assert unlike(old, {**report(), "machine": {"words": "another", "cores": 4}}) == [
        "machine, cores: 2 then, 4 now"
    ]


def test_a_file_that_is_no_report_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    result = CliRunner().invoke(app, ["bench", "--compare", str(tmp_path / "x.json")])
    assert isinstance(result.exception, UsageError)
    assert "no report of edge-agent bench --json" in str(result.exception)


# --- the search


@pytest.mark.parametrize(
    ("truth", "first", "limit", "expected"),
    [
        (11, 4, 64, (11, 12)),
        (64, 4, 64, (64, None)),
        (100, 4, 64, (64, None)),
        (0, 4, 64, (0, 1)),
        (1, 4, 64, (1, 2)),
        (3, 8, 64, (3, 4)),
        (40, 4, 64, (40, 44)),  # the trials are at their end
    ],
)
def test_the_search_ends_at_the_largest_number_that_holds(
    truth: int, first: int, limit: int, expected: tuple[int, int | None]
) -> None:
    asked: list[int] = []

    def holds(number: int) -> bool:
        asked.append(number)
        return number <= truth

    found = search(holds, first, limit)
    assert (found.most_held, found.least_failed) == expected
    assert len(asked) == len(set(asked)) == found.trials <= 8


def test_a_search_is_bounded() -> None:
    assert search(lambda number: number < 3, 256, 256, most_trials=3).trials == 3


# --- growth, fitting rate, sizes, table


def point(streams: int, cores: float, rss_mb: float = 200.0) -> Point:
    return Point(streams, cores, rss_mb, 150.0, True, {"asleep": streams})


def test_growth_is_the_later_streams_over_the_earlier_ones() -> None:
    points = [point(4, 0.03), point(16, 0.09, 260), point(32, 0.186, 340)]
    assert growth_of(points) == pytest.approx((0.096 / 16) / (0.06 / 12))
    assert memory_a_stream(points) == pytest.approx(5.0)
    lines = growth_lines(points)
    assert lines[-3:] == [
        "growth: (C32 - C16)/16 over (C16 - C4)/12 = 1.20",
        "quiet streams a core, extrapolated from 32: 172",
        "memory: 5.0 MB a stream more",
    ]
    assert growth_of(points[:2]) is None


@pytest.mark.parametrize(
    ("decode_s", "infer_s", "fps", "share"),
    [
        (2.0, 0.006, 5.0, 0.32),  # a fast machine
        (3.0, 0.020, 3.0, 0.54),
        (4.8, 0.030, 1.0, 0.60),
        (7.0, 0.030, 1.0, 0.82),  # nothing fits: the least there is
    ],
)
def test_the_rate_leaves_room_on_the_core(
    decode_s: float, infer_s: float, fps: float, share: float
) -> None:
    probe = Side(cpu_s=decode_s + 100 * infer_s, images=100, frames=1000,
                 infer_cpu_s=100 * infer_s)  # fmt: skip
    chosen, seen = choose_fps(probe, 10.0, 4)
    assert chosen == fps
    assert seen == pytest.approx(share, abs=1e-6)


def test_sizes_and_clip_lengths() -> None:
    assert size_of("1080p") == (1920, 1080)
    assert size_of("704x576") == (704, 576)
    for wrong in ("1081p", "703x576", "0x0", "axb"):
        with pytest.raises(UsageError, match=f"--size {wrong}"):
            size_of(wrong)
    assert clip_seconds(25, 50) == 24.0
    assert clip_seconds(25, 250) == 20.0
    assert clip_seconds(25, 1000) == 40.0


def test_a_row_of_the_table_says_whether_it_holds() -> None:
    row = Figure("overhead", 1.0412, 1.10, words="4 streams")
    assert row.line() == "| overhead | 1.04 | ≤ 1.1 | yes | 4 streams |"
    assert Figure("a core", 255.0, 256, True).verdict() == "NO"
    assert Figure("x", None, 1.0, words="no broker").line() == (
        "| x | not measured | ≤ 1 |  | no broker |"
    )


# --- the page


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.outside += [v for k, v in attrs if v and k in ("src", "href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_from_outside() -> None:
    shown = report()
    shown["model"] = "<b>&"
    shown["figures"]["latency_s"]["event"] = {
        "n": 3, "p50": 0.02, "p90": 0.04, "p99": 0.04, "buckets": {"155": 2, "170": 1},
    }  # fmt: skip
    peer = {
        "name": "cv2", "what": "threads", "streams": 4, "cpu_ms": 210.0, "images_a_stream_s": 5.0,
        "memory_mb": 200.0, "agent_over_peer": 0.9, "asked_reached": True,
    }  # fmt: skip
    failed = {"name": "mesopic", "cpu_ms": None, "why": "no environment"}
    page = draw_page({**shown, "peers": [peer, failed]})
    parser = _Page()
    parser.feed(page)
    assert parser.open == []
    assert parser.outside == []
    assert "<script" not in page
    assert "http" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "no environment" in page
    assert page.count("<svg") == 3  # stages, events, peers


# --- energy


def test_rapl_counters_are_added_up_over_their_wrap(tmp_path: Path) -> None:
    zone = tmp_path / "powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    part = tmp_path / "powercap/intel-rapl:0:0"  # within the package: not to be counted twice
    part.mkdir()
    (part / "energy_uj").write_text("7000000\n")
    (zone / "max_energy_range_uj").write_text("10000000\n")
    meter = EnergyMeter(tmp_path)
    for micro in (9_000_000, 9_500_000, 500_000):
        (zone / "energy_uj").write_text(f"{micro}\n")
        meter.look()
    assert meter.joules == pytest.approx(1.5)
    assert meter.source == "RAPL, 1 package"


def test_ina_monitors_are_sampled_over_time(tmp_path: Path) -> None:
    three, two, other = (tmp_path / f"hwmon/hwmon{n}" for n in range(3))
    for folder, name in ((three, "ina3221"), (two, "ina226"), (other, "coretemp")):
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
    (three / "in1_input").write_text("5000\n")
    (three / "curr1_input").write_text("1000\n")  # 5 W
    (two / "power1_input").write_text("2000000\n")  # 2 W
    meter = EnergyMeter(tmp_path)
    for now_s in (10.0, 11.0, 13.0):
        meter.look(now_s)
    assert meter.joules == pytest.approx(21.0)
    assert meter.source is not None
    assert meter.source.startswith("ina3221, ina226")


def test_without_a_sensor_there_are_no_joules(tmp_path: Path) -> None:
    meter = EnergyMeter(tmp_path)
    meter.look()
    assert meter.source is None
    assert json.dumps(report()["figures"]["energy"]) == "null"
