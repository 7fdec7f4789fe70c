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

#: Told the share that is done, 0..1.
Progress = Callable[[float], None]

_FORMAT = 1  # raise it when the code below makes other clips from the same recipe
_REPORT_EVERY = 25  # pictures


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a clip is made; `wh` and `fps` None keep the footage's own."""

    max_width: int | None = None  # shrink to this width, never enlarge
    wh: tuple[int, int] | None = None  # fill exactly this size, cutting what sticks out
    fps: int | None = None
    crf: int = 23
    gop_s: float = 1.0
    preset: str = "veryfast"
    first_s: float = 0.0
    last_s: float | None = None


#: A town camera's substream, light enough for four on a small board.
DEMO = Recipe(max_width=768)
#: What the overhead is measured on: 1080p25, CRF 26, GOP 50.
BENCH = Recipe(wh=(1920, 1080), fps=25, crf=26, gop_s=2.0, last_s=24.0)


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
    clip = clip_path(source, recipe, folder)
    if clip.exists():
        return clip
    part = clip.with_name(f"{clip.name}.{os.getpid()}.part")
    try:
        _encode(source, recipe, part, progress)
        part.replace(clip)
    except (av.FFmpegError, OSError) as error:
        raise AgentError(f"clip {source.name}: {error}; no clip made") from error
    finally:
        part.unlink(missing_ok=True)
    return clip


def _encode(source: Path, recipe: Recipe, target: Path, progress: Progress) -> None:
    with av.open(str(source)) as footage, av.open(str(target), "w", format="mp4") as out:
        video = footage.streams.video[0]
        video.thread_type = "NONE"
        rate = Fraction(recipe.fps or video.average_rate or 25).limit_denominator(1001)
        expected = _expected_pictures(footage, recipe, rate)
        stream = None
        for index, picture in enumerate(_pictures(footage, recipe, rate)):
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


def _expected_pictures(
    footage: av.container.InputContainer, recipe: Recipe, rate: Fraction
) -> float:
    length_s = footage.duration / 1e6 if footage.duration else 0.0
    if recipe.last_s is not None:
        length_s = min(length_s, recipe.last_s)
    return max(1.0, (length_s - recipe.first_s) * float(rate))


def _open_stream(
    out: av.container.OutputContainer, recipe: Recipe, rate: Fraction, wh: tuple[int, int]
) -> av.VideoStream:
    gop = max(1, round(recipe.gop_s * float(rate)))
    options = {"preset": recipe.preset, "crf": str(recipe.crf), "bf": "0", "sc_threshold": "0"}
    stream = out.add_stream("libx264", rate=rate, options={**options, "g": str(gop)})
    stream.width, stream.height = wh
    stream.pix_fmt = "yuv420p"
    return stream


def _pictures(
    footage: av.container.InputContainer, recipe: Recipe, rate: Fraction
) -> Iterator[av.VideoFrame]:
    """Yield the footage's pictures at the recipe's size, rate and stretch of time."""
    video = footage.streams.video[0]
    graph = av.filter.Graph()
    chain = [graph.add_buffer(template=video), *_filters(graph, recipe, rate)]
    chain.append(graph.add("buffersink"))
    graph.link_nodes(*chain).configure()
    for frame in footage.decode(video):
        if frame.time is None or frame.time < recipe.first_s:
            continue
        if recipe.last_s is not None and frame.time >= recipe.last_s:
            break
        graph.vpush(frame)
        yield from _drain(graph)
    graph.vpush(None)
    yield from _drain(graph)


def _filters(
    graph: av.filter.Graph, recipe: Recipe, rate: Fraction
) -> Iterator[av.filter.context.FilterContext]:
    if recipe.wh is not None:
        width, height = recipe.wh
        yield graph.add("scale", f"{width}:{height}:force_original_aspect_ratio=increase")
        yield graph.add("crop", f"{width}:{height}")
    elif recipe.max_width is not None:
        yield graph.add("scale", f"'min(iw,{recipe.max_width})':-2")
    yield graph.add("fps", str(rate))
    yield graph.add("format", "yuv420p")


def _drain(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return
