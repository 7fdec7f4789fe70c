"""The clips of `bench-wakeup`: one camera's pictures in several encodings, made in one pass."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from edge_agent.errors import AgentError
from edge_agent.types import ByteArray

_FORMAT = 2  # raise it when the code makes other clips from the same words


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a camera encodes. `rate`: "crf" (with `level` its quality), "abr" or "cbr" (kbit/s)."""

    rate: str
    level: int
    gop_s: float
    codec: str = "libx264"
    b_frames: int = 0

    @property
    def quality_targeted(self) -> bool:
        return self.rate == "crf"

    def options(self, gop: int) -> dict[str, str]:
        """Return the encoder's options for a GOP of `gop` pictures."""
        given = {"g": str(gop), "bf": str(self.b_frames), "threads": "1"}
        if self.codec == "mpeg4":
            return given | {"b": f"{self.level}k"}
        given |= {"preset": "veryfast", "sc_threshold": "0"}
        if self.codec == "libx265":
            quiet = f"log-level=none:pools=none:frame-threads=1:keyint={gop}:min-keyint={gop}"
            given = {"preset": "ultrafast", "x265-params": f"{quiet}:bframes=0:scenecut=0"}
        if self.rate == "crf":
            return given | {"crf": str(self.level)}
        rate = f"{self.level}k"
        if self.rate == "abr":
            return given | {"b": rate}
        return given | {"b": rate, "minrate": rate, "maxrate": rate, "bufsize": rate}


def clip_file(folder: Path, name: str, of: object, encoding: Encoding) -> Path:
    """Return where the clip lies: `of` says what the pictures are made of."""
    words = repr((_FORMAT, of, sorted(asdict(encoding).items())))
    return folder / f"wakeup-{name}-{hashlib.sha256(words.encode()).hexdigest()[:16]}.mp4"


def encode_all(
    pictures: Iterable[ByteArray], fps: Fraction, clips: Mapping[Path, Encoding]
) -> None:
    """Encode `pictures` into each of `clips`. Raises: AgentError."""
    parts = {clip: clip.with_name(f"{clip.name}.{os.getpid()}.part") for clip in clips}
    try:
        with ExitStack() as stack:
            outs: list[tuple[Any, Any]] = []
            for index, picture in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(picture, "bgr24").reformat(format="yuv420p")
                if not outs:
                    wh = (frame.width, frame.height)
                    outs = [
                        _open(stack, parts[clip], encoding, fps, wh)
                        for clip, encoding in clips.items()
                    ]
                frame.pts, frame.time_base = index, 1 / fps
                for out, stream in outs:
                    out.mux(stream.encode(frame))
            for out, stream in outs:
                out.mux(stream.encode(None))
        for clip, part in parts.items():
            part.replace(clip)
    except (av.FFmpegError, OSError) as error:
        names = ", ".join(clip.name for clip in clips)
        raise AgentError(f"clips {names}: {error}; not made") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _open(
    stack: ExitStack, part: Path, encoding: Encoding, fps: Fraction, wh: tuple[int, int]
) -> tuple[Any, Any]:
    out = stack.enter_context(av.open(str(part), "w", format="mp4"))
    gop = max(1, round(encoding.gop_s * fps))
    stream: Any = out.add_stream(encoding.codec, rate=fps, options=encoding.options(gop))
    stream.width, stream.height = wh
    stream.pix_fmt = "yuv420p"
    stream.codec_context.gop_size = gop
    return out, stream
