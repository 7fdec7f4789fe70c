"""Clips generated on the spot: moving boxes, encoded with PyAV, one file a session and kind."""

import atexit
import functools
import shutil
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from edge_agent.types import Wh

SHARED = Path(__file__).parents[1].parent / "shared"
MEDIA = SHARED / "media"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a clip is like; equal recipes share one file."""

    codec: str = "libx264"
    wh: Wh = (320, 240)
    fps: int = 25
    frames: int = 100
    gop: int = 25
    bframes: int = 0
    open_gop: bool = False
    colorspace: str | None = None  # "bt709" or "smpte170m", tagged in the stream
    suffix: str = ".mp4"


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="edge-agent-clips-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def clip(recipe: Recipe = Recipe()) -> Path:
    """Return the path of a clip made after `recipe`."""
    name = f"{recipe.codec}-{abs(hash(recipe)):x}{recipe.suffix}"
    path = _folder() / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream(recipe.codec, rate=recipe.fps, options=_options(recipe))
        stream.width, stream.height = recipe.wh
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, recipe.fps)
        stream.codec_context.gop_size = recipe.gop
        stream.codec_context.max_b_frames = recipe.bframes
        if recipe.codec == "mpeg4":
            stream.bit_rate = 1_000_000
        for index in range(recipe.frames):
            frame = av.VideoFrame.from_ndarray(moving_boxes(index, recipe.wh), "bgr24")
            frame = frame.reformat(format="yuv420p", threads=1)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _options(recipe: Recipe) -> dict[str, str]:
    options = {"threads": "1"}
    if recipe.codec in ("libx264", "libx265"):
        options |= {"preset": "ultrafast", "crf": "24"}
    if recipe.codec == "libx265":
        options["x265-params"] = (
            f"log-level=none:pools=none:frame-threads=1:keyint={recipe.gop}:min-keyint={recipe.gop}"
            f":scenecut=0:bframes={recipe.bframes}:open-gop={int(recipe.open_gop)}"
        )
    elif recipe.codec == "libx264":
        options["x264-params"] = f"scenecut=0:open-gop={int(recipe.open_gop)}"
    if recipe.colorspace:
        options |= {"colorspace": recipe.colorspace}
    return options


def moving_boxes(index: int, wh: Wh) -> NDArray[np.uint8]:
    """Return frame `index` of the scene: (h, w, 3) uint8 BGR, two boxes on a ramp."""
    width, height = wh
    picture = np.empty((height, width, 3), np.uint8)
    picture[:, :, 0] = np.linspace(30, 90, width, dtype=np.uint8)
    picture[:, :, 1] = np.linspace(60, 120, height, dtype=np.uint8)[:, None]
    picture[:, :, 2] = 80
    for colour, speed, top in (((40, 40, 220), 4, height // 5), ((220, 160, 30), 7, height // 2)):
        left = index * speed % max(1, width - width // 5)
        picture[top : top + height // 4, left : left + width // 5] = colour
    return picture


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture: its NAL units without start codes, its place in 90 kHz ticks."""

    nals: tuple[bytes, ...]
    pts: int
    keyframe: bool


@functools.cache
def access_units(recipe: Recipe = Recipe()) -> tuple[AccessUnit, ...]:
    """Return an H.264 clip's coded pictures in decoding order, parameter sets at keyframes."""
    units = []
    with av.open(str(clip(recipe))) as container:
        stream = container.streams.video[0]
        filtered = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in container.demux(stream):
            for out in filtered.filter(packet if packet.size else None):
                assert out.pts is not None
                pts = int(out.pts * out.time_base * 90_000)
                units.append(AccessUnit(_split_nals(bytes(out)), pts, out.is_keyframe))
    return tuple(units)


def _split_nals(annexb: bytes) -> tuple[bytes, ...]:
    """Return the NAL units of an Annex B byte stream (H.264, B.1)."""
    parts = annexb.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return tuple(part for part in parts if part)
