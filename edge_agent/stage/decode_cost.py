"""What decoding costs on this box: a short synthetic 1080p clip, encoded and decoded in memory."""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from edge_agent.types import ByteArray

WH = (1920, 1080)
FPS = 25
_FRAMES = 50
_GOP = 50
#: Like a street camera: a textured scene that stands still, things that move, sensor noise.
_MOVING = 6
_TEXTURE = 20
_NOISE = 1


@dataclass(frozen=True, slots=True)
class DecodeCosts:
    """CPU milliseconds of each repetition: an average frame, and a keyframe alone."""

    frame_ms: tuple[float, ...]
    keyframe_ms: tuple[float, ...]


def measure_decode(rounds: int) -> DecodeCosts:
    """Return what one thread needs for a 1080p H.264 frame, `rounds` times."""
    data = encode_scene()
    frames, keyframes = [], []
    for _ in range(rounds):
        began = time.thread_time_ns()
        decoded = sum(1 for _ in _decode(data))
        frames.append((time.thread_time_ns() - began) / 1e6 / decoded)
        keyframes.append(_keyframe_ms(data))
    return DecodeCosts(tuple(frames), tuple(keyframes))


def encode_scene() -> bytes:
    """Return two seconds of 1080p H.264 at 25 fps, one GOP, about 2 Mbit/s."""
    sink = io.BytesIO()
    with av.open(sink, "w", format="mpegts") as out:
        options = {"preset": "veryfast", "crf": "26", "bf": "0"}
        stream = out.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = WH
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = _GOP
        stream.codec_context.thread_count = 1
        for index, planes in enumerate(_pictures()):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = index
            frame.time_base = Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return sink.getvalue()


def _pictures() -> Iterator[ByteArray]:
    """Give the planes of each picture, (h * 3/2, w) uint8."""
    rng = np.random.default_rng(7)
    width, height = WH
    size = (width, height * 3 // 2)
    soft, fine = (
        np.asarray(cv2.resize(rng.integers(0, top, wh, np.uint8), size), np.uint8)
        for top, wh in ((160, (54, 96)), (_TEXTURE, (405, 480)))
    )
    scene = soft + fine + np.uint8(30)  # at most 210: nothing overflows
    noise = rng.integers(-_NOISE, _NOISE + 1, (height + _FRAMES, width), np.int16)
    for index in range(_FRAMES):
        planes = scene.copy()
        luma = planes[:height]
        for thing in range(_MOVING):
            left, top = (thing * 290 + index * (4 + thing)) % (width - 200), 120 + thing * 140
            luma[top : top + 120, left : left + 160] = scene[thing * 40 : thing * 40 + 120, :160]
        luma[...] = np.clip(luma + noise[index : index + height], 16, 235)
        yield planes


def _decode(data: bytes) -> Iterator[av.VideoFrame]:
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        yield from container.decode(stream)


def _keyframe_ms(data: bytes) -> float:
    """Return the CPU milliseconds of the first keyframe, decoded alone and drained."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        packet = next(p for p in container.demux(stream) if p.is_keyframe)
        began = time.thread_time_ns()
        shown = len(stream.codec_context.decode(packet))
        shown += len(stream.codec_context.decode(None))
        spent_ms = (time.thread_time_ns() - began) / 1e6
    assert shown == 1, "a keyframe is one picture"
    return spent_ms
