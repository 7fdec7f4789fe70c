"""Delivery: the durable outbox and the MQTT sender that drains it."""

from edge_agent.deliver.delivery import Delivery
from edge_agent.deliver.identity import Identity

__all__ = ["Delivery", "Identity"]
