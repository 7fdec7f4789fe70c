"""Positions: how they are spelt, how they come in, and what becomes of a camera's ring."""

import json
import logging
import re
import socket
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.clock import ManualClock, SystemClock
from edge_agent.config import dispatch_grid, load, ring_areas
from edge_agent.deliver.topic_listener import TopicListener
from edge_agent.health.meters import Meters
from edge_agent.hotloop.listeners import open_listeners
from edge_agent.hotloop.shedding import Shedding
from edge_agent.hotloop.slots import SlotBoard
from edge_agent.hotloop.whereabouts import MovingCameras
from edge_agent.position import Intake, UdpListener, parse_json, parse_nmea
from edge_agent.settings import AgentSettings, BrokerSettings, Plan
from edge_agent.stage.broker import start_broker
from edge_agent.types import Event, EventKind, Position, Ring
from tests.config_support import MINIMAL, write_site
from tests.rings_support import Walk
from tests.waiting import wait_until

START = 1_795_600_000_000_000_000


def sentence(body: str) -> str:
    total = 0
    for character in body:
        total ^= ord(character)
    return f"${body}*{total:02X}"


GGA = "$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"  # of the standard
RMC = "$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A"
SHANGHAI = "GNGGA,080000.00,3113.8240,N,12128.4220,E,4,12,1.1,9.0,M,9.8,M,,"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (GGA, [(48.1173, 11.516667, 4.5)]),
        (RMC, [(48.1173, 11.516667, None)]),
        (f"{GGA}\r\n{RMC}\r\n", [(48.1173, 11.516667, 4.5), (48.1173, 11.516667, None)]),
        (sentence(SHANGHAI), [(31.230400, 121.473700, 5.5)]),
        (sentence("GPRMC,1,A,3351.000,S,15112.500,W,0,0,1,,"), [(-33.85, -151.208333, None)]),
        (sentence("GPRMC,1,V,3351.000,S,15112.500,E,0,0,1,,"), []),  # no fix
        (sentence("GPGGA,1,,,,,0,00,,,M,,M,,"), []),
        (sentence("GPGSV,1,1,01,01,40,083,46"), []),  # another sentence
        (f"\\s:r1,c:1*00\\{GGA}", [(48.1173, 11.516667, 4.5)]),  # with a TAG block
        ("!AIVDM,1,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0*4A", []),
        ("\r\n", []),
    ],
)
def test_nmea_tells_where_it_is(text: str, places: list[tuple[float, float, float | None]]) -> None:
    found = parse_nmea(text.encode(), 7)
    assert [(p.lat, p.lon) for p in found] == [
        (pytest.approx(lat, abs=1e-6), pytest.approx(lon, abs=1e-6)) for lat, lon, _ in places
    ]
    assert [p.accuracy_m for p in found] == [pytest.approx(a) if a else a for *_, a in places]
    assert all(p.mono_ns == 7 for p in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GGA[:-1] + "8", "its checksum is 48, not 47"),
        (GGA[:-3], "is no NMEA 0183 sentence with a checksum"),
        ("hello", "is no NMEA 0183 sentence with a checksum"),
        (sentence("GPRMC,1,A,9107.038,N,01131.000,E,0,0,1,,"), "has no place: '9107.038' 'N'"),
        (sentence("GPRMC,1,A,4807.038,X,01131.000,E,0,0,1,,"), "has no place: '4807.038' 'X'"),
        (sentence("GPRMC,1,A,,N,01131.000,E,0,0,1,,"), "has no place: '' 'N'"),
        (sentence("GPGGA,1,4807.038,N,01131.000,E,1,08,much,1,M,1,M,,"), "could not convert"),
    ],
)
def test_nmea_that_cannot_be_trusted_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_nmea(text.encode(), 0)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"lat": 31.2304, "lon": 121.4737}, (31.2304, 121.4737, None)),
        ({"lat": -31, "lon": -121, "accuracy_m": 12, "heading": 7}, (-31.0, -121.0, 12.0)),
    ],
)
def test_json_tells_where_it_is(body: dict, place: tuple[float, float, float | None]) -> None:
    assert parse_json(json.dumps(body).encode(), 7) == [Position(*place[:2], 7, place[2])]


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"31.2,121.5", "is not JSON: Extra data"),
        (b"\xff", "is not JSON"),
        (b"[31.2, 121.5]", "is no JSON object"),
        (b'{"lat": 31.2}', "has no number lon"),
        (b'{"lat": "31.2", "lon": 121.5}', "has no number lat"),
        (b'{"lat": true, "lon": 121.5}', "has no number lat"),
        (b'{"lat": 121.5, "lon": 31.2}', "its lat is not between -90 and 90"),
        (b'{"lat": NaN, "lon": 31.2}', "its lat is not between -90 and 90"),
        (b'{"lat": 1, "lon": 1, "accuracy_m": "good"}', "has no number accuracy_m"),
        (b"[" * 5000, "is not JSON"),
    ],
)
def test_json_that_is_no_position_is_refused(payload: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_json(payload, 0)


class Sink:
    def __init__(self) -> None:
        self.heard: list[tuple[str, float, float]] = []

    def moved(self, source_id: str, position: Position) -> None:
        self.heard.append((source_id, position.lat, position.lon))


def test_datagrams_on_a_real_port_become_positions_and_garbage_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, meters = Sink(), Meters({})
    intake = Intake("van", parse_nmea, sink=sink, clock=SystemClock(), meter=meters)
    listener = UdpListener("van", ("127.0.0.1", 0), intake.take)
    listener.start()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        for payload in (b"garbage", b"more", GGA.encode(), b""):
            sender.sendto(payload, ("127.0.0.1", listener.port))
        wait_until(lambda: sink.heard, "a position")
    assert listener.stop(2.0)
    assert sink.heard == [("van", pytest.approx(48.1173), pytest.approx(11.516667))]
    assert meters.counts(None)["positions_refused"] == 2
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1


def test_a_port_that_is_taken_is_told_and_keeps_nothing_from_starting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        listener = UdpListener("van", taken.getsockname(), lambda payload: None)
        listener.start()
        assert listener.port == 0
        assert listener.stop(1.0)
    assert "its cameras keep their own ring" in caplog.text


@pytest.mark.skipif(find_spec("iotcore") is None, reason="needs iotcore from PyPI")
def test_a_topic_of_the_broker_becomes_positions(tmp_path: Path) -> None:
    sink = Sink()
    intake = Intake("van", parse_json, sink=sink, clock=SystemClock(), meter=Meters({}))
    broker = start_broker(tmp_path, kind="iotcore")
    listener = TopicListener("van", BrokerSettings(url=broker.url), "fleet/van", intake.take)
    sender = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    try:
        listener.start()
        sender.connect("127.0.0.1", broker.port)
        sender.loop_start()

        def say_until_heard() -> bool:
            sender.publish("fleet/van", b'{"lat": 31.5, "lon": 121.5}', qos=1)
            return bool(sink.heard)

        wait_until(say_until_heard, "a position")
        assert listener.stop(5.0)
    finally:
        sender.loop_stop()
        broker.stop()
    assert sink.heard[0] == ("van", 31.5, 121.5)


MOVING = """position = "van"

[[positions]]
id = "van"
stale_s = 30.0
lost_s = 600.0

[rings]
file = "rings.geojson"
outside = "rural"
settle_s = 2.0
"""


@pytest.fixture
def patrol(tmp_path: Path) -> AgentSettings:
    """A camera on a van, whose own ring is urban; the town is one degree wide."""
    loop = [[121, 31], [122, 31], [122, 32], [121, 32], [121, 31]]
    feature = {
        "type": "Feature",
        "properties": {"ring": "suburban"},
        "geometry": {"type": "Polygon", "coordinates": [loop]},
    }
    tree = {"type": "FeatureCollection", "features": [feature]}
    (tmp_path / "rings.geojson").write_text(json.dumps(tree))
    return load(write_site(tmp_path, MINIMAL + MOVING), {})


def moving(settings: AgentSettings, walk: Walk) -> MovingCameras:
    return MovingCameras(settings, ring_areas(settings), [walk.pipeline], clock=walk.clock)


def drive(cameras: MovingCameras, clock: ManualClock, lon: float, seconds: int = 1) -> None:
    for _ in range(seconds):
        cameras.moved("van", Position(31.5, lon, clock.mono_ns()))
        clock.advance(1)


def test_the_ring_on_every_event_is_the_one_of_that_moment(patrol: AgentSettings) -> None:
    walk = Walk(patrol, START, grid=dispatch_grid(patrol))
    cameras = moving(patrol, walk)
    walk.person(2)
    for lon in (121.5, 122.5):
        drive(cameras, walk.clock, lon, seconds=4)
        walk.frame += 20
        walk.person(2)
    told = [(e.kind, e.ring) for e in walk.events]
    assert told == [
        (EventKind.START, Ring.URBAN),
        (EventKind.RING_CHANGE, Ring.SUBURBAN),
        (EventKind.UPDATE, Ring.SUBURBAN),
        (EventKind.RING_CHANGE, Ring.RURAL),
        (EventKind.UPDATE, Ring.RURAL),
    ]
    first, second = (e.data for e in walk.events if e.kind is EventKind.RING_CHANGE)
    assert (first["from"], first["to"], first["reason"]) == ("urban", "suburban", "first_position")
    assert (second["from"], second["to"], second["reason"]) == ("suburban", "rural", "crossed")
    assert second["position"] == {"lat": 31.5, "lon": 122.5, "accuracy_m": None, "age_s": 0.0}


def test_a_position_that_is_lost_gives_the_own_ring_back_and_says_so(
    patrol: AgentSettings,
) -> None:
    walk = Walk(patrol, START)
    cameras = moving(patrol, walk)
    assert cameras.told(0)["position"] == {"fix": "none"}
    drive(cameras, walk.clock, 121.5)
    assert (cameras.tick(), cameras.ring(0)) == ([0], Ring.SUBURBAN)
    assert cameras.tick() == []
    walk.clock.advance(30)
    assert cameras.tick() == [0]
    assert cameras.told(0)["position"]["fix"] == "stale"
    assert cameras.told(0)["ring"] == "suburban"
    walk.clock.advance(600)
    assert cameras.tick() == [0]
    assert (cameras.told(0)["position"]["fix"], cameras.ring(0)) == ("lost", Ring.URBAN)
    reasons = [e.data["reason"] for e in walk.events if e.kind is EventKind.RING_CHANGE]
    assert reasons == ["first_position", "position_lost"]


def test_a_source_that_no_camera_names_moves_none_and_is_not_opened(
    patrol: AgentSettings, tmp_path: Path
) -> None:
    walk = Walk(patrol, START)
    cameras = moving(patrol, walk)
    cameras.moved("bus", Position(31.5, 121.5, 0))
    assert cameras.ring(0) is Ring.URBAN
    still = load(write_site(tmp_path, MINIMAL + '[[positions]]\nid = "van"\n'), {})
    at_rest = MovingCameras(still, {}, [walk.pipeline], clock=walk.clock)
    listeners = [
        open_listeners(one, BrokerSettings(), clock=walk.clock, meter=Meters({}))
        for one in (cameras, at_rest)
    ]
    assert [len(some) for some in listeners] == [1, 0]
    assert at_rest.told(0) == {}


class Nobody:
    """An event sink, and a pipeline that is never quiet."""

    quiet = False

    def put(self, event: Event) -> None:
        pass

    def stretch_updates(self, factor: float) -> None:
        pass


def test_the_order_of_giving_up_follows_a_camera_s_ring(patrol: AgentSettings) -> None:
    clock, meters = ManualClock(), Meters({})
    shedding = Shedding(
        patrol.camera, [Nobody()], coast_s=2.0, enabled=True, events=Nobody(), clock=clock,
        meter=meters,
    )  # fmt: skip
    steps = []
    for ring in (Ring.URBAN, Ring.RURAL):
        shedding.set_ring(0, ring)
        steps.append([rung.name for rung in shedding._ladder][2])
    assert steps == ["urban 1/2", "quiet rural"]
    board = SlotBoard(patrol.camera, plan=Plan(), clock=clock, meter=meters)
    board.set_ring(0, Ring.RURAL)
    assert board._views[0].ring is Ring.RURAL
