"""Clips for the stage's cameras: footage re-encoded once and kept in the user's cache.

A looping camera that behaves needs H.264 without B-frames, of constant rate, with a keyframe
every second or two and no sound. The name of a clip holds a hash of the footage and of the
recipe, so that a changed file or recipe gives a new clip and nothing is ever stale.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av

from edge_agent.errors import AgentError
from edge_agent.stage.footage import footage_pictures

#: Told the share that is done, 0..1.
Progress = Callable[[float], None]

_FORMAT = 1  # raise it when the code below makes other clips from the same recipe
_REPORT_EVERY = 25  # pictures


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a clip is made; the footage's own rate stays."""

    max_width: int | None = None  # shrink to this width, never enlarge
    crf: int = 23
    gop_s: float = 1.0
    preset: str = "veryfast"
    first_s: float = 0.0
    last_s: float | None = None


#: A town camera's substream, light enough for four on a small board.
DEMO = Recipe(max_width=768)


def cache_folder() -> Path:
    """Return the folder for clips, `$XDG_CACHE_HOME/edge-agent`, made where it is missing."""
    root = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(root) if root else Path.home() / ".cache") / "edge-agent"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def clip_path(source: Path, recipe: Recipe, folder: Path) -> Path:
    """Return where the clip lies or will lie."""
    digest = hashlib.sha256(repr((_FORMAT, sorted(asdict(recipe).items()))).encode())
    with source.open("rb") as footage:
        digest.update(hashlib.file_digest(footage, "sha256").digest())
    return folder / f"{source.stem}-{digest.hexdigest()[:16]}.mp4"


def prepare_clip(source: Path, recipe: Recipe, folder: Path, progress: Progress) -> Path:
    """Return the clip of `source`, making it where the cache has none.

    Raises: AgentError where the footage cannot be read or encoded.
    """
    return make_once(
        clip_path(source, recipe, folder),
        source.name,
        lambda part: _encode(source, recipe, part, progress),
    )


def make_once(clip: Path, name: str, make: Callable[[Path], None]) -> Path:
    """Return `clip`, which `make` writes under another name first where it is not there yet.

    What is there is whole. Raises: AgentError naming `name` where FFmpeg or the disk fails.
    """
    if clip.exists():
        return clip
    part = clip.with_name(f"{clip.name}.{os.getpid()}.part")
    try:
        make(part)
        part.replace(clip)
    except (av.FFmpegError, OSError) as error:
        raise AgentError(f"clip {name}: {error}; no clip made") from error
    finally:
        part.unlink(missing_ok=True)
    return clip


def _encode(source: Path, recipe: Recipe, target: Path, progress: Progress) -> None:
    rate, expected = _measure(source, recipe)
    with av.open(str(target), "w", format="mp4") as out:
        stream = None
        for index, picture in enumerate(_pictures(source, recipe, rate)):
            if stream is None:
                stream = _open_stream(out, recipe, rate, (picture.width, picture.height))
            picture.pts, picture.time_base = index, 1 / rate
            picture.pict_type = 0  # the footage's own I, P and B do not bind the encoder
            out.mux(stream.encode(picture))
            if index % _REPORT_EVERY == 0:
                progress(min(1.0, index / expected))
        if stream is None:
            raise AgentError(f"clip {source.name}: the footage has no picture; no clip made")
        out.mux(stream.encode(None))
        progress(1.0)


def _measure(source: Path, recipe: Recipe) -> tuple[Fraction, float]:
    """Return the footage's rate, and about how many pictures of it the clip gets."""
    with av.open(str(source)) as footage:
        rate = Fraction(footage.streams.video[0].average_rate or 25).limit_denominator(1001)
        length_s = footage.duration / 1e6 if footage.duration else 0.0
    if recipe.last_s is not None:
        length_s = min(length_s, recipe.last_s)
    return rate, max(1.0, (length_s - recipe.first_s) * float(rate))


def _open_stream(
    out: av.container.OutputContainer, recipe: Recipe, rate: Fraction, wh: tuple[int, int]
) -> av.VideoStream:
    gop = max(1, round(recipe.gop_s * float(rate)))
    options = {"preset": recipe.preset, "crf": str(recipe.crf), "bf": "0", "sc_threshold": "0"}
    stream = out.add_stream("libx264", rate=rate, options={**options, "g": str(gop)})
    stream.width, stream.height = wh
    stream.pix_fmt = "yuv420p"
    return stream


def _pictures(source: Path, recipe: Recipe, rate: Fraction) -> Iterator[av.VideoFrame]:
    width = recipe.max_width
    filters = [] if width is None else [("scale", f"'min(iw,{width})':-2")]
    return footage_pictures(source, filters, rate, first_s=recipe.first_s, last_s=recipe.last_s)
