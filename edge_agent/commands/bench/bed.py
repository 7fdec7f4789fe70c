"""The bed that every measurement lies in: streams, broker and model, pinned away from it.

One load gives one set of RTSP streams. A scene has a few clips and any number of cameras:
each viewer of a server gets a playback of its own, so cameras share addresses, not pictures.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

import av

from edge_agent.commands.bench.tell import Teller
from edge_agent.config.places import boxed_model
from edge_agent.detect import load_manifest
from edge_agent.errors import UsageError
from edge_agent.scenes import DEMO, Hour, frames, render_clip, scene_named
from edge_agent.stage.broker import RunningBroker, start_broker
from edge_agent.stage.cameras import RunningCameras, choose_cameras, start_cameras
from edge_agent.stage.clips import cache_folder
from edge_agent.stage.feed_clips import (
    FeedRecipe,
    feed_clip,
    filling_pictures,
    footage_origin,
    quiet_pictures,
)
from edge_agent.stage.site import (
    BENCH_CAMERAS,
    SHARED_MEDIA,
    SHARED_MODEL,
    choose_footage,
    find_beside,
    measured_cores,
    write_manifest,
)


class SceneKind(StrEnum):
    QUIET = "quiet"  # an empty street with a sensor's noise
    BUSY = "busy"  # footage, else rendered streets


#: Streams that one server process feeds; one takes 2 to 3 ms of CPU a second.
_STREAMS_A_SERVER = 48
#: What stands in for footage: rendered small and slow, the clip's encoder enlarges it.
_RENDERED_WH, _RENDERED_FPS, _RENDERED_S = (640, 360), 12, 12.0
#: GOPs that a quiet clip leaves out at its beginning.
_RUN_IN = 2
_STILL_SEED = 7


@dataclass(frozen=True, slots=True)
class Load:
    """What the measured program is given: so many cameras of one kind."""

    cameras: int
    scene: SceneKind = SceneKind.BUSY
    recipe: FeedRecipe = field(default_factory=FeedRecipe)
    decode: str = "always"
    target_fps: float = 5.0

    def words(self) -> str:
        """Return the load in one line."""
        recipe = self.recipe
        b_frames = f", {recipe.b_frames} B-frames" if recipe.b_frames else ""
        return (
            f"{self.cameras} {self.scene} streams of {recipe.wh[0]}×{recipe.wh[1]} at "
            f"{recipe.fps} fps, {recipe.codec} {recipe.rate}, GOP {recipe.gop}{b_frames}; "
            f"decode {self.decode}, {self.target_fps:g} analysed a second"
        )


@dataclass(frozen=True, slots=True)
class Bed:
    """Everything around the measured programs."""

    folder: Path
    manifest: Path
    model: Path  # the ONNX file that the manifest names
    broker: RunningBroker
    feeders: tuple[RunningCameras, ...]
    urls: tuple[str, ...]  # one a camera, in order; two cameras may share an address
    measured: frozenset[int]  # the core of what is measured
    others: frozenset[int]

    def feeders_cpu_s(self) -> float:
        """Return the CPU time of the servers so far."""
        return sum(feeder.child.cpu_s() for feeder in self.feeders)


@contextlib.contextmanager
def open_bed(
    load: Load | None, manifest: Path | None, tell: Teller, *, all_cores: bool = False
) -> Iterator[Bed]:
    """Set up broker and streams and take them down at the end.

    Args: `load` None leaves the streams out, where the cameras are the user's own; `manifest`
        None means the one found beside the checkout; `all_cores` gives the measured program
        every core, together with the feeders.
    Raises: UsageError where a part is missing, AgentError where one does not come up.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-agent-bench-")))
        manifest = manifest or _manifest(folder)
        measured, others = measured_cores()
        if all_cores:
            measured = others = measured | others
        broker = start_broker(folder, cores=others)
        stack.callback(broker.stop)
        feeders: list[RunningCameras] = []
        if load is not None:
            clips = make_clips(load.scene, load.recipe, tell)
            feeders = _start_feeders(stack, folder, clips, load.cameras, others)
        yield Bed(
            folder=folder,
            manifest=manifest,
            model=load_manifest(manifest).file,
            broker=broker,
            feeders=tuple(feeders),
            urls=_deal(feeders, load.cameras if load else 0),
            measured=measured,
            others=others,
        )


def make_clips(scene: SceneKind, recipe: FeedRecipe, tell: Teller) -> dict[str, Path]:
    """Return the clips of a scene by name, making those that the cache does not have."""
    folder = cache_folder()
    made = {}
    for name, (origin, pictures) in _sources(scene, recipe, folder, tell).items():
        with tell.making(f"{name} {recipe.codec} {recipe.rate} GOP {recipe.gop}") as progress:
            made[name] = feed_clip(
                name, origin, pictures, recipe, folder, progress,
                run_in=_RUN_IN if scene is SceneKind.QUIET else 0,
            )  # fmt: skip
    return made


_Source = tuple[bytes, Callable[[], Iterator[av.VideoFrame]]]


def _sources(
    scene: SceneKind, recipe: FeedRecipe, folder: Path, tell: Teller
) -> dict[str, _Source]:
    if scene is SceneKind.QUIET:
        return {"quiet": (f"still {_STILL_SEED}".encode(), partial(_quiet, recipe))}
    media = find_beside(SHARED_MEDIA)
    footage = choose_footage(BENCH_CAMERAS, media) if media else {}
    if not footage:
        footage = {name: _rendered(name, folder, tell) for name in DEMO}
    return {
        name: (footage_origin(file), partial(filling_pictures, file, recipe))
        for name, file in footage.items()
    }


def _quiet(recipe: FeedRecipe) -> Iterator[av.VideoFrame]:
    street = scene_named("night-street", hour=Hour.DAY, clock=False)
    still, _ = next(iter(frames(street, seed=_STILL_SEED, seconds=1, fps=1, wh=recipe.wh)))
    return quiet_pictures(still, recipe, run_in=_RUN_IN)


def _rendered(name: str, folder: Path, tell: Teller) -> Path:
    """Return a rendered clip of a busy scene, for machines without footage."""
    out = folder / f"bench-scene-{name}.mp4"
    if not out.exists():
        with tell.making(f"scene {name}") as progress:
            render_clip(scene_named(name), seed=3, seconds=_RENDERED_S, fps=_RENDERED_FPS,
                        wh=_RENDERED_WH, out=out, progress=progress)  # fmt: skip
    return out


def _start_feeders(
    stack: contextlib.ExitStack,
    folder: Path,
    clips: dict[str, Path],
    cameras: int,
    cores: frozenset[int],
) -> list[RunningCameras]:
    kind = choose_cameras()
    feeders = []
    for number in range(-(-cameras // _STREAMS_A_SERVER)):
        place = folder / f"feeder-{number}"
        place.mkdir()
        feeders.append(start_cameras(place, clips, kind=kind, cores=cores))
        stack.callback(feeders[-1].stop)
    return feeders


def _deal(feeders: Sequence[RunningCameras], cameras: int) -> tuple[str, ...]:
    """Return an address for each camera, dealt over the servers and over their clips."""
    dealt = []
    for number in range(cameras):
        addresses = list(feeders[number % len(feeders)].urls.values())
        dealt.append(addresses[number // len(feeders) % len(addresses)])
    return tuple(dealt)


def with_cameras(bed: Bed, cameras: int) -> Bed:
    """Return the same bed with the first `cameras` streams only."""
    return replace(bed, urls=bed.urls[:cameras])


@contextlib.contextmanager
def staged_manifest(manifest: Path | None) -> Iterator[Path]:
    """Give the manifest of the model to measure, where no bed is needed."""
    with tempfile.TemporaryDirectory(prefix="edge-agent-bench-") as folder:
        yield manifest or _manifest(Path(folder))


def _manifest(folder: Path) -> Path:
    """Return the manifest of YOLOX-Nano beside the checkout, else of the detector in the box."""
    model = find_beside(SHARED_MODEL)
    if model is not None:
        return write_manifest(folder, model)
    if boxed_model().exists():
        return boxed_model()
    raise UsageError(
        f"bench: no {SHARED_MODEL} in a folder above this one; give --model MANIFEST.toml"
    )
