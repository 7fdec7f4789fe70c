"""The named cells of `bench-wakeup`: what a camera sees, and how it encodes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from edge_agent.scenes import Hour, Weather, frames, scene_named
from edge_agent.stage.wakeup_clips import Encoding, clip_file, encode_all
from edge_agent.stage.wakeup_footage import (
    Busy,
    Pictures,
    Recording,
    clocked,
    noisy,
    play,
    rainy,
)
from edge_agent.types import ByteArray


@dataclass(frozen=True, slots=True)
class Rendered:
    """A camera in the rendered town."""

    scene: str
    crowd: float
    seed: int
    seconds: float
    fps: float
    hour: Hour = Hour.DAY
    weather: Weather = Weather.CLEAR
    clock: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What a camera sees; `rain` in streaks a picture, `noise` in grey levels."""

    of: Recording | Rendered
    rain: int = 0
    noise: float = 0.0
    clock: bool = False

    @property
    def fps(self) -> Fraction:
        return Fraction(str(self.of.fps))


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the table."""

    place: str
    encoding: Encoding

    @property
    def name(self) -> str:
        e = self.encoding
        level = str(e.level) if e.rate == "crf" else f"{e.level}k"
        extra = {"libx265": "-h265", "mpeg4": "-mpeg4"}.get(e.codec, "")
        extra += "-b" if e.b_frames else ""
        return f"{self.place} {e.rate}{level} {e.gop_s:g}s{extra}"


_ROOM = Recording("one-by-one-person-detection_768x432.mp4", 10, (Busy(0, 66),), width=768)
_STREET = Recording(
    "pets_street_480x360.mp4",
    10,
    (8.0, Busy(10.6, 22.2, (16,)), 15.0, Busy(22.3, 30, (1,)), 14.0, Busy(12.4, 20, (17,)), 8.0),
    width=480,
    truth="truth/pets_street_480x360.frames-1-400.mot.txt",
)
_MOTORWAY = Recording(
    "motorway_640x360.mp4", 15, (14.0, Busy(1, 5), 15.0, Busy(12, 16), 15.0, Busy(20, 24), 5.0)
)
_TUNNEL = Recording(
    "cctv_tunnel_640x360.mp4", 12.5, (14.0, Busy(0, 4), 15.0, Busy(6, 9), 15.0, Busy(11, 14), 4.0)
)
_IR = Recording("night_ir_hevc_960x1088.mp4", 15, (Busy(0, 60),))
_PATH = Recording("pedestrian_mpeg4_640x360.mp4", 12, (14.0, Busy(0, 10), 15.0, Busy(15, 22), 12.0))
_ROAD = Rendered("checkpoint", 0.035, 18, 64, 12.5)

PLACES: dict[str, Place] = {
    "room": Place(_ROOM),
    "room-noise": Place(_ROOM, noise=5.0),
    "street": Place(_STREET),
    "street-rain": Place(_STREET, rain=120),
    "street-clock": Place(_STREET, clock=True),
    "motorway": Place(_MOTORWAY),
    "tunnel-clock": Place(_TUNNEL, clock=True),
    "ir-still": Place(_IR),
    "path": Place(_PATH),
    "road": Place(_ROAD),
    "road25": Place(replace(_ROAD, seed=11, fps=25)),
    "road-rain": Place(replace(_ROAD, weather=Weather.RAIN, seed=1)),
    "road-fog": Place(replace(_ROAD, weather=Weather.FOG, seed=23)),
    "road-night": Place(replace(_ROAD, hour=Hour.NIGHT, clock=True, seed=6)),
    "road-ir": Place(replace(_ROAD, hour=Hour.INFRARED, seed=4)),
    "corner": Place(Rendered("street-corner", 0.03, 16, 64, 12.5)),
    "night-empty": Place(Rendered("night-street", 1.0, 1, 60, 12.5, hour=Hour.NIGHT, clock=True)),
}


def _cells() -> Iterator[Cell]:
    crf1, crf2 = Encoding("crf", 23, 1.0), Encoding("crf", 23, 2.0)
    for place in PLACES:
        yield Cell(place, crf2)
    for place in ("room", "street", "road25"):
        yield Cell(place, crf1)
    yield Cell("road", Encoding("crf", 30, 2.0))
    yield Cell("street", Encoding("crf", 23, 2.0, b_frames=2))
    yield Cell("corner", Encoding("abr", 300, 2.0))
    yield Cell("road", Encoding("crf", 26, 2.0, codec="libx265"))
    yield Cell("room", Encoding("crf", 23, 30.0))
    yield Cell("room", Encoding("abr", 250, 2.0, codec="mpeg4"))
    for place, kbit in (("room", 120), ("street", 250), ("road", 400)):
        yield Cell(place, Encoding("abr", kbit, 2.0))
    for place, kbit in (
        ("room", 120), ("room", 400), ("street", 250), ("road", 400), ("motorway", 500),
        ("road-night", 300), ("street-rain", 400),
    ):  # fmt: skip
        yield Cell(place, Encoding("cbr", kbit, 2.0))


CELLS: tuple[Cell, ...] = tuple(_cells())


def show(place: Place, media: Path) -> Pictures:
    """Yield a place's pictures."""
    pictures: Iterator[ByteArray]
    of = place.of
    if isinstance(of, Rendered):
        scene = scene_named(
            of.scene, crowd=of.crowd, hour=of.hour, weather=of.weather, clock=of.clock
        )
        shown = frames(scene, seed=of.seed, seconds=of.seconds, fps=of.fps, wh=(640, 360))
        pictures = (picture for picture, _ in shown)
    else:
        pictures = play(of, media, seed=1)
    if place.rain:
        pictures = rainy(pictures, place.rain, seed=2)
    if place.noise:
        pictures = noisy(pictures, place.noise, seed=3)
    return clocked(pictures, of.fps) if place.clock else pictures


def prepare(place: str, cells: list[Cell], media: Path, folder: Path) -> Mapping[Cell, Path]:
    """Return the clips of a place's cells, making those that the cache lacks.

    Raises: AgentError where the footage cannot be read or encoded.
    """
    clips = {cell: clip_file(folder, place, PLACES[place], cell.encoding) for cell in cells}
    missing = {clip: cell.encoding for cell, clip in clips.items() if not clip.exists()}
    if missing:
        encode_all(show(PLACES[place], media), PLACES[place].fps, missing)
    return clips
