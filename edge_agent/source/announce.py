"""Says what a camera does: one change for each turn, one log line for each story."""

import logging
from collections.abc import Mapping, Sequence

from edge_agent.clock import Clock
from edge_agent.ports import CameraListener
from edge_agent.settings import CameraSettings
from edge_agent.source.address import say_endpoint
from edge_agent.source.failure import Failure
from edge_agent.source.wall import ClockChange
from edge_agent.types import CameraChange, CameraState, EventKind, Json, Wh
from edge_agent.wakeup import Fault, FaultWord

log = logging.getLogger(__name__)

_JUMP_REPORT_NS = 60_000_000_000


class Announcer:
    """Turns what the reader meets into `CameraChange`s; called by the reader's thread alone."""

    def __init__(self, camera: CameraSettings, listener: CameraListener, clock: Clock) -> None:
        self.state = CameraState.STOPPED
        self.last_failure: Failure | None = None
        self._camera = camera
        self._listener = listener
        self._clock = clock
        self._subject = f"camera {camera.id}"
        self._endpoint = say_endpoint(camera.read_url, camera.transport.value)
        self._failures = 0
        self._jumps = 0
        self._jump_told_ns: int | None = None
        self._standing: dict[FaultWord, Fault] = {}

    def connecting(self, connection: int) -> None:
        """The reader begins; repeated attempts are not told."""
        reason = f"connecting ({self._where(connection)})"
        self._tell(None, CameraState.CONNECTING, reason, connection)

    def live(self, connection: int, data: Mapping[str, Json]) -> None:
        """A connection gave its first picture."""
        width, height = data["wh"]
        reason = f"live: {data['codec']} {width}x{height} ({self._where(connection)})"
        if self._failures > 1:
            reason += f" after {self._failures} failures"
        self._failures = 0
        log.info("%s: %s", self._subject, reason)
        self._tell(EventKind.CAMERA_LIVE, CameraState.LIVE, reason, connection, data)

    def lost(self, connection: int, failure: Failure, wait_s: float) -> None:
        """A connection ended or did not come about; the next follows in `wait_s`."""
        again = "asking again" if failure.refused else "reconnecting"
        reason = f"{failure.text} ({self._where(connection)}); {again} in {wait_s:.1f} s"
        same = self.last_failure is not None and self.last_failure.word is failure.word
        if self._failures == 0 or not same:
            log.warning("%s: %s", self._subject, reason)
        self._failures += 1
        self.last_failure = failure
        kind = None if self.state is CameraState.LOST else EventKind.CAMERA_LOST
        data = {"failure": failure.word.value, "retry_in_s": round(wait_s, 1)}
        self._tell(kind, CameraState.LOST, reason, connection, data)

    def resting(self, connection: int) -> None:
        """The camera's hours are over: its packets are read and nothing else."""
        reason = f"outside of its hours: nothing is decoded ({self._where(connection)})"
        log.info("%s: %s", self._subject, reason)
        self._failures = 0
        self._tell(None, CameraState.RESTING, reason, connection)

    def decoding(self, connection: int, said: str) -> None:
        """How much is decoded changed for a reason that people should know."""
        reason = f"{said} ({self._where(connection)})"
        log.info("%s: %s", self._subject, reason)
        self._tell(None, CameraState.LIVE, reason, connection)

    def faults(self, connection: int, faults: Sequence[Fault]) -> None:
        """Tell which faults of the picture or the stream are new, and which are no more."""
        before, standing = self._standing, {fault.word: fault for fault in faults}
        if standing.keys() == before.keys():
            return
        self._standing = standing  # first: the retained state that each change brings shows it
        for word, fault in before.items():
            if word not in standing:
                self._fault(connection, fault, standing=False)
        for word, fault in standing.items():
            if word not in before:
                self._fault(connection, fault, standing=True)

    def standing_faults(self) -> list[Json]:
        """Return the faults that were told and are not over; from any thread."""
        return [{"word": f.word.value, "text": f.text} for f in self._standing.values()]

    def _fault(self, connection: int, fault: Fault, *, standing: bool) -> None:
        reason = fault.text if standing else f"no more: {fault.text}"
        level = logging.WARNING if standing else logging.INFO
        log.log(level, "%s: %s (%s)", self._subject, reason, self._where(connection))
        data = {"word": fault.word.value, "text": fault.text, "standing": standing}
        self._tell(EventKind.CAMERA_FAULT, CameraState.LIVE, reason, connection, data)

    def ended(self, connection: int, frames: int) -> None:
        """A file was read to its end."""
        reason = f"the file has ended after {frames} pictures ({self._where(connection)})"
        log.info("%s: %s", self._subject, reason)
        data = {"pictures": frames}
        self._tell(EventKind.CAMERA_ENDED, CameraState.ENDED, reason, connection, data)

    def stopped(self, connection: int) -> None:
        """The reader was asked to end, and has."""
        self._tell(None, CameraState.STOPPED, "stopped", connection)

    def resized(self, connection: int, before: Wh, after: Wh) -> None:
        """The picture changed its size inside a connection."""
        reason = "the picture changed from {}x{} to {}x{}".format(*before, *after)
        log.info("%s: %s (%s)", self._subject, reason, self._where(connection))
        data = {"from_wh": list(before), "to_wh": list(after)}
        self._tell(EventKind.PICTURE_CHANGE, CameraState.LIVE, reason, connection, data)

    def clock_changed(self, connection: int, change: ClockChange) -> None:
        """Wall times rest on something else from here on."""
        offset_s = change.offset_ns / 1e9
        reason = f"{change.cause}: wall time {offset_s:+.3f} s from here on"
        log.info("%s: %s (%s)", self._subject, reason, self._where(connection))
        data = {
            "from": change.before.value,
            "to": change.after.value,
            "offset_s": round(offset_s, 3),
            "cause": change.cause,
        }
        self._tell(EventKind.CLOCK_CHANGE, CameraState.LIVE, reason, connection, data)

    def jumped(self, connection: int, jump_ns: int) -> None:
        """The stream's timestamps jumped; a stream that keeps jumping is told once a minute."""
        self._jumps += 1
        now = self._clock.mono_ns()
        if self._jump_told_ns is not None and now - self._jump_told_ns < _JUMP_REPORT_NS:
            return
        jump_s = jump_ns / 1e9
        reason = f"the stream's timestamps jumped by {jump_s:+.3f} s; the timeline goes on"
        log.info("%s: %s (%s)", self._subject, reason, self._where(connection))
        data = {"cause": "timestamps jumped", "jump_s": round(jump_s, 3), "jumps": self._jumps}
        self._jump_told_ns = now
        self._jumps = 0
        self._tell(EventKind.CLOCK_CHANGE, CameraState.LIVE, reason, connection, data)

    def _where(self, connection: int) -> str:
        return f"connection {connection}, {self._endpoint}"

    def _tell(
        self,
        kind: EventKind | None,
        state: CameraState,
        reason: str,
        connection: int,
        data: Mapping[str, Json] | None = None,
    ) -> None:
        self.state = state
        now = self._clock.mono_ns()
        self._listener.camera_changed(
            CameraChange(self._camera.id, kind, state, reason, connection, now, data or {})
        )
