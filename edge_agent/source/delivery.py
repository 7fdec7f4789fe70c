"""One connection's life: packets in, frames to analyse out."""

import struct
from fractions import Fraction

import av
from av.video.stream import VideoStream

from edge_agent.policy.decoding import decode_mode
from edge_agent.settings import CameraSettings, DecodeMode, Transport
from edge_agent.settings.hours import ALWAYS
from edge_agent.source.connection import Connection
from edge_agent.source.decoder import Decoder
from edge_agent.source.decoding import DecodeAll, DecodeKeyframes, Decoding
from edge_agent.source.decoding_hours import DecodeInHours
from edge_agent.source.failure import Failure, FailureWord, file_failure, read_failure
from edge_agent.source.look import Looker
from edge_agent.source.measures import StreamMeasures
from edge_agent.source.on_demand import DecodeOnDemand
from edge_agent.source.outlet import Outlet, Outlets, StreamFacts
from edge_agent.source.ratio import Ratio
from edge_agent.source.ring import Arrival, Held, PacketRing
from edge_agent.source.vigil import Vigil
from edge_agent.types import Json

_NS = 1_000_000_000
_FALLBACK_FPS = 25.0  # of a file that tells no rate
#: A wall time before this (1990) is an unset clock: some cameras send an NTP time of 0.
_EARLIEST_WALL_NS = 631_152_000 * _NS
#: A sleeping camera's socket is read this often at least, or when it has filled up.
_NAP_S = 0.4
#: A packet that was waited for so long is the newest: the reader has caught up.
_WAITED_NS = 3_000_000


class Delivery:
    """Reads one open connection until it ends."""

    def __init__(self, connection: Connection, number: int, outlets: Outlets) -> None:
        self._connection = connection
        self._measures = StreamMeasures()
        self._out = outlets
        self._clock = outlets.clock
        self._file = connection.hang_up is None
        self._paced = self._file and outlets.camera.realtime
        self._naps = not self._file and outlets.camera.transport is Transport.TCP
        self._tick_s = connection.time_base
        self._tick_ns = Ratio(self._tick_s * _NS)
        frame_ticks = 1 / (Fraction(connection.declared_fps or _FALLBACK_FPS) * self._tick_s)
        self._frame_ticks = frame_ticks
        self._raw_file = self._file and connection.stream.start_time is None
        # Read once, here: other threads ask for the state and must not touch the container.
        self._facts = read_facts(connection, number, outlets.camera)
        self._outlet = Outlet(self._facts, outlets)
        self._vigil = Vigil(self._facts, outlets)
        self._ring = PacketRing(
            max_bytes=round(outlets.camera.buffer_mb * 1e6), max_s=outlets.camera.buffer_s
        )
        self._decoder = Decoder(connection.stream.codec_context, outlets.tally)
        self._mode, self._why = decode_mode(outlets.camera)
        self._decoding = self._begin_decoding()
        self._packets = 0
        self._reports = False
        self._began: tuple[int, int] | None = None  # a paced file's first time and its mono
        self._napped_ns: int | None = None  # since when nobody had read before this packet
        self._swiftest_ns: int | None = None  # least delay from stream time to arrival

    @property
    def pictures(self) -> int:
        """How many pictures came, decoded or not."""
        return self._outlet.pictures

    @property
    def live_ns(self) -> int | None:
        """When the first picture came, on the monotonic clock."""
        return self._outlet.live_ns

    def _begin_decoding(self) -> Decoding:
        parts = (self._ring, self._decoder, self._outlet, self._vigil, self._out)
        facts, mode, obstacle = self._facts, self._mode, None
        if mode is DecodeMode.ON_DEMAND and self._raw_file:
            mode, obstacle = DecodeMode.ALWAYS, "the file has no timestamps"
        looker = Looker(self._connection.stream.codec_context)

        # Nothing of `self` in here: the two would hold each other until a search for cycles.
        def begin() -> Decoding:
            if mode is DecodeMode.KEYFRAMES:
                return DecodeKeyframes(*parts)
            if mode is DecodeMode.ALWAYS:
                return DecodeAll(*parts, obstacle=obstacle)
            return DecodeOnDemand(*parts, looker, facts)

        if self._out.camera.hours == ALWAYS:
            return begin()
        return DecodeInHours(begin, *parts)

    def run(self) -> Failure | None:
        """Deliver until the stream ends; return why it did.

        None where a file came to its end or the reader was asked to stop.
        """
        gap_ns = int(self._frame_ticks * self._tick_s * _NS) if self._file else None
        self._out.framer.begin(self._facts.number, self._tick_s, gap_ns=gap_ns)
        self._out.tally.begin()
        error = None
        mono_ns = self._clock.mono_ns
        asked_ns = mono_ns()
        try:
            for packet in self._connection.packets():
                now_ns = mono_ns()
                arrival = self._arrive(packet, asked_ns, now_ns)
                if arrival is None:
                    return None
                if packet.size:
                    self._take(Held(packet, arrival))
                if self._naps and self._decoding.asleep:
                    self._wait_for_more(caught_up=now_ns - asked_ns >= _WAITED_NS)
                else:
                    self._napped_ns = None
                asked_ns = mono_ns()
            self._decoding.end()
        except av.FFmpegError as caught:
            error = caught.with_traceback(None)  # it would hold this frame, and all that is held
            self._decoding.end()
        finally:
            self._out.tally.hand_over()
        return self._why_it_ended(error, (mono_ns() - asked_ns) / _NS)

    def _why_it_ended(self, error: Exception | None, silent_s: float) -> Failure | None:
        if not self._file:
            # The first expiry of the read time-out gave the frame that the parser held.
            silent_s += self._connection.read_timeout_s
            limit_s = self._out.camera.stall_timeout_s
            return read_failure(error, silent_s=silent_s, stall_timeout_s=limit_s)
        if error is not None:
            return file_failure(error)
        return None if self.pictures else Failure(FailureWord.FILE, "holds no picture")

    def _wait_for_more(self, *, caught_up: bool) -> None:
        """Let a sleeping camera's packets gather.

        The parser gives a picture when it sees the next one begin, so the rest of that can nearly
        always be read: it alone must not keep the reader from napping.
        """
        asked_ns = self._clock.mono_ns()
        hang_up = self._connection.hang_up
        if hang_up is not None and hang_up.nap(_NAP_S, caught_up=caught_up):
            self._napped_ns = asked_ns

    def _arrive(
        self, packet: "av.Packet[VideoStream]", asked_ns: int, now_ns: int
    ) -> Arrival | None:
        """Return the arrival of `packet`, asked for at `asked_ns`, read now; None to stop."""
        if self._out.pause(self._ahead_s(packet) if self._paced else 0.0):
            return None
        if self._file:
            now_ns = self._clock.mono_ns()
        elif now_ns - asked_ns >= self._connection.read_timeout_s * _NS:
            now_ns = asked_ns  # held by the parser since then: the silence let it go
        stream_ns = self._stream_ns(packet)
        return Arrival(
            self._came_ns(stream_ns, now_ns),
            self._reported(packet),
            stream_ns,
            keyframe=packet.is_keyframe,
        )

    def _came_ns(self, stream_ns: int | None, now_ns: int) -> int:
        """Return when a packet came that is read at `now_ns`, perhaps after a nap.

        What came during a nap came no earlier than the swiftest way from its stream time, no
        earlier than the nap began and no later than now.
        """
        if stream_ns is None:
            return now_ns
        if self._napped_ns is None:
            delay_ns = now_ns - stream_ns
            if self._swiftest_ns is None or delay_ns < self._swiftest_ns:
                self._swiftest_ns = delay_ns
            return now_ns
        swiftest_ns = now_ns if self._swiftest_ns is None else stream_ns + self._swiftest_ns
        return min(max(swiftest_ns, self._napped_ns), now_ns)

    def _reported(self, packet: "av.Packet[VideoStream]") -> int | None:
        """Return the wall time that sender reports give `packet`.

        FFmpeg's parser hands the first report inside a running stream to the picture before
        the one it is meant for, so that one is passed over.
        """
        wall_ns = None
        for side in packet.iter_sidedata():  # most have none
            if side.data_type == "prft":
                wall_ns = _reported_wall_ns(bytes(side))
        started, self._reports = self._reports, wall_ns is not None
        return wall_ns if started or self._packets == 0 else None

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
            return self._tick_ns.of(packet.dts)
        return self._tick_ns.of(int(self._packets * self._frame_ticks)) if self._raw_file else None

    def _take(self, held: Held) -> None:
        tally, size, arrival = self._out.tally, held.packet.size, held.arrival
        tally.received += 1
        tally.bytes_received += size
        self._measures.packet(arrival.stream_ns, size, keyframe=arrival.keyframe)
        self._packets += 1
        self._decoding.take(held)
        if tally.hand_over(arrival.mono_ns) and self._decoding.asleep:
            tally.spend("receive")

    def state(self) -> dict[str, Json]:
        """Return what this connection really gives; from any thread."""
        rates = self._measures.rates()
        source = self._out.framer.clock_source
        live_ns = self.live_ns
        live_s = None if live_ns is None else (self._clock.mono_ns() - live_ns) / _NS
        saved = self._out.tally.saved_share
        return {
            "codec": self._facts.codec,
            "profile": self._facts.profile,
            "wh": list(self._out.framer.wh or (0, 0)),
            "declared_fps": self._facts.declared_fps,
            "measured_fps": rates.fps,
            "keyframe_interval_s": rates.keyframe_interval_s,
            "keyframe_interval_frames": rates.keyframe_interval_frames,
            "kbit_s": rates.kbit_s,
            "decoder": self._decoder.name,
            "decode": {
                "mode": self._mode.value,
                "because": self._why,
                **self._decoding.state(),
                "saved_share": None if saved is None else round(saved, 4),
                "buffer_mb": round(self._ring.bytes / 1e6, 2),
            },
            "watch": self._vigil.report,
            "faults": self._out.announce.standing_faults(),
            "clock_source": None if source is None else source.value,
            "connected_since_s": None if live_s is None else round(live_s, 1),
        }


def read_facts(connection: Connection, number: int, camera: CameraSettings) -> StreamFacts:
    """Return what `connection`'s stream says of itself."""
    context = connection.stream.codec_context
    is_file = connection.hang_up is None
    fps = connection.declared_fps
    counted = is_file and connection.stream.start_time is None
    return StreamFacts(
        number=number,
        codec=context.name,
        profile=context.profile,
        wh=(context.width, context.height),
        declared_fps=fps,
        transport="file" if is_file else camera.transport.value,
        counted_ticks=(
            1 / (Fraction(fps or _FALLBACK_FPS) * connection.time_base) if counted else None
        ),
    )


def _reported_wall_ns(prft: bytes) -> int | None:
    """Return when a packet was taken by its AVProducerReferenceTime, None where that cannot be.

    That is int64 µs since 1970, then flags. Source: libavcodec/defs.h.
    """
    (micros,) = struct.unpack_from("<q", prft)
    wall_ns = int(micros) * 1000
    return wall_ns if wall_ns >= _EARLIEST_WALL_NS else None
