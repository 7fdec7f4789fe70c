"""The Prometheus endpoint of a real agent process, and the page that lists its metrics."""

import re
import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge_agent.errors import StateError
from edge_agent.health.histogram import bucket_of
from edge_agent.health.metric_table import METRICS
from edge_agent.health.metrics import BOUNDS_S, cumulative
from edge_agent.health.metrics_server import MetricsServer
from edge_agent.settings import ServiceSettings
from tests.agent_process import AgentProcess, site_toml
from tests.clips import clip
from tests.toy_model import write_toy_yolox
from tests.waiting import wait_until

PAGE = Path(__file__).parents[1] / "docs/operate.md"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scrape(port: int) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return {sample name: [(labels, value)]}."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_the_operators_page_lists_exactly_the_metrics_that_exist() -> None:
    section = PAGE.read_text().split("\n## Metrics\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(edge_agent_\w+)` \| (\w+) \|([^|]*)\| (.+) \|$", section, re.M)
    on_page = [
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), text)
        for name, kind, labels, text in listed
    ]
    assert on_page == [(m.name, m.kind, m.labels, m.help) for m in METRICS]


def test_names_follow_prometheus_conventions() -> None:
    for metric in METRICS:
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        assert not re.search(r"_(ms|mb|percent|minutes)\b", metric.name)
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_cumulative_buckets_count_what_lies_below_their_bound() -> None:
    buckets = {str(bucket_of(s)): n for s, n in ((0.004, 3), (0.03, 2), (0.4, 1), (60.0, 1))}
    rows = dict(cumulative(buckets))
    assert [rows[str(bound)] for bound in BOUNDS_S] == [3, 3, 5, 5, 5, 6, 6, 6, 6, 6]
    assert rows["+Inf"] == 7


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a running agent over one looped file exports, its status, and how it stopped."""
    folder, port = tmp_path_factory.mktemp("agent"), free_port()
    text = site_toml(
        folder, broker_port=1, manifest=write_toy_yolox(folder),
        cameras=[("gate", str(clip()))], extra=f'metrics = "127.0.0.1:{port}"',
    )  # fmt: skip
    with AgentProcess(folder, text + "loop = true\nlatency_slo_ms = 60000\n") as agent:
        agent.start()

        def analysed() -> bool:
            try:
                rows = scrape(port).get("edge_agent_camera_within_slo_ratio", [])
            except OSError:  # the status socket opens before the port
                return False
            return bool(rows) and agent.status()["cameras"][0]["counts"]["frames_analysed"] >= 10

        wait_until(analysed, "ten frames were analysed", 30)
        samples, status = scrape(port), agent.status()
        code = agent.stop()
    return {"samples": samples, "status": status, "code": code, "port": port}


def one(scraped: dict, name: str, **labels: str) -> float:
    rows = [
        v for have, v in scraped["samples"][name] if labels.items() <= have.items()
    ]  # fmt: skip
    assert len(rows) == 1, (name, labels, scraped["samples"][name])
    return rows[0]


def test_every_metric_of_the_table_with_figures_is_scraped(scraped: dict) -> None:
    exported = set(scraped["samples"])
    absent = {
        metric.name
        for metric in METRICS
        if metric.name + ("_count" if metric.kind == "histogram" else "") not in exported
    }
    # What this machine may not tell, and what has not happened.
    assert absent <= {
        "edge_agent_cpu_stalled_ratio", "edge_agent_cpu_quota_hit_ratio",
        "edge_agent_temperature_celsius", "edge_agent_cpu_frequency_hertz",
        "edge_agent_journal_oldest_seconds",
        "edge_agent_camera_dropped_frames_total", "edge_agent_dropped_events_total",
        "edge_agent_stage_cpu_seconds_total", "edge_agent_camera_cpu_seconds_total",
    }  # fmt: skip


def test_a_camera_that_rests_counts_as_live() -> None:
    (row,) = (metric for metric in METRICS if metric.name == "edge_agent_camera_live")
    cameras = [
        {"camera_id": state, "ring": "urban", "layer": "portrait", "state": state}
        for state in ("live", "resting", "lost")
    ]
    assert [value for _, value in row.rows({"cameras": cameras})] == [1, 1, 0]


def test_the_figures_are_those_of_the_snapshot(scraped: dict) -> None:
    status, camera = scraped["status"], scraped["status"]["cameras"][0]
    labels = {"camera": "gate", "ring": "urban", "layer": "portrait"}
    assert one(scraped, "edge_agent_info", agent_id="box-1", site="test") == 1
    assert one(scraped, "edge_agent_camera_live", **labels) == 1
    analysed = one(scraped, "edge_agent_camera_frames_total", **labels, step="analysed")
    assert 10 <= analysed <= camera["counts"]["frames_analysed"]
    assert one(scraped, "edge_agent_camera_stride", **labels) == 1
    assert one(scraped, "edge_agent_camera_slo_seconds", **labels) == 60
    assert one(scraped, "edge_agent_camera_within_slo_ratio", **labels) == 1
    assert one(scraped, "edge_agent_camera_fps", **labels, kind="target") == 5
    assert one(scraped, "edge_agent_load_level") == 0
    assert one(scraped, "edge_agent_broker_connected") == 0
    assert one(scraped, "edge_agent_outbox_waiting") > 0
    assert one(scraped, "edge_agent_resident_memory_bytes") > 20e6
    latency = one(scraped, "edge_agent_camera_latency_seconds_count", **labels)
    assert analysed - 1 <= latency <= camera["counts"]["frames_analysed"]
    assert one(scraped, "edge_agent_camera_latency_seconds_sum", **labels) > 0
    assert status["load"]["lanes_busy"] > 0


def test_the_threads_times_add_up_to_the_process(scraped: dict) -> None:
    groups = {
        row["group"]: v for row, v in scraped["samples"]["edge_agent_thread_cpu_seconds_total"]
    }
    assert set(groups) == {"source", "lane", "outbox", "sender", "main", "other"}
    assert groups["lane"] > 0
    assert groups["source"] > 0
    assert sum(groups.values()) == pytest.approx(one(scraped, "edge_agent_cpu_seconds_total"), 0.05)


def test_the_agent_stops_in_time_and_closes_its_port(scraped: dict) -> None:
    assert scraped["code"] == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", scraped["port"])) != 0


def test_a_taken_port_keeps_the_agent_from_starting_and_says_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = MetricsServer(f"127.0.0.1:{taken.getsockname()[1]}", dict)
        with pytest.raises(StateError, match=r"metrics 127\.0\.0\.1:\d+: Address already in use"):
            server.start()
        server.stop()


def test_a_client_that_says_nothing_holds_up_neither_a_scrape_nor_the_end() -> None:
    port = free_port()
    answer = {"uptime_s": 1.5}
    server = MetricsServer(f"127.0.0.1:{port}", lambda: answer)
    server.start()
    with socket.create_connection(("127.0.0.1", port)) as silent:
        with socket.create_connection(("127.0.0.1", port)) as asking:
            asking.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert asking.recv(100).startswith(b"HTTP/1.0 ")
        server.stop()
        silent.sendall(b"G")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    again = MetricsServer(f"127.0.0.1:{port}", lambda: answer)
    again.start()
    again.stop()


@pytest.mark.parametrize("address", ["127.0.0.1:9464", "localhost:1", "[::1]:65535", "127.1.2.3:8"])
def test_loopback_addresses_are_taken(address: str) -> None:
    assert ServiceSettings(metrics=address).metrics == address


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:9464", "10.0.0.7:9464", "[::]:9464", "box.local:9464", ":9464", "127.0.0.1:0",
     "127.0.0.1:65536", "127.0.0.1", "localhost.evil.example:80"],
)  # fmt: skip
def test_an_address_that_others_could_reach_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="metrics"):
        ServiceSettings(metrics=address)
