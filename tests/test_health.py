"""Counters, distributions, rates and the status socket."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import StateError
from edge_agent.health.histogram import bucket_of, quantile, seconds_of, subtract, summarise
from edge_agent.health.meters import Meters, Rates
from edge_agent.health.status_socket import StatusServer, ask_status
from edge_agent.types import DropReason


@given(st.floats(1e-4, 1000.0))
def test_a_bucket_is_right_within_2_5_percent(seconds: float) -> None:
    assert seconds_of(bucket_of(seconds)) == pytest.approx(seconds, rel=0.026)


def test_quantiles_of_a_known_distribution() -> None:
    meters = Meters()
    for ms in range(1, 101):
        meters.observe("latency", ms / 1e3, camera_id="a" if ms % 2 else "b")
    whole = meters.buckets("latency")
    assert quantile(whole, 0.5) == pytest.approx(0.050, rel=0.05)
    assert quantile(whole, 0.99) == pytest.approx(0.099, rel=0.05)
    assert sum(meters.buckets("latency", "a").values()) == 50
    assert quantile({}, 0.5) is None


def test_two_snapshots_can_be_subtracted() -> None:
    meters = Meters()
    meters.observe("latency", 5.0)
    before = meters.buckets("latency")
    meters.observe("latency", 0.010)
    between = subtract(meters.buckets("latency"), before)
    assert summarise(between)["n"] == 1
    assert quantile(between, 0.99) == pytest.approx(0.010, rel=0.05)


def test_counts_and_drops_are_kept_by_camera() -> None:
    meters = Meters()
    meters.count("frames_decoded", 3, camera_id="a")
    meters.count("batches")
    meters.drop(DropReason.REPLACED, camera_id="a")
    assert meters.counts("a") == {"frames_decoded": 3}
    assert meters.counts(None) == {"batches": 1}
    assert meters.drops("a") == {"replaced": 1}
    assert meters.drops("b") == {}


def test_frames_within_a_cameras_slo_are_counted_exactly() -> None:
    meters = Meters({"a": 0.25})
    for seconds in (0.1, 0.25, 0.2501, 3.0):
        meters.observe("latency", seconds, camera_id="a")
        meters.observe("latency", seconds, camera_id="b")  # has none
        meters.observe("step", seconds, camera_id="a")
    assert meters.within_slo("a") == (2, 4)
    assert meters.within_slo("b") == (0, 0)


def test_the_sum_of_a_distribution_is_exact() -> None:
    meters = Meters()
    meters.observe("inference", 0.010)
    meters.observe("latency", 0.5, camera_id="a")
    meters.observe("latency", 0.25, camera_id="b")
    assert meters.total_s("inference") == 0.010
    assert meters.total_s("latency") == 0.75
    assert meters.total_s("latency", "b") == 0.25
    assert meters.total_s("nothing") == 0


def test_rates_look_at_the_last_seconds_only() -> None:
    rates = Rates(span_s=10)
    assert rates.per_second("a") == 0.0
    for second in range(31):
        rates.sample("a", min(second, 20) * 5, second * 1_000_000_000)
    assert rates.per_second("a") == 0.0  # nothing moved in the last ten seconds
    rates.sample("a", 150, 31 * 1_000_000_000)
    assert rates.per_second("a") == pytest.approx(5.0, rel=0.11)


def test_the_socket_answers_each_question_afresh(tmp_path: Path) -> None:
    asked = [0]

    def snapshot() -> dict[str, object]:
        asked[0] += 1
        return {"asked": asked[0], "text": "x" * 300_000}  # larger than a socket's buffer

    server = StatusServer(tmp_path / "run" / "status.sock", snapshot)
    server.start()
    try:
        assert [ask_status(tmp_path / "run" / "status.sock")["asked"] for _ in range(2)] == [1, 2]
        assert (tmp_path / "run" / "status.sock").stat().st_mode & 0o777 == 0o660
    finally:
        server.stop()
    with pytest.raises(StateError, match=r"no agent answers there"):
        ask_status(tmp_path / "run" / "status.sock")


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "status.sock"
    for _ in range(2):  # the second time over the first one's leftover
        server = StatusServer(path, lambda: {"ok": True})
        server.start()
        assert ask_status(path) == {"ok": True}
        os.link(path, tmp_path / "kept")
        server.stop()
        os.rename(tmp_path / "kept", path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user outside the group")
def test_permission_denied_names_the_group(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    server = StatusServer(folder / "status.sock", lambda: {"ok": True})
    server.start()
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from edge_agent.health.status_socket import ask_status\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "ask_status(Path(sys.argv[1]))\n"
    )
    try:
        asked = subprocess.run(
            [sys.executable, "-c", code, str(folder / "status.sock")],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
    finally:
        server.stop()
    assert "permission denied; only members of the group edge-agent" in asked.stderr


def test_a_place_that_cannot_hold_the_socket_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"status socket .*/file/status.sock: .*status_socket"):
        StatusServer(tmp_path / "file" / "status.sock", dict).start()


def test_meters_are_json(tmp_path: Path) -> None:
    meters = Meters()
    meters.observe("latency", 0.01)
    assert json.loads(json.dumps(summarise(meters.buckets("latency"))))["n"] == 1
