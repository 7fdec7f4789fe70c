"""The stage's brokers speak MQTT 5 on loopback, whichever is installed."""

import queue
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.errors import AgentError, UsageError
from edge_agent.stage import broker as stage_broker
from edge_agent.stage.broker import BrokerKind, RunningBroker, find_mosquitto, start_broker
from edge_agent.stage.child import free_port

KINDS = [
    pytest.param(
        "mosquitto",
        marks=[
            pytest.mark.system,
            pytest.mark.skipif(find_mosquitto() is None, reason="needs the package mosquitto"),
        ],
    ),
    pytest.param(
        "iotcore",
        marks=pytest.mark.skipif(find_spec("iotcore") is None, reason="needs iotcore from PyPI"),
    ),
]


#: More than the 1000 that Mosquitto keeps for an absent subscriber unless told otherwise.
_MESSAGES = 1100


@pytest.fixture(params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningBroker]:
    kind: BrokerKind = request.param
    running = start_broker(tmp_path, kind=kind)
    try:
        yield running
    finally:
        running.stop()


def connected(port: int) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def test_an_event_goes_round_at_qos_1_with_its_content_type(broker: RunningBroker) -> None:
    arrived: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
    subscribed: queue.Queue[list[int]] = queue.Queue()
    client = connected(broker.port)
    client.on_message = lambda _client, _data, message: arrived.put(message)
    client.on_subscribe = lambda _c, _d, _mid, codes, _p: subscribed.put([c.value for c in codes])
    client.subscribe("edge/v1/#", qos=1)
    assert subscribed.get(timeout=10) == [1]
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/json"
    # More than the 20 kB at which iotcore's own default hangs up.
    payload = b"x" * 100_000
    client.publish("edge/v1/a/b", payload, qos=1, properties=properties).wait_for_publish(10)
    message = arrived.get(timeout=10)
    assert (message.topic, message.payload, message.qos) == ("edge/v1/a/b", payload, 1)
    assert message.properties is not None
    assert message.properties.ContentType == "application/json"
    client.disconnect()
    client.loop_stop()


def test_it_listens_on_loopback_alone(broker: RunningBroker) -> None:
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    addresses = {
        address
        for address, state in (
            line.split()[1:4:2] for line in listening.splitlines()[1:] if "rem" not in line
        )
        if address.endswith(f":{broker.port:04X}") and state == "0A"
    }
    assert addresses == {f"0100007F:{broker.port:04X}"}  # 127.0.0.1, little-endian
    assert broker.url == f"mqtt://127.0.0.1:{broker.port}"


@pytest.mark.system
@pytest.mark.skipif(find_mosquitto() is None, reason="needs the package mosquitto")
def test_mosquitto_comes_back_on_its_port_with_its_queue(tmp_path: Path) -> None:
    first = start_broker(tmp_path, kind="mosquitto")
    sleeper = mqtt.Client(CallbackAPIVersion.VERSION2, "sleeper", protocol=mqtt.MQTTv5)
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = 3600
    subscribed: queue.Queue[bool] = queue.Queue()
    sleeper.on_subscribe = lambda *_: subscribed.put(True)
    # Mosquitto 2.0.11 forgets over a restart whoever began with a clean start.
    sleeper.connect("127.0.0.1", first.port, clean_start=False, properties=session)
    sleeper.loop_start()
    sleeper.subscribe("a", qos=1)
    assert subscribed.get(timeout=10)
    sleeper.disconnect()
    sleeper.loop_stop()
    speaker = connected(first.port)
    sent = [speaker.publish("a", str(number), qos=1) for number in range(_MESSAGES)]
    for publish in sent:
        publish.wait_for_publish(10)
    speaker.disconnect()
    speaker.loop_stop()
    first.stop()
    second = start_broker(tmp_path, first.port, kind="mosquitto")
    try:
        arrived: queue.Queue[bytes] = queue.Queue()
        sleeper.on_message = lambda _c, _d, message: arrived.put(message.payload)
        sleeper.connect("127.0.0.1", second.port, clean_start=False, properties=session)
        sleeper.loop_start()
        assert [int(arrived.get(timeout=10)) for _ in sent] == list(range(_MESSAGES))
        sleeper.disconnect()
        sleeper.loop_stop()
    finally:
        second.stop()


@pytest.mark.system
@pytest.mark.skipif(find_mosquitto() is None, reason="needs the package mosquitto")
def test_a_taken_port_is_reported_with_mosquittos_words(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))  # bound, never listening: nobody answers there
        with pytest.raises(AgentError, match=r"broker mosquitto: ended with status .*in use"):
            start_broker(tmp_path, port, kind="mosquitto")


def test_without_any_broker_the_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_broker, "find_mosquitto", lambda: None)
    monkeypatch.setattr(stage_broker, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"neither mosquitto nor .* make setup") as caught:
        start_broker(tmp_path)
    assert caught.value.exit_status == 2
