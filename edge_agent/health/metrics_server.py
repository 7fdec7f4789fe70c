"""The Prometheus endpoint: plain HTTP on a loopback address, in threads of its own."""

import logging
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from edge_agent.errors import StateError
from edge_agent.health.metrics import registry_of
from edge_agent.ports import Snapshot

log = logging.getLogger(__name__)


class MetricsServer:
    """Answers every scrape with a fresh snapshot; a slow scraper holds up only itself."""

    def __init__(self, address: str, snapshot: Snapshot) -> None:
        """Args: `address` HOST:PORT, an IPv6 host in brackets."""
        host, _, port = address.rpartition(":")
        self._address = address
        self._host, self._port = host.strip("[]"), int(port)
        self._registry = registry_of(snapshot)
        self._running: tuple[WSGIServer, Thread] | None = None

    def start(self) -> None:
        """Bind and serve. Raises: StateError where the address is taken or none of this box."""
        try:
            self._running = start_http_server(self._port, self._host, self._registry)
        except OSError as error:
            raise StateError(
                f"metrics {self._address}: {error.strerror or error}; set service.metrics to a "
                "free port, or leave it out; not started"
            ) from error
        log.info("metrics: http://%s/metrics", self._address)

    def stop(self) -> None:
        """Close the port; a scrape that is being answered may end or break off."""
        if self._running is None:
            return
        server, thread = self._running
        server.shutdown()
        server.server_close()
        thread.join()
        self._running = None
