"""Clips for the bench's cameras, in the codec, GOP length and rate control that are asked for.

Busy clips are footage scaled to the asked size; quiet ones a still with fresh sensor noise
in each picture. Kept in the user's cache under a name that holds a hash of everything they
were made from.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np

from edge_agent.errors import AgentError
from edge_agent.stage.clips import Progress, make_once
from edge_agent.stage.footage import filled, footage_pictures
from edge_agent.types import ByteArray, Wh


class Codec(StrEnum):
    H264 = "h264"
    H265 = "h265"


class RateControl(StrEnum):
    CRF = "crf"  # a quality is kept, as cameras' VBR does
    CBR = "cbr"  # a bitrate is kept


_FORMAT = 1  # raise it when the code below makes other clips from the same recipe
_CRF = {Codec.H264: 26, Codec.H265: 28}
#: Bits a pixel of a camera set to a constant bitrate: 4 Mbit/s at 1080p25 in H.264.
_CBR_BITS = {Codec.H264: 0.077, Codec.H265: 0.045}
#: Grey levels of the noise in a quiet picture. At CRF 26 its 1080p25 stream then has 0.5 Mbit/s
#: and P packets of some 500 bytes.
_NOISE = 3.0
_NOISE_FIELDS = 8


@dataclass(frozen=True, slots=True)
class FeedRecipe:
    """How a camera's stream is coded; the defaults are what the figures are measured on."""

    wh: Wh = (1920, 1080)
    fps: int = 25
    gop: int = 50  # pictures from one keyframe to the next
    codec: Codec = Codec.H264
    rate: RateControl = RateControl.CRF
    b_frames: int = 0
    seconds: float = 24.0


def feed_clip(
    name: str,
    origin: bytes,
    pictures: Callable[[], Iterator[av.VideoFrame]],
    recipe: FeedRecipe,
    folder: Path,
    progress: Progress,
    *,
    run_in: int = 0,
) -> Path:
    """Return the clip of `pictures` in `folder`, encoding it where it is not there yet.

    `run_in` whole GOPs are encoded before the clip begins and left out: an encoder's first GOP
    has other sizes than the rest, and in a looped clip that looks like movement.

    Args: `origin` what the pictures are made from, for the clip's name; `pictures` gives them
        in yuv420p and at the recipe's size.
    Raises: AgentError where there is no picture or FFmpeg fails.
    """
    made_of = repr((_FORMAT, astuple(recipe), run_in)).encode() + origin
    digest = hashlib.sha256(made_of).hexdigest()
    clip = folder / f"feed-{name}-{digest[:16]}.mp4"
    left_out = run_in * recipe.gop
    return make_once(
        clip, name, lambda part: _encode(pictures(), recipe, part, progress, left_out=left_out)
    )


def footage_origin(source: Path) -> bytes:
    """Return what stands for a video file in its clip's name."""
    with source.open("rb") as footage:
        return hashlib.file_digest(footage, "sha256").digest()


def filling_pictures(source: Path, recipe: FeedRecipe) -> Iterator[av.VideoFrame]:
    """Yield the footage's pictures from its beginning, filling the recipe's size and rate."""
    rate = Fraction(recipe.fps)
    return footage_pictures(source, filled(recipe.wh), rate, last_s=recipe.seconds)


def quiet_pictures(
    still: ByteArray, recipe: FeedRecipe, *, run_in: int = 0
) -> Iterator[av.VideoFrame]:
    """Yield `still` (h, w, 3) BGR, of the recipe's size, with other noise in each picture.

    As many as the recipe's seconds need, and `run_in` GOPs before.
    """
    width, height = recipe.wh
    planes = cv2.cvtColor(still, cv2.COLOR_BGR2YUV_I420)
    rng = np.random.default_rng(5)
    fields = np.round(rng.normal(0, _NOISE, (_NOISE_FIELDS, height, width))).astype(np.int8)
    for _ in range(round(recipe.seconds * recipe.fps) + run_in * recipe.gop):
        shift = (int(rng.integers(height)), int(rng.integers(width)))
        noise = np.roll(fields[rng.integers(_NOISE_FIELDS)], shift, (0, 1))
        picture: ByteArray = planes.astype(np.uint8)  # a copy
        picture[:height] = cv2.add(picture[:height], noise, dtype=cv2.CV_8U)
        yield av.VideoFrame.from_ndarray(picture, "yuv420p")


def _encode(
    pictures: Iterator[av.VideoFrame],
    recipe: FeedRecipe,
    target: Path,
    progress: Progress,
    *,
    left_out: int,
) -> None:
    rate = Fraction(recipe.fps)
    expected = max(1.0, recipe.seconds * recipe.fps)
    count = encoded = 0

    def keep(packets: list["av.Packet[av.VideoStream]"]) -> None:
        nonlocal encoded
        for packet in packets:
            encoded += 1
            if encoded > left_out and packet.pts is not None and packet.dts is not None:
                packet.pts -= left_out
                packet.dts -= left_out
                out.mux(packet)

    with av.open(str(target), "w", format="mp4") as out:
        stream = _open_stream(out, recipe)
        for picture in pictures:
            picture.pts, picture.time_base = count, 1 / rate
            picture.pict_type = 0  # the footage's own I, P and B do not bind the encoder
            keep(stream.encode(picture))
            count += 1
            progress(min(1.0, count / expected))
        if not count:
            raise AgentError(f"clip {target.name}: no picture to make it from")
        keep(stream.encode(None))


def _open_stream(out: av.container.OutputContainer, recipe: FeedRecipe) -> av.VideoStream:
    encoder = {Codec.H264: "libx264", Codec.H265: "libx265"}[recipe.codec]
    options = encoder_options(recipe)
    stream = cast("av.VideoStream", out.add_stream(encoder, rate=recipe.fps, options=options))
    stream.width, stream.height = recipe.wh
    stream.pix_fmt = "yuv420p"
    return stream


def encoder_options(recipe: FeedRecipe) -> dict[str, str]:
    """Return FFmpeg's options for libx264 or libx265: regular keyframes, closed GOPs."""
    bits = round(_CBR_BITS[recipe.codec] * recipe.wh[0] * recipe.wh[1] * recipe.fps)
    gop, b_frames = str(recipe.gop), str(recipe.b_frames)
    options = {"preset": "veryfast", "g": gop, "bf": b_frames, "forced-idr": "1"}
    if recipe.rate is RateControl.CBR:
        options |= {"b": str(bits), "minrate": str(bits), "maxrate": str(bits)}
        options["bufsize"] = str(bits)
    else:
        options["crf"] = str(_CRF[recipe.codec])
    if recipe.codec is Codec.H264:
        options["sc_threshold"] = "0"
        return options | ({"nal-hrd": "cbr"} if recipe.rate is RateControl.CBR else {})
    x265 = f"log-level=none:keyint={gop}:min-keyint={gop}:bframes={b_frames}:scenecut=0"
    x265 += ":open-gop=0" + (":strict-cbr=1" if recipe.rate is RateControl.CBR else "")
    return options | {"preset": "ultrafast", "x265-params": x265}
