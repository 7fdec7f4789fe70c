"""A receiver for the tests, as a central platform is one."""

import json
import threading
from contextlib import closing
from types import TracebackType

from edge_agent.contract import Ledger, parse_message
from edge_agent.deliver.endpoint import Endpoint
from edge_agent.deliver.subscriber import Incoming, receive
from tests.brokers import Mosquitto


class Platform:
    """A receiver with a session of its own, in a thread; books everything."""

    def __init__(self, broker: Mosquitto, *filters: str) -> None:
        self.messages: list[Incoming] = []
        self.ledger = Ledger(from_start=True)
        self.subscribed = threading.Event()
        self._stop = threading.Event()
        self._endpoint = Endpoint("127.0.0.1", broker.port)
        self._filters = list(filters or ("edge/v1/#",))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with closing(
            receive(
                self._endpoint,
                self._filters,
                client_id="platform",
                session_expiry_s=3600,
                on_connection=lambda text: None,
            )
        ) as messages:
            for message in messages:
                self.subscribed.set()
                if self._stop.is_set():
                    return
                if message is not None:
                    self.messages.append(message)
                    parsed = parse_message(message.topic, message.payload)
                    self.ledger.add(parsed, received_wall_ns=message.wall_ns)

    def __enter__(self) -> "Platform":
        self._thread.start()
        assert self.subscribed.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    def seqs(self) -> list[int]:
        """Return the `seq` in the order they came, each once."""
        bodies = (json.loads(m.payload) for m in list(self.messages))
        return list(dict.fromkeys(body["seq"] for body in bodies if "seq" in body))

    def last(self, topic: str) -> dict | None:
        found = [m for m in list(self.messages) if m.topic == topic]
        return json.loads(found[-1].payload) if found else None
