"""Clips of scenes: pictures encoded with H.264 or H.265, their truth beside them."""

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, cast

import av
import cv2

from edge_agent.errors import AgentError, UsageError
from edge_agent.scenes.render import build_stage, frames
from edge_agent.scenes.stage import Scene, Stage
from edge_agent.scenes.truth import ClipTruth, FrameTruth, write_truth
from edge_agent.scenes.view import view_of
from edge_agent.types import Point, Wh

Progress = Callable[[float], None]

_ENCODERS = {
    "h264": ("libx264", {"preset": "veryfast", "crf": "23"}),
    "h265": ("libx265", {"preset": "ultrafast", "crf": "25"}),
}
_KEYFRAME_S = 2.0
_LOOK_S = 0.1  # how often progress of other processes is looked at


@dataclass(frozen=True, slots=True)
class Order:
    """A clip to make: the arguments of `render_clip`."""

    scene: Scene
    seed: int
    seconds: float
    fps: Fraction
    wh: Wh
    codec: str
    out: Path


def truth_path(clip: Path) -> Path:
    """Return the path of the truth beside a clip."""
    return clip.with_suffix(".truth.jsonl.gz")


def render_clip(
    scene: Scene, *, seed: int, seconds: float, fps: float | Fraction, wh: Wh | None = None,
    codec: str = "h264", out: Path, progress: Progress | None = None,
) -> ClipTruth:  # fmt: skip
    """Write a clip to `out` (the suffix chooses the container) and its truth beside it.

    Args: `wh` even numbers, the scene's own if None; `codec` h264 or h265; `progress` hears
    the part done, 0..1, after each frame.
    Returns: what the truth file holds.
    Raises: UsageError naming an unknown scene or codec, or a size that is not even.
    """
    wh = wh or scene.wh
    if codec not in _ENCODERS:
        raise UsageError(f"codec {codec!r}: not one of {', '.join(_ENCODERS)}")
    if wh[0] % 2 or wh[1] % 2:
        raise UsageError(f"a clip of {wh[0]}×{wh[1]}: 4:2:0 colour needs even sizes")
    rate = Fraction(fps).limit_denominator(1001)
    count = round(seconds * rate)
    seen: list[FrameTruth] = []
    partial = out.with_name(out.name + ".partial")
    with av.open(str(partial), "w", format=_container(out)) as container:
        stream = _add_stream(container, codec, rate, wh)
        for picture, truth in frames(scene, seed=seed, seconds=seconds, fps=float(rate), wh=wh):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", threads=1)
            frame.pts, frame.time_base = truth.index, 1 / rate
            container.mux(stream.encode(frame))
            seen.append(truth)
            if progress is not None:
                progress((truth.index + 1) / count)
        container.mux(stream.encode(None))
    clip = _head(scene, seed, float(rate), wh, codec, tuple(seen))
    write_truth(clip, truth_path(out))
    partial.replace(out)  # a clip that is there is whole, and its truth is there too
    return clip


def _container(out: Path) -> str:
    return {".mkv": "matroska", ".h264": "h264", ".h265": "hevc"}.get(out.suffix, "mp4")


def _add_stream(container: Any, codec: str, rate: Fraction, wh: Wh) -> Any:
    """Add the stream as a camera would send it: no B-frames, a keyframe every two seconds."""
    encoder, options = _ENCODERS[codec]
    gop = max(1, round(_KEYFRAME_S * rate))
    if codec == "h265":
        x265 = f"log-level=none:pools=none:frame-threads=1:keyint={gop}:min-keyint={gop}"
        options = options | {"x265-params": f"{x265}:bframes=0:scenecut=0"}
    else:
        options = options | {"sc_threshold": "0"}
    stream = container.add_stream(encoder, rate=rate, options=options | {"threads": "1"})
    stream.width, stream.height = wh
    stream.pix_fmt = "yuv420p"
    stream.time_base = 1 / rate
    context = stream.codec_context
    context.gop_size, context.max_b_frames = gop, 0
    context.colorspace, context.color_range = 1, 1  # BT.709, limited range
    return stream


def _head(
    scene: Scene, seed: int, fps: float, wh: Wh, codec: str, seen: tuple[FrameTruth, ...]
) -> ClipTruth:
    stage = build_stage(scene, seed)
    return ClipTruth(
        {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(scene).items()},
        seed, fps, wh, codec, stage.gates, gates_in_picture(stage, wh), seen,
    )  # fmt: skip


def gates_in_picture(stage: Stage, wh: Wh) -> tuple[tuple[Point | None, ...], ...]:
    """Return the corners of a stage's gates in the first frame, px; None behind the camera."""
    view = view_of(stage.rig.pose_at(0.0), wh)
    found = []
    for gate in stage.gates:
        px = view.project([(x, y, 0.0) for x, y in gate.points])
        found.append(tuple(None if p[0] != p[0] else (float(p[0]), float(p[1])) for p in px))
    return tuple(found)


def render_clips(
    orders: Sequence[Order], *, processes: int = 2, progress: Progress | None = None
) -> None:
    """Make several clips at once, each with its truth, in processes of their own.

    The longest first: order the costliest scene first. `progress` hears the part done of all.
    Whatever ends this call early, Ctrl-C too, ends the processes with it.
    Raises: AgentError naming a clip whose process failed; its own words are on stderr.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
    done = context.Array("d", len(orders))
    waiting = list(enumerate(orders))
    running: dict[int, tuple[Order, SpawnProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                index, order = waiting.pop(0)
                process = context.Process(target=_render_order, args=(done, index, order))
                process.start()
                running[process.sentinel] = order, process
            for ended in wait(list(running), timeout=_LOOK_S):
                _close(*running.pop(cast(int, ended)))
            if progress is not None:
                progress(sum(done[:]) / len(orders))
    finally:
        for _, process in running.values():
            process.kill()
            process.join()


def _close(order: Order, process: SpawnProcess) -> None:
    process.join()
    if process.exitcode:
        raise AgentError(
            f"clip {order.out.name}: the process that rendered it ended with status "
            f"{process.exitcode}; no clip made"
        )


def _render_order(done: Any, index: int, order: Order) -> None:
    """Render in a process of its own, which ends when the one that ordered is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that ordered
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()

    def tell(part: float) -> None:
        done[index] = part
        if parent is not None and not parent.is_alive():
            raise SystemExit(1)

    render_clip(
        order.scene, seed=order.seed, seconds=order.seconds, fps=order.fps, wh=order.wh,
        codec=order.codec, out=order.out, progress=tell,
    )  # fmt: skip
