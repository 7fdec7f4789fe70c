"""Positions of what moves: the listeners, and the two spellings that are understood."""

from edge_agent.position.intake import Intake
from edge_agent.position.json_fix import parse_json
from edge_agent.position.nmea import parse_nmea
from edge_agent.position.udp import UdpListener

__all__ = ["Intake", "UdpListener", "parse_json", "parse_nmea"]
