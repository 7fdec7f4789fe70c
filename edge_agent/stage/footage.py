"""Footage as pictures: a file decoded through FFmpeg's filters."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av

#: A filter of FFmpeg and its arguments, as on its command line.
Filter = tuple[str, str]


def filled(wh: tuple[int, int]) -> list[Filter]:
    """Return the filters that fill exactly this size, cutting what sticks out."""
    width, height = wh
    scale = f"{width}:{height}:force_original_aspect_ratio=increase"
    return [("scale", scale), ("crop", f"{width}:{height}")]


def footage_pictures(
    source: Path,
    filters: Sequence[Filter],
    rate: Fraction,
    *,
    first_s: float = 0.0,
    last_s: float | None = None,
) -> Iterator[av.VideoFrame]:
    """Yield a stretch of the footage in yuv420p, through `filters` and at `rate` a second.

    Raises: av.FFmpegError, OSError where it cannot be read.
    """
    with av.open(str(source)) as footage:
        video = footage.streams.video[0]
        video.thread_type = "NONE"
        graph = av.filter.Graph()
        chain = [graph.add_buffer(template=video)]
        given = [*filters, ("fps", str(rate)), ("format", "yuv420p")]
        chain += [graph.add(name, arguments) for name, arguments in given]
        graph.link_nodes(*chain, graph.add("buffersink")).configure()
        for frame in footage.decode(video):
            if frame.time is not None and last_s is not None and frame.time >= last_s:
                break
            if first_s and (frame.time is None or frame.time < first_s):
                continue
            graph.vpush(frame)
            yield from _drain(graph)
        graph.vpush(None)
        yield from _drain(graph)


def _drain(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return
