"""The other side: a receiver as a central platform has one, for `watch` and `verify`."""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from paho.mqtt.client import MQTTMessage

from edge_agent.backoff import Backoff
from edge_agent.deliver.connection import Connection
from edge_agent.deliver.endpoint import Endpoint
from edge_agent.errors import DeliveryError

_TURN_S = 0.2


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it came."""

    topic: str
    payload: bytes
    retained: bool  # said before we subscribed
    wall_ns: int  # when it came, by this machine's clock


def receive(
    endpoint: Endpoint,
    filters: list[str],
    *,
    client_id: str | None = None,
    session_expiry_s: int = 0,
    on_connection: Callable[[str], None],
) -> Generator[Incoming | None, None, None]:
    """Subscribe and yield what comes, for ever; None whenever nothing came for 0.2 s.

    Args: with `session_expiry_s` the broker keeps what comes for `client_id` while it is away;
        `on_connection` hears in words that the connection came or went.
    Closing the generator disconnects. Failures are told to `on_connection` and tried again.
    """
    backoff = Backoff()
    while True:
        inbox: deque[Incoming] = deque()
        connection = Connection(
            endpoint,
            client_id or f"edge-agent-watch-{os.getpid()}-{os.urandom(4).hex()}",
            session_expiry_s=session_expiry_s,
            on_message=_into(inbox),
        )
        try:
            grant = connection.open()
            connection.subscribe(filters)
            session = "session resumed" if grant.session_present else "new session"
            on_connection(f"broker {endpoint}: connected, {session}")
            backoff.reset()
            while True:
                yield from _turn(connection, inbox)
        except DeliveryError as error:
            wait_s = backoff.next_s()
            on_connection(f"{error}; reconnecting in {wait_s:.1f} s")
            yield from inbox
        finally:
            connection.close()
        until = time.monotonic() + wait_s
        while (left_s := until - time.monotonic()) > 0:
            time.sleep(min(left_s, _TURN_S))
            yield None


def _turn(connection: Connection, inbox: deque[Incoming]) -> Iterator[Incoming | None]:
    connection.turn(_TURN_S)
    if not inbox:
        yield None
    while inbox:
        yield inbox.popleft()


def _into(inbox: deque[Incoming]) -> Callable[[MQTTMessage], None]:
    """Return a callback that only puts the message down; PUBACK follows it."""

    def put(message: MQTTMessage) -> None:
        inbox.append(
            Incoming(message.topic, bytes(message.payload), message.retain, time.time_ns())
        )

    return put
