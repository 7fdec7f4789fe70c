"""`edge-agent verify`: the proof from outside, against a real broker."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.commands.verify import report_text
from edge_agent.contract import Ledger, encode_event, parse_message
from edge_agent.settings import OutboxSettings
from edge_agent.types import Envelope, EventKind
from tests.brokers import REPO, Mosquitto, mosquitto, needs_mosquitto
from tests.outbox_support import WALL_NS, delivery, event
from tests.waiting import wait_until


def message(seq: int):  # type: ignore[no-untyped-def]
    return parse_message(*encode_event(event(), Envelope("e", "agent", "site", "b", "s", seq)))


def test_the_report_for_people_names_what_is_missing() -> None:
    ledger = Ledger()
    for seq in (1, 2, 5, 5, 9):
        ledger.add(message(seq), received_wall_ns=WALL_NS + 20_000_000)
    text = report_text(ledger.report() | {"unreadable": 1})
    assert text.splitlines() == [
        "agent  stream s  boots 1",
        "  received     4 (seq 1..9): start 4",
        "  missing      unannounced 5 (3..4, 6..8); announced 0; before the outbox 0",
        "  repeated     1;  out of order 0",
        "  clock arrival  min 0.020 s, median 0.020 s, max 0.020 s of 4",
        "1 messages could not be read",
        "INCOMPLETE: messages are missing",
    ]


def verify(broker: Mosquitto, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_agent", "verify", "--broker", broker.url, *arguments],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "connected" in process.stderr.readline()
    return process


def ended(process: subprocess.Popen[str]) -> dict:
    process.send_signal(2)
    out, _ = process.communicate(timeout=15)
    return json.loads(out) | {"status": process.returncode}


@pytest.mark.system
@needs_mosquitto
def test_a_session_finds_everything_that_came_while_it_was_away(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker:
        arguments = ("--client-id", "proof", "--from-start", "--json")
        ended(verify(broker, *arguments))
        agent = delivery(tmp_path / "s", broker.url)
        agent.start()
        for _ in range(50):
            agent.put(event())
        wait_until(lambda: agent.snapshot()["outbox"]["acked"] == 51, "sent")
        broker.stop()
        broker.start()
        for _ in range(50):
            agent.put(event(EventKind.END))
        wait_until(lambda: agent.snapshot()["outbox"]["acked"] == 101, "sent")
        agent.stop(5)
        process = verify(broker, *arguments, "--seconds", "2")
        out, _ = process.communicate(timeout=15)
        report = json.loads(out)
        assert process.returncode == 0, report
        (stream,) = report["streams"]
        assert (stream["first_seq"], stream["last_seq"], stream["received"]) == (1, 101, 101)
        assert stream["kinds"] == {"end": 50, "start": 50, "stream_start": 1}
        assert (stream["awaited"], stream["told_last_seq"]) == (0, 101)
        assert stream["missing_announced"] == stream["missing_unannounced"] == []
        assert stream["clock_skew"]["arrival"]["samples"] == 101


@pytest.mark.system
@needs_mosquitto
def test_rows_removed_while_the_broker_was_away_are_announced(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker:
        arguments = ("--client-id", "proof", "--from-start", "--json")
        ended(verify(broker, *arguments))
        broker.stop()
        agent = delivery(tmp_path / "s", broker.url, outbox=OutboxSettings(max_rows=100))
        agent.start()
        for at in range(0, 300, 50):
            for _ in range(50):
                agent.put(event())
            wait_until(lambda at=at: agent.snapshot()["outbox"]["last_seq"] > at + 50, "committed")
        broker.start()
        wait_until(lambda: agent.snapshot()["outbox"]["last_seq"] == 302, "the gap is told")
        wait_until(lambda: agent.snapshot()["outbox"]["depth"] == 0, "sent")
        agent.stop(5)
        process = verify(broker, *arguments, "--seconds", "2")
        out, _ = process.communicate(timeout=15)
        report = json.loads(out)
        assert process.returncode == 0, report
        (stream,) = report["streams"]
        ((first, last),) = stream["missing_announced"]
        assert first == 1
        assert last + stream["received"] == 302
        assert stream["kinds"]["gap"] == 1


@pytest.mark.system
@needs_mosquitto
def test_an_unannounced_hole_ends_with_1(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker:
        process = verify(broker, "--json")
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        for seq in (1, 2, 4):
            topic, payload = encode_event(event(), Envelope("e", "a", "s", "b", "st", seq))
            client.publish(topic, payload, qos=1).wait_for_publish(10)
        client.publish("edge/v1/s/a/gaps", b"rubbish", qos=1).wait_for_publish(10)
        assert process.stderr is not None
        assert "Invalid JSON" in process.stderr.readline()
        report = ended(process)
        client.disconnect()
        client.loop_stop()
        assert report["status"] == 1
        assert not report["complete"]
        assert report["unreadable"] == 1
        assert report["streams"][0]["missing_unannounced"] == [[3, 3]]
