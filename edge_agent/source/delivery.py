"""One connection's life: packets in, frames to analyse out."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.stream import VideoStream

from edge_agent.clock import Clock
from edge_agent.ports import FrameSink
from edge_agent.settings import CameraSettings
from edge_agent.source.announce import Announcer
from edge_agent.source.connection import Connection
from edge_agent.source.decoder import Arrival, Decoder
from edge_agent.source.failure import Failure, FailureWord, file_failure, read_failure
from edge_agent.source.framer import Framer, Taken
from edge_agent.source.measures import StreamMeasures
from edge_agent.source.tally import Tally
from edge_agent.types import Json

_NS = 1_000_000_000
_FALLBACK_FPS = 25.0  # of a file that tells no rate
#: A wall time before this (1990) is an unset clock: some cameras send an NTP time of 0.
_EARLIEST_WALL_NS = 631_152_000 * _NS


@dataclass(frozen=True, slots=True)
class Outlets:
    """What a camera's connections share, one after another."""

    camera: CameraSettings
    sink: FrameSink
    clock: Clock
    announce: Announcer
    tally: Tally
    framer: Framer
    pause: Callable[[float], bool]  # waits some seconds; True where the reader shall end


class Delivery:
    """Reads one open connection until it ends."""

    def __init__(self, connection: Connection, number: int, outlets: Outlets) -> None:
        self._connection = connection
        self._measures = StreamMeasures()
        self._decoder = Decoder(connection.stream.codec_context, outlets.tally)
        self.pictures = 0
        self.live_ns: int | None = None  # mono of the first picture
        self._number = number
        self._out = outlets
        self._clock = outlets.clock
        self._file = connection.hang_up is None
        self._paced = self._file and outlets.camera.realtime
        self._tick_s = connection.time_base
        # Read once, here: other threads ask for the state and must not touch the container.
        self._codec = connection.stream.codec_context.name
        self._profile = connection.stream.codec_context.profile
        self._declared_fps = connection.declared_fps
        self._frame_ticks = 1 / (Fraction(self._declared_fps or _FALLBACK_FPS) * self._tick_s)
        self._packets = 0
        self._reports = False
        self._began: tuple[int, int] | None = None  # a paced file's first time and its mono
        self._raw_file = self._file and connection.stream.start_time is None

    def run(self) -> Failure | None:
        """Deliver until the stream ends; return why it did.

        None where a file came to its end or the reader was asked to stop.
        """
        gap_ns = int(self._frame_ticks * self._tick_s * _NS) if self._file else None
        self._out.framer.begin(self._number, self._tick_s, gap_ns=gap_ns)
        error = None
        asked_ns = self._clock.mono_ns()
        try:
            for packet in self._connection.packets():
                arrival = self._arrive(packet, asked_ns)
                if arrival is None:
                    return None
                self._take(packet, arrival)
                asked_ns = self._clock.mono_ns()
        except av.FFmpegError as caught:
            error = caught
        finally:
            self._out.tally.hand_over()
        return self._why(error, (self._clock.mono_ns() - asked_ns) / _NS)

    def _why(self, error: Exception | None, silent_s: float) -> Failure | None:
        if not self._file:
            # The first expiry of the read time-out gave the frame that the parser held.
            silent_s += self._connection.read_timeout_s
            limit_s = self._out.camera.stall_timeout_s
            return read_failure(error, silent_s=silent_s, stall_timeout_s=limit_s)
        if error is not None:
            return file_failure(error)
        return None if self.pictures else Failure(FailureWord.FILE, "holds no picture")

    def _arrive(self, packet: "av.Packet[VideoStream]", asked_ns: int) -> Arrival | None:
        """Return the arrival of `packet`, asked for at `asked_ns`; None to stop."""
        if self._out.pause(self._ahead_s(packet) if self._paced else 0.0):
            return None
        now_ns = self._clock.mono_ns()
        if not self._file and now_ns - asked_ns >= self._connection.read_timeout_s * _NS:
            now_ns = asked_ns  # held by the parser since then: the silence let it go
        return Arrival(now_ns, self._reported(packet))

    def _reported(self, packet: "av.Packet[VideoStream]") -> int | None:
        """Return the wall time that sender reports give `packet`.

        FFmpeg's parser hands the first report inside a running stream to the picture before
        the one it is meant for, so that one is passed over.
        """
        wall_ns = _reported_wall_ns(packet)
        first_of_all = self._packets == 0
        started, self._reports = self._reports, wall_ns is not None
        return wall_ns if started or first_of_all else None

    def _ahead_s(self, packet: "av.Packet[VideoStream]") -> float:
        """Return how long a file's packet still has until it is due."""
        stream_ns = self._stream_ns(packet)
        if stream_ns is None:
            return 0.0
        now_ns = self._clock.mono_ns()
        if self._began is None:
            self._began = stream_ns, now_ns
        return max(0, self._began[1] + stream_ns - self._began[0] - now_ns) / _NS

    def _stream_ns(self, packet: "av.Packet[VideoStream]") -> int | None:
        """Return the stream's own decoding time of `packet`, None where it has none.

        A file without timestamps (a raw elementary stream) counts its pictures instead.
        """
        if packet.dts is not None:
            return self._ns(packet.dts)
        return self._ns(int(self._packets * self._frame_ticks)) if self._raw_file else None

    def _take(self, packet: "av.Packet[VideoStream]", arrival: Arrival) -> None:
        tally = self._out.tally
        if packet.size:
            tally.received += 1
            tally.bytes_received += packet.size
            stream_ns = self._stream_ns(packet)
            self._measures.packet(stream_ns, packet.size, keyframe=packet.is_keyframe)
            self._packets += 1
        for picture, arrived in self._decoder.decode(packet, arrival):
            self._picture(picture, arrived)
        tally.hand_over(arrival.mono_ns)

    def _picture(self, picture: av.VideoFrame, arrival: Arrival) -> None:
        if self.live_ns is None:
            self.live_ns = arrival.mono_ns
            self._tell_live(picture, arrival)
        pts = picture.pts
        if pts is None and self._raw_file:
            pts = int(self.pictures * self._frame_ticks)
        self.pictures += 1
        taken = self._out.framer.take(picture, pts, arrival)
        self._tell_changes(taken)
        if taken.frame is not None:
            self._out.tally.offered += 1
            self._out.sink.offer(taken.frame)

    def _tell_live(self, picture: av.VideoFrame, arrival: Arrival) -> None:
        if self._file and self._number > 1 and self._out.camera.loop:
            return  # the next round of a looped file is no news
        data = {
            "codec": self._codec,
            "wh": [picture.width, picture.height],
            "transport": "file" if self._file else self._out.camera.transport.value,
            "declared_fps": self._declared_fps,
            "clock_source": "arrival" if arrival.reported_wall_ns is None else "rtcp",
        }
        self._out.announce.live(self._number, data)

    def _tell_changes(self, taken: Taken) -> None:
        announce = self._out.announce
        if taken.resized is not None:
            announce.resized(self._number, *taken.resized)
        if taken.jump_ns is not None:
            announce.jumped(self._number, taken.jump_ns)
        if taken.clock_change is not None:
            announce.clock_changed(self._number, taken.clock_change)

    def _ns(self, ticks: int) -> int:
        return ticks * self._tick_s.numerator * _NS // self._tick_s.denominator

    def state(self) -> dict[str, Json]:
        """Return what this connection really gives; from any thread."""
        rates = self._measures.rates()
        source = self._out.framer.clock_source
        live_s = None if self.live_ns is None else (self._clock.mono_ns() - self.live_ns) / _NS
        return {
            "codec": self._codec,
            "profile": self._profile,
            "wh": list(self._out.framer.wh or (0, 0)),
            "declared_fps": self._declared_fps,
            "measured_fps": rates.fps,
            "keyframe_interval_s": rates.keyframe_interval_s,
            "keyframe_interval_frames": rates.keyframe_interval_frames,
            "kbit_s": rates.kbit_s,
            "decoder": self._decoder.name,
            "clock_source": None if source is None else source.value,
            "connected_since_s": None if live_s is None else round(live_s, 1),
        }


def _reported_wall_ns(packet: "av.Packet[VideoStream]") -> int | None:
    """Return when `packet` was taken by the camera's sender reports, None without any.

    The side data is an AVProducerReferenceTime: int64 µs since 1970, then flags. Asked for
    where there is none, it reads as the year 1900. Source: libavcodec/defs.h.
    """
    if not packet.has_sidedata("prft"):
        return None
    micros: int = struct.unpack_from("<q", bytes(packet.get_sidedata("prft")))[0]
    wall_ns = micros * 1000
    return wall_ns if wall_ns >= _EARLIEST_WALL_NS else None
