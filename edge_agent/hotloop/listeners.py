"""From the sources of positions in the settings to the threads that hear them."""

from edge_agent.clock import Clock
from edge_agent.deliver.topic_listener import TopicListener
from edge_agent.hotloop.whereabouts import MovingCameras
from edge_agent.ports import Meter, PositionListener, PositionSink
from edge_agent.position import Intake, UdpListener, parse_json, parse_nmea
from edge_agent.settings import BrokerSettings
from edge_agent.settings.rings import PositionKind, PositionSettings


def open_listeners(
    moving: MovingCameras, broker: BrokerSettings, *, clock: Clock, meter: Meter
) -> list[PositionListener]:
    """Return what listens to the sources that cameras name; nothing runs yet.

    Args: `moving` hears the positions; `broker` has the topics.
    """
    return [_listener(source, broker, moving, clock, meter) for source in moving.sources]


def _listener(
    source: PositionSettings, broker: BrokerSettings, sink: PositionSink, clock: Clock, meter: Meter
) -> PositionListener:
    parse = parse_nmea if source.kind is PositionKind.NMEA_UDP else parse_json
    intake = Intake(source.id, parse, sink=sink, clock=clock, meter=meter)
    if source.kind is PositionKind.MQTT:
        return TopicListener(source.id, broker, source.topic or "", intake.take)
    return UdpListener(source.id, source.address, intake.take)
