"""The spine with its real parts: RTSP cameras, the agent as a process, Mosquitto, a platform.

Each test breaks one part for 20 s, or kills it, and then demands every `seq` from 1 to n.
The detector is the toy of toy_model.py, so nothing here needs ../shared.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.agent_process import AgentProcess, Platform, Verifier, platform, site_toml
from tests.brokers import Mosquitto, mosquitto, needs_mosquitto
from tests.rtsp_peers import GstServer, gst_server, gstreamer_missing
from tests.toy_model import paint, write_toy_yolox
from tests.waiting import wait_until

AWAY_S = 20
FPS = 10

pytestmark = [
    pytest.mark.system,
    needs_mosquitto,
    pytest.mark.skipif(gstreamer_missing() is not None, reason=str(gstreamer_missing())),
]


def write_walk(path: Path, label: str, seconds: int = 6) -> Path:
    """Write a clip in which one object crosses the picture and is gone for the last half."""
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "crf": "22", "threads": "1"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        stream.codec_context.gop_size = FPS
        stream.codec_context.max_b_frames = 0
        for index in range(seconds * FPS):
            left = 20 + index * 14
            box = (label, (left, 120, left + 60, 280))
            blobs = [box] if index < seconds * FPS // 2 else []
            frame = av.VideoFrame.from_ndarray(paint((640, 360), *blobs), "bgr24")
            frame = frame.reformat(format="yuv420p", threads=1)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("walks")
    return {label: write_walk(folder / f"{label}.mp4", label) for label in ("person", "car")}


@pytest.fixture
def cameras(walks: dict[str, Path]) -> Iterator[GstServer]:
    with gst_server(walks) as server:
        yield server


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Platform]:
    with platform(broker.port) as listening:
        yield listening


@pytest.fixture
def verifier(tmp_path: Path, broker: Mosquitto, listener: Platform) -> Iterator[Verifier]:
    """`edge-agent verify` over the whole test, as an integrator would run it."""
    with Verifier(tmp_path, broker.url) as running:
        yield running


@pytest.fixture
def agent(tmp_path: Path, cameras: GstServer, broker: Mosquitto) -> Iterator[AgentProcess]:
    toml = site_toml(
        tmp_path,
        broker_port=broker.port,
        manifest=write_toy_yolox(tmp_path),
        cameras=[("gate", cameras.url("person")), ("road", cameras.url("car"))],
    )
    with AgentProcess(tmp_path, toml) as running:
        yield running


def wait_for(listener: Platform, kind: str, times: int, camera: str | None = None) -> None:
    def enough() -> bool:
        found = {
            (m["stream_id"], m["seq"])  # QoS 1 may bring a message twice
            for m in list(listener.messages)
            if m["kind"] == kind and camera in (None, m["camera_id"])
        }
        return len(found) >= times

    wait_until(enough, f"{times} × {kind} from {camera or 'any camera'}", 60)


def demand_everything(listener: Platform, verifier: Verifier, status: dict[str, Any]) -> None:
    """Every seq from 1 to the last one that the agent committed, in order, none announced lost."""
    last = status["outbox"]["last_seq"]
    stream = status["outbox"]["stream_id"]
    wait_until(lambda: last in listener.seqs(stream), f"seq {last} arrives", 60)
    arrived = listener.seqs(stream)
    assert arrived == list(range(1, len(arrived) + 1))
    assert "gap" not in listener.kinds()
    assert "lost_before_commit" not in listener.kinds()
    report = verifier.finish()
    (checked,) = report["streams"]
    assert (report["complete"], checked["missing_unannounced"]) == (True, [])
    assert (checked["first_seq"], checked["stream_id"]) == (1, stream)
    assert checked["last_seq"] >= last


def seconds_pass(agent: AgentProcess, seconds: float) -> None:
    """Let the agent live through an outage: wait until its own uptime says so."""
    until = agent.status()["uptime_s"] + seconds
    wait_until(lambda: agent.status()["uptime_s"] >= until, "the outage lasted", seconds + 20)


def test_events_carry_ring_layer_and_what_was_seen(
    agent: AgentProcess, listener: Platform, verifier: Verifier
) -> None:
    agent.start()
    wait_for(listener, "end", 1, "gate")
    wait_for(listener, "start", 1, "road")
    assert agent.stop() == 0
    wait_for(listener, "stop", 1)
    start = next(m for m in listener.messages if m["kind"] == "start" and m["camera_id"] == "gate")
    assert (start["ring"], start["layer"], start["severity"]) == ("urban", "portrait", "info")
    (track,) = start["tracks"]
    assert (track["class"], track["subclass"]) == ("person", None)
    x1, y1, x2, y2 = track["xyxy_px"]
    assert y1 == pytest.approx(120, abs=8)
    assert y2 == pytest.approx(280, abs=8)
    assert x2 - x1 == pytest.approx(60, abs=12)
    road = next(m for m in listener.messages if m["kind"] == "start" and m["camera_id"] == "road")
    assert (road["ring"], road["layer"]) == ("suburban", "checkpoint")
    assert (road["tracks"][0]["class"], road["tracks"][0]["subclass"]) == ("vehicle", "car")
    end = next(m for m in listener.messages if m["kind"] == "end" and m["camera_id"] == "gate")
    assert end["tracks"][0]["end_reason"] == "left"
    assert end["tracks"][0]["path_norm"][0][0] < end["tracks"][0]["path_norm"][-1][0]
    kinds = listener.kinds()
    assert kinds[:2] == ["stream_start", "birth"]
    assert kinds[-1] == "stop"
    state = listener.retained["edge/v1/test/box-1/state"]
    assert state["online"] is False
    demand_everything(listener, verifier, {"outbox": state})


def test_a_broker_away_for_20_s_loses_nothing(
    agent: AgentProcess, broker: Mosquitto, listener: Platform, verifier: Verifier
) -> None:
    agent.start()
    wait_for(listener, "start", 1)
    broker.stop()
    before = agent.status()["outbox"]["last_seq"]
    seconds_pass(agent, AWAY_S)
    status = agent.status()
    assert status["broker"]["state"] != "connected"
    assert status["outbox"]["last_seq"] > before + 5
    broker.start()
    wait_until(lambda: agent.status()["outbox"]["depth"] < 5, "the outbox drains", 60)
    verifier.wait_for_connection(2)
    wait_for(listener, "start", listener.kinds().count("start") + 2)  # verify has the queued ones
    demand_everything(listener, verifier, agent.status())


def test_kill_9_in_full_flow_loses_nothing(
    agent: AgentProcess, listener: Platform, verifier: Verifier
) -> None:
    agent.start()
    for boot in range(1, 4):
        wait_for(listener, "birth", boot)
        wait_for(listener, "update", listener.kinds().count("update") + 4)
        agent.kill()
        agent.start()
    wait_for(listener, "birth", 4)
    wait_for(listener, "start", listener.kinds().count("start") + 2)
    demand_everything(listener, verifier, agent.status())
    assert listener.kinds().count("stream_start") == 1
    assert listener.kinds().count("birth") == 4
    assert len({m["boot_id"] for m in listener.messages}) == 4


def test_cameras_away_for_20_s_come_back(
    agent: AgentProcess, cameras: GstServer, listener: Platform, verifier: Verifier
) -> None:
    agent.start()
    wait_for(listener, "start", 1, "gate")
    wait_for(listener, "start", 1, "road")
    cameras.kill()
    wait_for(listener, "camera_lost", 2)
    assert {c["state"] for c in agent.status()["cameras"]} == {"lost"}
    seconds_pass(agent, AWAY_S)
    cameras.start()
    wait_for(listener, "camera_live", 2, "gate")
    wait_for(listener, "camera_live", 2, "road")
    wait_for(listener, "start", 2, "gate")
    demand_everything(listener, verifier, agent.status())
    lost = [m for m in listener.messages if m["kind"] == "camera_lost"]
    assert all("reconnecting in" in m["data"]["reason"] for m in lost)
