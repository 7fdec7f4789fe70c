"""The watch on real packets: small clips encoded at a quality, at a rate, with B-frames."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_agent.source.look import luma_of
from edge_agent.stage.wakeup_clips import Encoding, encode_all
from edge_agent.types import ByteArray
from edge_agent.wakeup import WakeReason
from tests.wakeup_traces import S, new_watch

FPS, WH = 10, (224, 126)
SECONDS = 46
#: When somebody walks through, seconds.
WALKS = ((17.0, 20.0), (38.0, 41.0))
ENCODINGS = {
    "crf": Encoding("crf", 23, 2.0),
    "crf, B-frames": Encoding("crf", 23, 2.0, b_frames=2),
    "crf, GOP of 1 s": Encoding("crf", 23, 1.0),
    "abr": Encoding("abr", 200, 2.0),
    "cbr": Encoding("cbr", 200, 2.0),
    "h265": Encoding("crf", 26, 2.0, codec="libx265"),
    "mpeg4": Encoding("abr", 300, 2.0, codec="mpeg4"),
}


def walking(time_s: float) -> bool:
    return any(a <= time_s < b for a, b in WALKS)


def pictures() -> list[ByteArray]:
    """Return a street of soft shapes with a sensor's noise, and a dark person who walks."""
    rng = np.random.default_rng(8)
    coarse = rng.integers(50, 190, (9, 16, 3)).astype(np.uint8)
    street = cv2.resize(coarse, WH, interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0, 1.5, (64, WH[1], WH[0], 1)).astype(np.float32)
    shown = []
    for index in range(SECONDS * FPS):
        picture = street + noise[index * 7 % 64]
        if walking(index / FPS):
            x = 20 + int((index / FPS) % 20 * 10) % 180
            picture[63:84, x : x + 8] = (40, 35, 60)
            picture[59:64, x + 2 : x + 6] = (120, 140, 180)
        shown.append(np.clip(picture, 0, 255).astype(np.uint8))
    return shown


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("encodes")
    paths = {name: folder / f"{number}.mp4" for number, name in enumerate(ENCODINGS)}
    encode_all(pictures(), Fraction(FPS), {path: ENCODINGS[n] for n, path in paths.items()})
    return paths


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_walk_wakes_it_from_before_its_beginning(name: str, clips: dict[str, Path]) -> None:
    watch, wakes, awake = new_watch(quiet_s=4, audits=False), [], True
    with av.open(str(clips[name])) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        context = stream.codec_context
        assert stream.time_base is not None
        for packet in container.demux(stream):
            if not packet.size or packet.dts is None:
                continue
            now = int(packet.dts * stream.time_base * S)
            if packet.is_keyframe and awake and watch.may_sleep(now):
                awake = False
            wake = watch.packet(
                packet.size, keyframe=packet.is_keyframe, stream_ns=now, awake=awake
            )
            if packet.is_keyframe:
                (picture,) = context.decode(packet) + context.decode(None)
                context.flush_buffers()
                wake = watch.look(luma_of(picture), stream_ns=now, awake=awake) or wake
            if wake is not None:
                wakes.append((now / S, wake))
                awake = True
            at = now / S
            if awake:
                watch.tracks(int(walking(at) or walking(at - 1)), stream_ns=now)
    assert [wake.reason for _, wake in wakes].count(WakeReason.FALLBACK) == 0
    assert len(wakes) == len(WALKS)
    for (at, wake), (begins, ends) in zip(wakes, WALKS, strict=True):
        assert begins - 0.3 <= at < ends
        assert wake.from_ns <= begins * S
