"""Outside of a camera's hours nothing of it is decoded: its packets are read, kept and passed over.

Nobody is told anything by a camera then, so neither looks nor audits are worth their cost; that it
delivers is still known. Its hours begin and end with a keyframe.
"""

from collections.abc import Callable

from edge_agent.source.decoder import Decoder
from edge_agent.source.decoding import Decoding
from edge_agent.source.outlet import Outlet, Outlets
from edge_agent.source.ring import Arrival, Held, PacketRing
from edge_agent.source.vigil import Vigil
from edge_agent.types import Json


class DecodeInHours:
    """Lets the camera's own way of decoding work within its hours."""

    def __init__(
        self,
        begin: Callable[[], Decoding],
        ring: PacketRing,
        decoder: Decoder,
        outlet: Outlet,
        vigil: Vigil,
        outlets: Outlets,
    ) -> None:
        """`begin` makes the camera's own way, anew each time that its hours begin."""
        self._begin = begin
        self._ring = ring
        self._decoder = decoder
        self._outlet = outlet
        self._vigil = vigil
        self._wanted = outlets.wanted
        self._working: Decoding | None = begin()

    @property
    def asleep(self) -> bool:
        return self._working is None or self._working.asleep

    def take(self, held: Held) -> None:
        """Take the next packet."""
        if held.arrival.keyframe and self._wanted() != (self._working is not None):
            if self._working is None:
                self._resume()
            else:
                self._rest(self._working, held.arrival)
        if self._working is None:
            self._keep(held)
        else:
            self._working.take(held)

    def end(self) -> None:
        """The stream is over: give out what is still held back, or pass over what was kept."""
        if self._working is None:
            self._outlet.let_go(self._ring.gops)
        else:
            self._working.end()

    def state(self) -> dict[str, Json]:
        """Return what is really decoded, and why; from any thread."""
        working = self._working
        if working is None:
            return {"effective": "none", "state": "resting", "reason": "outside of its hours"}
        return working.state()

    def _rest(self, working: Decoding, arrival: Arrival) -> None:
        """Stop before the keyframe of `arrival`: all that came before it is shown."""
        working.end()
        self._working = None
        self._decoder.rest()
        for gop in self._ring.gops:
            gop.framed = True
        self._outlet.rest(arrival)

    def _resume(self) -> None:
        """Begin with the next keyframe; the timeline and the grid have seen all before it."""
        self._outlet.let_go(self._ring.gops)
        self._vigil.begin_anew()
        self._outlet.resume()
        self._working = self._begin()

    def _keep(self, held: Held) -> None:
        stream_ns = held.arrival.stream_ns
        if stream_ns is None or self._ring.goes_back(stream_ns):
            self._outlet.let_go(self._ring.gops)
            self._ring.clear()
        if stream_ns is None:
            return
        if held.arrival.keyframe:
            self._outlet.let_go(self._ring.gops)  # whole now
        self._outlet.let_go(self._ring.add(held, stream_ns))
