"""From packets to pictures, with each picture's arrival."""

from typing import cast

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge_agent.source.ring import Arrival
from edge_agent.source.tally import Tally

_KEPT_ARRIVALS = 64  # more than any decoder holds back

#: A decoded picture and the arrival of its packet.
Shown = tuple[av.VideoFrame, Arrival]


class Decoder:
    """The software decoder of one connection, on the reader's own thread.

    A change of size or of parameter sets inside the stream is the decoder's own business; a
    packet that it refuses costs that packet only. Between `rest` and the next packet it holds
    no memory.
    """

    def __init__(self, template: VideoCodecContext, tally: Tally) -> None:
        self.name = template.codec.name  # of the decoder, such as `h264`
        self._template = template
        self._reorder_depth = template.reorder_depth
        self._context: VideoCodecContext | None = None
        self._by_pts: dict[int | None, Arrival] = {}
        self._tally = tally

    def decode(self, packet: "av.Packet[VideoStream]", arrival: Arrival) -> list[Shown]:
        """Return the pictures that `packet` completes, in display order, each with its arrival."""
        packet.opaque = arrival
        by_pts = self._by_pts  # hardware decoders lose what a packet carries
        by_pts[packet.pts] = arrival
        if len(by_pts) > _KEPT_ARRIVALS:
            del by_pts[next(iter(by_pts))]
        return self._pictures(packet, arrival)

    def decode_alone(self, packet: "av.Packet[VideoStream]", arrival: Arrival) -> list[Shown]:
        """Return the picture of a keyframe at once; the decoder forgets everything before it.

        Without draining, the decoder of a stream with B-frames gives it two keyframes late.
        """
        pictures = self.decode(packet, arrival) + self.drain()
        if self._context is not None:
            self._context.flush_buffers()
        return pictures

    def drain(self) -> list[Shown]:
        """Return the pictures that the decoder still holds; then it takes no more packets."""
        if self._context is None:
            return []
        latest = next(reversed(self._by_pts.values()))
        return self._pictures(None, latest)

    def rest(self) -> None:
        """Forget everything, the memory included; the next packet must be a keyframe's."""
        if self._context is not None:
            # A stream's own figure may be too small: what was seen meanwhile counts.
            self._reorder_depth = max(self._reorder_depth, self._context.reorder_depth)
        self._context = None
        self._by_pts.clear()

    def _pictures(self, packet: "av.Packet[VideoStream] | None", latest: Arrival) -> list[Shown]:
        if self._context is None:
            self._context = begin_context(self._template)
            self._context.reorder_depth = self._reorder_depth
        try:
            frames = self._context.decode(packet)
        except av.FFmpegError:
            self._tally.refused += 1
            return []
        self._tally.decoded += len(frames)
        shown: list[Shown] = []
        for frame in frames:
            carried = frame.opaque
            if not isinstance(carried, Arrival):
                carried = self._by_pts.get(frame.pts, latest)
            shown.append((frame, carried))
        return shown


def begin_context(template: VideoCodecContext) -> VideoCodecContext:
    """Return a decoder set up as the container would set up its own, not opened yet.

    The container's own context is never opened: only a context of one's own can be given back,
    and with it the 10 MB of pictures that a 1080p decoder keeps even after a flush.
    """
    context = cast(VideoCodecContext, av.CodecContext.create(template.codec.name, "r"))
    context.extradata = template.extradata
    context.codec_tag = template.codec_tag
    context.width, context.height = template.width, template.height
    # What the container says of its colours counts where the stream itself says nothing.
    context.color_range = template.color_range
    context.colorspace = template.colorspace
    context.color_primaries = template.color_primaries
    context.color_trc = template.color_trc
    context.thread_count = 1
    context.copy_opaque = True
    return context
