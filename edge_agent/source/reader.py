"""A camera's reader: a thread that outlives every failure of its camera."""

import logging
import random
import threading
import traceback
from collections.abc import Callable

from edge_agent.backoff import Backoff
from edge_agent.clock import Clock
from edge_agent.ports import CameraListener, FrameSink, Meter
from edge_agent.settings import CameraSettings
from edge_agent.source.address import is_network, redact_url
from edge_agent.source.announce import Announcer
from edge_agent.source.connection import Connection, open_connection, resolve
from edge_agent.source.delivery import Delivery
from edge_agent.source.failure import Failure, FailureWord
from edge_agent.source.feedback import Feedback
from edge_agent.source.framer import Framer
from edge_agent.source.hangup import HangUp
from edge_agent.source.outlet import Outlets
from edge_agent.source.tally import Tally
from edge_agent.types import CameraState, FrameRef, Json
from edge_agent.wakeup import WakeWatch

log = logging.getLogger(__name__)

_NS = 1_000_000_000
#: A connection that delivered for this long starts the row of waits anew.
HEALTHY_S = 10.0
#: The states in which what the last connection gave is true.
_TELLING = {CameraState.LIVE, CameraState.RESTING, CameraState.ENDED}


class Reader:
    """Reads one camera or file; `open_source` makes it."""

    def __init__(
        self,
        camera: CameraSettings,
        *,
        sink: FrameSink,
        listener: CameraListener,
        meter: Meter,
        clock: Clock,
        rng: random.Random,
        watch: WakeWatch,
        wanted: Callable[[], bool],
    ) -> None:
        self._camera = camera
        self._meter = meter
        self._clock = clock
        self._announce = Announcer(camera, listener, clock)
        self._tally = Tally(meter, camera.id)
        framer = Framer(camera, clock)
        self._feedback = Feedback()
        self._outlets = Outlets(
            camera=camera,
            sink=sink,
            clock=clock,
            announce=self._announce,
            tally=self._tally,
            framer=framer,
            watch=watch,
            feedback=self._feedback,
            wanted=wanted,
            pause=self._pause,
        )
        self._thread = threading.Thread(target=self._run, name=f"source-{camera.id}", daemon=True)
        self._wake = threading.Condition()
        self._stopping = False
        self._hang_up: HangUp | None = None
        self._number = 0
        self._backoff = Backoff(rng)
        self._delivery: Delivery | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def request_stop(self) -> None:
        """Ask the reader to end; returns at once, aborting a blocked connect or read."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
            hang_up = self._hang_up
        if hang_up is not None:
            hang_up.hang_up()

    def join(self, timeout_s: float) -> bool:
        """Wait for the reader; False where it is still running after `timeout_s`."""
        if self._thread.ident is None:
            return True  # it was never started
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def frame_analysed(self, ref: FrameRef, moving: int) -> None:
        """Take what the analysis of a frame found; from any thread."""
        self._feedback.analysed(ref, moving)

    def effective_state(self) -> dict[str, Json]:
        """Return what the camera really does; nothing in it is a credential."""
        failure = self._announce.last_failure
        delivery = self._delivery if self._announce.state in _TELLING else None
        network = is_network(self._camera.read_url)
        state: dict[str, Json] = {
            "state": self._announce.state.value,
            "connection": self._number,
            "transport": self._camera.transport.value if network else "file",
            "url": redact_url(self._camera.read_url),
            "last_failure": None if failure is None else failure.word.value,
            "last_error": None if failure is None else failure.text,
        }
        return state if delivery is None else state | delivery.state()

    def _run(self) -> None:
        self._announce.connecting(1)
        while not self._stopping:
            self._number += 1
            failure = self._run_once()
            if self._stopping:
                break
            if failure is not None:
                self._wait_after(failure)
            elif not self._camera.loop:
                return
        self._announce.stopped(self._number)

    def _run_once(self) -> Failure | None:
        """Connect and deliver until it ends; None where a file was read to its end."""
        try:
            connection = self._connect()
            if isinstance(connection, Failure):
                return connection
            return self._deliver(connection)
        except Exception:  # noqa: BLE001 - whatever it was, the camera is tried again
            trace = redact_url(traceback.format_exc())
            log.error("camera %s: the reader failed and starts anew: %s", self._camera.id, trace)
            return Failure(FailureWord.CLOSED, "the reader failed")
        finally:
            self._hold(None)

    def _connect(self) -> Connection | Failure:
        hang_up = resolve(self._camera)
        if isinstance(hang_up, Failure):
            return hang_up
        self._hold(hang_up)
        return open_connection(self._camera, hang_up)

    def _deliver(self, connection: Connection) -> Failure | None:
        if self._number > 1 and connection.hang_up is not None:
            self._meter.count("reconnects", camera_id=self._camera.id)
        delivery = Delivery(connection, self._number, self._outlets)
        self._delivery = delivery
        try:
            failure = delivery.run()
        finally:
            connection.close()
        if delivery.live_ns is not None:
            lived_ns = self._clock.mono_ns() - delivery.live_ns
            if lived_ns >= HEALTHY_S * _NS:
                self._backoff.reset()
        if failure is None and not self._stopping and not self._camera.loop:
            self._announce.ended(self._number, delivery.pictures)
        return failure

    def _wait_after(self, failure: Failure) -> None:
        wait_s = self._backoff.next_s(refused=failure.refused)
        self._announce.lost(self._number, failure, wait_s)
        self._pause(wait_s)

    def _pause(self, seconds: float) -> bool:
        """Wait `seconds`, or until the reader shall end; return whether it shall."""
        if seconds <= 0:
            return self._stopping
        until_ns = self._clock.mono_ns() + int(seconds * _NS)
        with self._wake:
            while not self._stopping and (left := until_ns - self._clock.mono_ns()) > 0:
                self._clock.wait(self._wake, left / _NS)
            return self._stopping

    def _hold(self, hang_up: HangUp | None) -> None:
        """Keep the handle that `request_stop` uses; it may have been asked already."""
        with self._wake:
            self._hang_up = hang_up
            late = self._stopping
        if late and hang_up is not None:
            hang_up.hang_up()
