"""From packets to pictures, with each picture's arrival."""

from dataclasses import dataclass
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext

from edge_agent.source.tally import Tally

_KEPT_ARRIVALS = 64  # more than any decoder holds back


@dataclass(slots=True, eq=False)
class Arrival:
    """When a packet's last byte came, and what the sender reports say about when it was taken.

    One object a packet: PyAV finds it again by its identity.
    """

    mono_ns: int
    reported_wall_ns: int | None


class Decoder:
    """The software decoder of one connection, on the reader's own thread.

    A change of size or of parameter sets inside the stream is the decoder's own business; a
    packet that it refuses costs that packet only.
    """

    def __init__(self, context: VideoCodecContext, tally: Tally) -> None:
        context.thread_count = 1
        context.copy_opaque = True
        self._context = context
        self.name = context.codec.name  # of the decoder, such as `h264`
        self._by_pts: dict[int | None, Arrival] = {}
        self._tally = tally

    def decode(
        self, packet: "av.Packet[av.VideoStream]", arrival: Arrival
    ) -> list[tuple[av.VideoFrame, Arrival]]:
        """Return the pictures that `packet` completes, in display order, each with its arrival."""
        packet.opaque = arrival
        self._remember(packet.pts, arrival)
        try:
            frames = self._context.decode(packet if packet.size else None)
        except av.FFmpegError:
            self._tally.refused += 1
            return []
        self._tally.decoded += len(frames)
        return [(frame, self._arrival(frame, arrival)) for frame in frames]

    def _arrival(self, frame: av.VideoFrame, latest: Arrival) -> Arrival:
        carried = cast("Arrival | None", frame.opaque)
        return carried or self._by_pts.get(frame.pts, latest)

    def _remember(self, pts: int | None, arrival: Arrival) -> None:
        """Keep the arrival by pts: hardware decoders lose what a packet carries."""
        self._by_pts[pts] = arrival
        if len(self._by_pts) > _KEPT_ARRIVALS:
            del self._by_pts[next(iter(self._by_pts))]
