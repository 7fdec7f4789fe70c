"""Delivery as one part: events and states in; the outbox and the broker behind it."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from edge_agent.clock import Clock
from edge_agent.deliver.endpoint import endpoint_of
from edge_agent.deliver.identity import Identity
from edge_agent.deliver.outbox import Outbox
from edge_agent.deliver.sender import Sender
from edge_agent.deliver.store import StateLock
from edge_agent.deliver.tally import Tally
from edge_agent.deliver.writer import Writer
from edge_agent.ports import Meter
from edge_agent.settings import BrokerSettings, OutboxSettings
from edge_agent.settings.rings import CountsSettings
from edge_agent.types import Event, Json, Ring

log = logging.getLogger(__name__)

#: What stays of a stop's deadline for the last commit and for closing the file.
_CLOSING_S = 1.0


class Delivery:
    """Takes events and states; commits, sends and settles them in two threads of its own."""

    def __init__(
        self,
        *,
        broker: BrokerSettings,
        outbox: OutboxSettings,
        identity: Identity,
        state_dir: Path,
        clock: Clock,
        meter: Meter,
        counts: CountsSettings | None = None,
        ring_ages_h: Mapping[Ring, float] = MappingProxyType({}),
    ) -> None:
        """Args: `counts` None: nothing is counted; `ring_ages_h` by ring, hours that are fewer
        than `outbox.max_age_h`."""
        self._endpoint = endpoint_of(broker)
        self._state_dir = state_dir
        self._clock = clock
        self._lock: StateLock | None = None
        self._outbox = Outbox(
            state_dir=state_dir,
            settings=outbox,
            identity=identity,
            root=broker.topic_root,
            clock=clock,
            tally=Tally(counts.every_s) if counts is not None and counts.enabled else None,
            ring_ages_h=ring_ages_h,
        )
        self._writer = Writer(self._outbox, clock, meter, outbox.queue_events)
        self._sender = Sender(
            endpoint=self._endpoint,
            client_id=f"edge-agent-{identity.site}-{identity.agent_id}",
            root=broker.topic_root,
            max_inflight=broker.max_inflight,
            outbox=self._outbox,
            writer=self._writer,
            clock=clock,
        )
        self._writer.on_commit = self._sender.wake

    def start(self) -> None:
        """Lock the state folder, open the outbox, start both threads; waits for no broker.

        Raises: StateError where the folder is in use or not writable, or where the outbox was
        written by a newer program.
        """
        self._lock = StateLock(self._state_dir)
        try:
            self._outbox.open()
        except BaseException:
            self._lock.release()
            self._lock = None
            raise
        self._writer.start()
        self._sender.start()

    def put(self, event: Event) -> None:
        """Take `event`; never blocks, never raises."""
        self._writer.put(event)

    def put_state(self, camera_id: str | None, state: dict[str, Json]) -> None:
        """Set a camera's retained state, or what the agent adds to its own (None)."""
        self._sender.states.put(camera_id, state)

    def stop(self, deadline_s: float) -> None:
        """Commit all that was put, send until the deadline, leave the broker cleanly, close."""
        if self._lock is None:
            return
        until = time.monotonic() + deadline_s
        if not self._writer.flush(deadline_s):
            log.error(
                "outbox %s: stopping although %d events could not be written; they are lost",
                self._outbox.path,
                self._writer.queued,
            )
        self._sender.stop(max(0.0, until - time.monotonic()))
        if self._writer.stop(max(_CLOSING_S, until - time.monotonic())):
            self._outbox.close()
        self._lock.release()
        self._lock = None

    def snapshot(self) -> dict[str, Json]:
        """Return what `status` shows of outbox and broker."""
        figures, status = self._outbox.figures, self._sender.status
        oldest_s = 0.0
        if figures.oldest_ms is not None:
            oldest_s = max(0.0, (self._outbox.uptime_ms() - figures.oldest_ms) / 1000)
        return {
            "outbox": {
                "stream_id": figures.stream_id,
                "first_seq": figures.first_seq,
                "last_seq": figures.last_seq,
                "acked": figures.acked,
                "depth": figures.depth,
                "bytes": figures.size_bytes,
                "oldest_s": round(oldest_s, 1),
                "queue": self._writer.queued,
            },
            "broker": {
                "state": status.state,
                "reason": status.reason,
                "url": str(self._endpoint),
                "since_s": round((self._clock.mono_ns() - status.since_ns) / 1e9, 1),
                "reconnects": self._sender.reconnects,
            },
        }

    def progress(self) -> tuple[int, int]:
        """Return time.monotonic_ns() of the writer's last turn, and how many events wait."""
        return self._writer.turned_ns, self._writer.queued
