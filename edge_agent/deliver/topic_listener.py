"""One topic of the broker, for those who need to hear: positions come this way."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing

from edge_agent.deliver.endpoint import Endpoint, endpoint_of
from edge_agent.deliver.subscriber import receive
from edge_agent.settings import BrokerSettings

log = logging.getLogger(__name__)


class TopicListener:
    """A thread with a connection of its own; it comes back by itself after any failure."""

    def __init__(
        self, name: str, broker: BrokerSettings, topic: str, take: Callable[[bytes], None]
    ) -> None:
        self._endpoint: Endpoint = endpoint_of(broker)
        self._name = name
        self._topic = topic
        self._take = take
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"position-{name}", daemon=True)

    def start(self) -> None:
        """Begin; waits for no broker."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the thread; False where it does not end in time, as while it connects."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with closing(receive(self._endpoint, [self._topic], on_connection=self._say)) as messages:
            for message in messages:
                if self._stopping.is_set():
                    return
                if message is not None and not message.retained:
                    self._take(message.payload)

    def _say(self, text: str) -> None:
        log.info("position %s, topic %s: %s", self._name, self._topic, text)
