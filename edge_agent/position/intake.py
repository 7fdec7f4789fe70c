"""From what came in to positions: read, passed on, or refused, counted and told once."""

import logging
from collections.abc import Callable

from edge_agent.clock import Clock
from edge_agent.ports import Meter, PositionSink
from edge_agent.types import Position

log = logging.getLogger(__name__)

#: A payload, and when it came, to positions. Raises: ValueError saying what is wrong.
Parse = Callable[[bytes, int], list[Position]]


class Intake:
    """One source's messages. For one thread."""

    def __init__(
        self, source_id: str, parse: Parse, *, sink: PositionSink, clock: Clock, meter: Meter
    ) -> None:
        self._source_id = source_id
        self._parse = parse
        self._sink = sink
        self._clock = clock
        self._meter = meter
        self._refused = False  # the last one was

    def take(self, payload: bytes) -> None:
        """Read one message and pass its positions on; never raises for what it holds."""
        try:
            positions = self._parse(payload, self._clock.mono_ns())
        except ValueError as error:
            self._meter.count("positions_refused")
            if not self._refused:
                log.warning(
                    "position %s: a message of %d bytes %s; left out, as those that follow it",
                    self._source_id,
                    len(payload),
                    error,
                )
            self._refused = True
            return
        self._refused = False
        self._meter.count("positions", len(positions))
        for position in positions:
            self._sink.moved(self._source_id, position)
