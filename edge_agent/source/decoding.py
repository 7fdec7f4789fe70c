"""What is decoded of a connection: every packet, or keyframes alone. `on_demand` has its file."""

from typing import Protocol

from edge_agent.settings import DecodeMode
from edge_agent.source.decoder import Decoder, Shown
from edge_agent.source.outlet import Outlet, Outlets
from edge_agent.source.ring import Held, PacketRing
from edge_agent.source.vigil import Vigil
from edge_agent.types import Json

#: So many packets are entered together: after a decoding all that they need is out of the cache.
_ENTERED_TOGETHER = 8


class Decoding(Protocol):
    """Takes the packets of one connection, in the order in which they are read."""

    @property
    def asleep(self) -> bool:
        """Whether packets are only looked at: reading may lag a little."""

    def take(self, held: Held) -> None:
        """Take the next packet; whatever is to be decoded is decoded now."""

    def end(self) -> None:
        """The stream is over: give out what is still held back."""

    def state(self) -> dict[str, Json]:
        """Return what is really decoded, and why; from any thread."""


class DecodeAll:
    """`always`: every packet."""

    asleep = False

    def __init__(
        self,
        ring: PacketRing,
        decoder: Decoder,
        outlet: Outlet,
        vigil: Vigil,
        outlets: Outlets,
        *,
        obstacle: str | None = None,
    ) -> None:
        """Begin; `obstacle` is why the mode that was asked for cannot be had."""
        self._ring = ring
        self._decoder = decoder
        self._outlet = outlet
        self._vigil = vigil
        self._tally = outlets.tally
        self._obstacle = obstacle
        self._new: list[Held] = []  # not entered yet

    def take(self, held: Held) -> None:
        self._note(held)
        self._tally.spend("receive")
        self._show(self._decoder.decode(held.packet, held.arrival))
        self._tally.spend("decode")

    def end(self) -> None:
        self._enter()
        self._show(self._decoder.drain())

    def state(self) -> dict[str, Json]:
        return {"effective": DecodeMode.ALWAYS.value, "state": "awake", "reason": self._obstacle}

    def _note(self, held: Held) -> None:
        """Take what is to be entered: by its turn, but a keyframe at once, before its look."""
        self._new.append(held)
        if held.arrival.keyframe or len(self._new) >= _ENTERED_TOGETHER:
            self._enter()

    def _enter(self) -> None:
        """Keep the new packets, and let the watch learn from them."""
        for held in self._new:
            if held.arrival.stream_ns is not None:
                self._ring.add(held, held.arrival.stream_ns)
            self._vigil.packet(held, awake=True)
        self._new.clear()
        self._vigil.hear()

    def _show(self, pictures: list[Shown]) -> None:
        for picture, arrival in pictures:
            self._outlet.show(picture, arrival)
            self._vigil.shown(picture, arrival)


class DecodeKeyframes(DecodeAll):
    """`keyframes`: nothing between two keyframes."""

    def take(self, held: Held) -> None:
        self._note(held)
        if not held.arrival.keyframe:
            return
        self._tally.spend("receive")
        self._show(self._decoder.decode_alone(held.packet, held.arrival))
        self._tally.spend("decode")

    def end(self) -> None:
        """No picture is held back."""
        self._enter()

    def state(self) -> dict[str, Json]:
        return {"effective": DecodeMode.KEYFRAMES.value, "state": "awake", "reason": None}
