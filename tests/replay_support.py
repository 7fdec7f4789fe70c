"""Sites and footage for the tests of replay and draw."""

from fractions import Fraction
from pathlib import Path

import av
from typer.testing import CliRunner, Result

from edge_agent.cli import app
from tests.toy_model import Blob, paint, write_toy_yolox

WH = (640, 360)
CAMERA = """
[[camera]]
id = "{id}"
url = "rtsp://192.0.2.1/stream"
ring = "rural"
layer = "portrait"
target_fps = 5.0
"""
#: The right half of the picture, a line down its middle, and rules for both.
RULES = """
[[camera.zones]]
id = "right"
polygon = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]

[[camera.lines]]
id = "middle"
points = [[0.5, 0.0], [0.5, 1.0]]

[[camera.rules]]
id = "comes-in"
kind = "enter"
zone = "right"

[[camera.rules]]
id = "crosses"
kind = "crossing"
line = "middle"
"""
#: A scene of 12 s: one person walks from the left of the picture to its right.
WALK = """
[[footage]]
place = "empty"
seconds = 12
fps = 10
wh = [640, 360]
view = { at = [0.0, -12.0, 4.0], yaw = 90.0, pitch = -12.0, hfov = 60.0 }

[[footage.actors]]
path = [[-7, 0], [7, 0]]
speed = 1.4
"""


def site(folder: Path, *more: str, camera: str = CAMERA.format(id="yard"), head: str = "") -> Path:
    """Write a site file of one camera; `more` follows the camera, `head` comes before it."""
    path = folder / "site.toml"
    text = f'site = "test"\nagent_id = "box"\n{head}\n{camera}\n' + "\n".join(more)
    path.write_text(text)
    return path


def toy_site(folder: Path, *more: str) -> Path:
    """Write a site file whose detector finds coloured rectangles."""
    manifest = write_toy_yolox(folder)
    return site(folder, *more, head=f'[model]\nmanifest = "{manifest}"')


def footage(folder: Path, text: str = WALK) -> Path:
    path = folder / "footage.toml"
    path.write_text(text)
    return path


def walking(index: int) -> tuple[Blob, ...]:
    """Return a person that walks right, 8 px a picture."""
    left = 40.0 + 8 * index
    return (("person", (left, 120.0, left + 48, 260.0)),)


def write_clip(path: Path, pictures: int = 50, fps: int = 10) -> Path:
    """Write a clip in which a red person walks from left to right."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *WH, "yuv420p"
        stream.time_base = Fraction(1, fps)
        for index in range(pictures):
            frame = av.VideoFrame.from_ndarray(paint(WH, *walking(index)), "bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def run(*arguments: object) -> Result:
    """Run the command line within this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])
