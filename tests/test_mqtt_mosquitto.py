"""The sender against a real Mosquitto: restarts, kills, states and the last will."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.errors import StateError
from edge_agent.types import EventKind
from tests.brokers import REPO, free_port, mosquitto, needs_mosquitto
from tests.mqtt_platform import Platform
from tests.outbox_support import CountingMeter, delivery, event
from tests.waiting import wait_until

pytestmark = [pytest.mark.system, needs_mosquitto]


def test_a_broker_that_restarts_in_full_flow_costs_nothing(tmp_path: Path) -> None:
    meter = CountingMeter()
    with mosquitto(tmp_path / "broker") as broker, Platform(broker) as platform:
        agent = delivery(tmp_path / "state", broker.url, meter=meter)
        agent.start()
        put = 0
        for down_at in (100, 250, None):
            until = down_at or 400
            while put < until:
                agent.put(event(EventKind.START if put % 3 else EventKind.UPDATE))
                put += 1
                if put % 10 == 0:
                    wait_until(lambda: agent.snapshot()["outbox"]["queue"] < 500, "room")
            if down_at is not None:
                wait_until(lambda: platform.seqs(), "in full flow")
                broker.stop()
                for _ in range(50):
                    agent.put(event())
                broker.start()
        wait_until(lambda: meter.counts["events_put"] == 500, "all put")
        wait_until(lambda: agent.snapshot()["outbox"]["depth"] == 0, "the backlog is sent")
        agent.stop(10)
        total = agent.snapshot()["outbox"]["last_seq"]
        wait_until(lambda: len(platform.seqs()) == total, f"all of {total} came")
        assert platform.seqs() == list(range(1, total + 1))
        assert platform.ledger.complete
        assert agent.snapshot()["broker"]["reconnects"] >= 1
        assert meter.counts["events_parked"] == meter.counts["events_removed"] == 0


def child(state: Path, url: str, boot: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.outbox_child", str(state), url, boot],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    return process


def test_kill_9_in_full_flow_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    state_topic = "edge/v1/riverside/town-gate/state"
    with mosquitto(tmp_path / "broker") as broker, Platform(broker) as platform:
        committed = 0
        for boot in ("boot-1", "boot-2"):
            process = child(tmp_path / "state", broker.url, boot)
            try:
                goal = committed + 300
                wait_until(lambda: len(platform.seqs()) > goal, "in full flow", 30)  # noqa: B023
                process.kill()
            finally:
                process.kill()
                process.communicate()
            with closing(sqlite3.connect(tmp_path / "state/outbox.db")) as db:
                (next_seq,) = db.execute("SELECT next_seq FROM counter").fetchone()
                kept = {seq for (seq,) in db.execute("SELECT seq FROM outbox")}
            committed = next_seq - 1
            assert kept == set(range(1, committed + 1))
            wait_until(lambda: (platform.last(state_topic) or {})["reason"] == "vanished", "a will")
            will = platform.last(state_topic)
            assert will is not None
            assert (will["online"], will["boot_id"]) == (False, boot)

        process = child(tmp_path / "state", broker.url, "boot-3")
        process.communicate(b"", timeout=20)
        assert process.returncode == 0
        last = platform.last(state_topic)
        wait_until(
            lambda: (platform.last(state_topic) or {})["reason"] == "stopped", "a last state"
        )
        last = platform.last(state_topic)
        assert last is not None
        assert last["last_seq"] >= committed
        wait_until(lambda: len(platform.seqs()) == last["last_seq"], "everything came")
        assert platform.seqs() == list(range(1, last["last_seq"] + 1))
        assert platform.ledger.complete


def test_no_will_after_a_clean_stop(tmp_path: Path) -> None:
    topic = "edge/v1/riverside/town-gate/state"
    with mosquitto(tmp_path / "broker") as broker, Platform(broker) as platform:
        agent = delivery(tmp_path / "state", broker.url)
        agent.start()
        wait_until(lambda: platform.last(topic), "birth")
        agent.stop(5)
        wait_until(lambda: platform.last(topic)["reason"] == "stopped", "the last state")
        marker = delivery(tmp_path / "marker", broker.url, topic_root="edge/v1")
        marker.start()  # whatever the broker had to say of the first came before this one
        wait_until(lambda: platform.last(topic)["online"], "the marker")
        marker.stop(5)
        said = [json.loads(m.payload)["reason"] for m in platform.messages if m.topic == topic]
        assert "vanished" not in said


def test_a_broker_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    agent = delivery(tmp_path / "state", f"mqtt://127.0.0.1:{port}")
    agent.start()
    try:
        agent.put_state("gate", {"state": "live", "ring": "urban"})
        agent.put(event())
        wait_until(lambda: agent.snapshot()["broker"]["state"] == "waiting", "no broker")
        assert "cannot connect: connection refused" in agent.snapshot()["broker"]["reason"]
        with mosquitto(tmp_path / "broker", port) as broker, Platform(broker) as platform:
            wait_until(lambda: platform.seqs() == [1, 2], "both came")
            wait_until(
                lambda: platform.last("edge/v1/riverside/town-gate/cameras/gate/state"),
                "the camera's state",
            )
            state = platform.last("edge/v1/riverside/town-gate/state")
            assert state is not None
            assert (state["online"], state["boot_id"]) == (True, "boot-1")
            assert state["stream_id"] == agent.snapshot()["outbox"]["stream_id"]
            agent.stop(5)
    finally:
        agent.stop(1)


def test_a_newcomer_finds_the_newest_states_retained(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        agent = delivery(tmp_path / "state", broker.url)
        agent.start()
        for state in ("connecting", "live", "lost"):
            agent.put_state("gate", {"state": state, "fps": 5})
        agent.put_state(None, {"cameras": 1})
        agent.put(event())
        agent.stop(5)
        with Platform(broker) as platform:
            wait_until(lambda: len(platform.messages) == 2, "two retained states")
            assert all(message.retained for message in platform.messages)
            camera = platform.last("edge/v1/riverside/town-gate/cameras/gate/state")
            assert camera is not None
            assert (camera["state"], camera["data"]) == ("lost", {"fps": 5})
            agent_state = platform.last("edge/v1/riverside/town-gate/state")
            assert agent_state is not None
            assert agent_state["data"] == {"cameras": 1}
            assert (agent_state["first_seq"], agent_state["last_seq"]) == (1, 2)


def test_two_agents_on_one_state_folder_are_refused(tmp_path: Path) -> None:
    url = f"mqtt://127.0.0.1:{free_port()}"
    first, second = delivery(tmp_path, url), delivery(tmp_path, url)
    first.start()
    try:
        with pytest.raises(StateError, match="in use by another agent"):
            second.start()
    finally:
        first.stop(1)
    second.start()
    second.stop(1)


def test_time_moves_on_for_the_watchdog(tmp_path: Path) -> None:
    agent = delivery(tmp_path, f"mqtt://127.0.0.1:{free_port()}")
    agent.start()
    before, _ = agent.progress()
    wait_until(lambda: agent.progress()[0] > before, "the writer turns though nothing happens")
    assert agent.progress()[1] == 0
    assert agent.progress()[0] <= time.monotonic_ns()
    agent.stop(1)
