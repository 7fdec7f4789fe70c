"""The demo's cameras: rendered scenes, a folder of videos, or a user's own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress

from edge_agent.commands.camera_reading import refuse_credentials
from edge_agent.commands.probe import probe
from edge_agent.config.environment import camera_variable
from edge_agent.config.urls import camera_url_fault
from edge_agent.errors import AgentError, UsageError
from edge_agent.scenes import DEMO, Order, keep_clips, missing, scene_named
from edge_agent.settings import CameraSettings
from edge_agent.source.address import is_network
from edge_agent.stage.clips import DEMO as DEMO_RECIPE
from edge_agent.stage.clips import cache_folder, prepare_clip
from edge_agent.stage.site import MEDIA_CAMERAS, StageCamera, choose_footage
from edge_agent.types import Layer, Ring

#: Each scene's seed, the scenes that take longest first. Their bodies, houses and figures are
#: held out: the boxed detector has seen none of them in training.
_SEEDS = {"street-corner": 2, "square": 2, "country-uav": 2, "checkpoint": 2}
_FPS = Fraction(10)
_LOOK_S = 0.5  # how long a user's camera is watched before the agent gets it


@dataclass(frozen=True, slots=True)
class Lineup:
    """The demo's cameras, and either a clip for each or where each one answers."""

    cameras: tuple[StageCamera, ...]
    clips: Mapping[str, Path] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    username: str | None = None
    password: SecretStr | None = None

    @property
    def own(self) -> bool:
        """Whether these are a user's cameras, of which nobody knows what they should show."""
        return bool(self.urls)

    def environment(self) -> dict[str, str]:
        """Return the variables that tell the agent the cameras' password."""
        if self.password is None:
            return {}
        secret = self.password.get_secret_value()
        return {camera_variable(camera.id): secret for camera in self.cameras}

    def settings(self, camera: StageCamera, *, target_fps: float) -> CameraSettings:
        """Return how to read a camera's pictures without the stage: from its URL or its clip."""
        url = self.urls.get(camera.id) or str(self.clips[camera.id])
        return CameraSettings(
            id=camera.id, url=url, ring=camera.ring, layer=camera.layer, target_fps=target_fps,
            username=self.username, password=self.password, realtime=False,
        )  # fmt: skip


def render_scenes(console: Console, seconds: float) -> Lineup:
    """Return the four scenes, rendered now or before. Raises: AgentError."""
    scenes = {name: scene_named(name, held_out=True) for name in _SEEDS}
    orders = [
        Order(scene, _SEEDS[name], seconds, _FPS, scene.wh, "h264", Path())
        for name, scene in scenes.items()
    ]
    with _caching() as folder:
        lacking = len(missing(orders, folder))
        if lacking:
            console.print(f"rendering {lacking} scenes into {folder}; the next time they are there")
        with _bar(console, "rendering the scenes", lacking > 0) as progress:
            clips = dict(zip(scenes, keep_clips(orders, folder, progress), strict=True))
    cameras = (StageCamera(name, "", scenes[name].ring, scenes[name].layer) for name in DEMO)
    return Lineup(tuple(cameras), clips)


def film(console: Console, media: Path) -> Lineup:
    """Return cameras that play the videos of a folder, re-encoded now or before.

    Raises: UsageError where it has none, AgentError where one cannot be read.
    """
    footage = choose_footage(MEDIA_CAMERAS, media)
    if not footage:
        raise UsageError(f"demo: --media {media}: no video file in it (mp4, mkv, mov, avi, ts)")
    clips = {}
    with _caching() as folder:
        for camera_id, source in footage.items():
            with _bar(console, f"making clip {source.name}", True) as progress:
                clips[camera_id] = prepare_clip(source, DEMO_RECIPE, folder, progress)
    return Lineup(MEDIA_CAMERAS, clips)


def check_addresses(urls: Sequence[str]) -> None:
    """Raise UsageError where one is no camera's address, or holds what must not be seen."""
    for number, url in enumerate(urls, 1):
        refuse_credentials(url)
        if not is_network(url):
            raise UsageError(
                f"demo: address {number} does not begin with rtsp:// or rtsps://; give "
                "rtsp://HOST[:PORT]/PATH, or --media FOLDER for videos"
            )
        if fault := camera_url_fault(url):
            raise UsageError(f"demo: address {number}: {fault}")


def visit(
    console: Console, urls: Sequence[str], username: str | None, password: SecretStr | None,
    ring: Ring, layer: Layer, folder: Path,
) -> Lineup:  # fmt: skip
    """Return a user's own cameras, each of which has just given a picture.

    Args: `folder` takes the stills that come of it.
    Raises: SourceError naming the camera that gives none, and what to check.
    """
    cameras = tuple(StageCamera(f"camera-{n}", "", ring, layer) for n in range(1, len(urls) + 1))
    named = {camera.id: url for camera, url in zip(cameras, urls, strict=True)}
    lineup = Lineup(cameras, {}, named, username, password)
    for camera in cameras:
        settings = lineup.settings(camera, target_fps=60.0)
        seen = probe(settings, seconds=_LOOK_S, still=folder / f"{camera.id}.png")
        width, height = seen["wh"]
        console.print(f"camera {camera.id} answers: {seen['codec']}, {width}x{height}")
    return lineup


@contextmanager
def _caching() -> Iterator[Path]:
    """Give the user's cache folder. Raises: AgentError where it cannot be written."""
    try:
        yield cache_folder()
    except OSError as error:
        raise AgentError(
            f"demo: clips cannot be kept: {error}; XDG_CACHE_HOME may name another folder"
        ) from error


@contextmanager
def _bar(console: Console, text: str, wanted: bool) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on a terminal from the first word of progress on."""
    shown = wanted and console.is_terminal
    with Progress(console=console, transient=True, disable=not shown) as bars:
        bar = bars.add_task(text, total=1.0, visible=False)
        yield lambda done: bars.update(bar, completed=done, visible=True)
