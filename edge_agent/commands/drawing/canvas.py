"""A picture to draw on: its size, plates with text, bands, and the file that comes of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from edge_agent.errors import UsageError
from edge_agent.types import ByteArray

Colour: TypeAlias = tuple[int, int, int]  # BGR
Place: TypeAlias = tuple[int, int]

#: Of the classes: orange and light blue.
CLASS_COLOURS: dict[str, Colour] = {"person": (60, 170, 255), "vehicle": (255, 200, 60)}
FONT = cv2.FONT_HERSHEY_SIMPLEX
_DARK, _LIGHT = 24, (235, 235, 235)
BAR_PX = 20
JPEG = (".jpg", ".jpeg")
_QUALITY = {
    ".png": [cv2.IMWRITE_PNG_COMPRESSION, 9],
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 75],
}
_PAD_PX = 2


def scale_to(picture: ByteArray, width: int) -> ByteArray:
    """Return the picture (h, w, 3) scaled to a width, a copy."""
    scale = width / picture.shape[1]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    wh = (width, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, wh, interpolation=how), np.uint8)


def band(text: str, width: int, colour: Colour | None = None) -> ByteArray:
    """Return a dark strip (20, width, 3) with a line of text, after a square of `colour`."""
    strip = np.full((BAR_PX, width, 3), _DARK, np.uint8)
    left = 6
    if colour is not None:
        cv2.rectangle(strip, (6, 4), (18, 16), colour, -1)
        cv2.rectangle(strip, (6, 4), (18, 16), _LIGHT, 1)
        left = 26
    cv2.putText(strip, ascii_only(text), (left, 14), FONT, 0.44, _LIGHT, 1, cv2.LINE_AA)
    return strip


def stack(pictures: Iterable[ByteArray]) -> ByteArray:
    """Return pictures of one width below one another."""
    return np.vstack(tuple(pictures))


def write_plate(canvas: ByteArray, text: str, at: Place, colour: Colour, size: float = 0.3) -> None:
    """Write dark on a plate of `colour`, above `at` or inside the picture."""
    length, high = plate_wh(text, size)
    x = max(0, min(at[0], canvas.shape[1] - length))
    y = min(max(high, at[1]), canvas.shape[0] - 1)
    cv2.rectangle(canvas, (x, y - high), (x + length, y), colour, -1)
    place = (x + _PAD_PX, y - max(_PAD_PX, round(high * 0.25)))
    cv2.putText(canvas, ascii_only(text), place, FONT, size, ink_on(colour), 1, cv2.LINE_AA)


def plate_wh(text: str, size: float) -> Place:
    """Return the width and height in px of a plate with `text`."""
    (length, _), _ = cv2.getTextSize(ascii_only(text), FONT, size, 1)
    return length + 2 * _PAD_PX, round(size * 100 / 3)


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever is read better on a colour."""
    blue, green, red = colour
    return (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 110 else (255, 255, 255)


def ascii_only(text: str) -> str:
    """Return the text as the drawn font has it: it knows no other letters than ASCII."""
    return text.replace("×", "x").replace("·", "-").encode("ascii", "replace").decode()


@dataclass(slots=True)
class Plates:
    """Plates that keep out of each other's way: each takes the freest of several places."""

    canvas: ByteArray
    size: float = 0.42
    taken: list[tuple[int, int, int, int]] = field(default_factory=list)

    def write(self, text: str, places: Iterable[Place], colour: Colour) -> None:
        """Write on the first of `places` (a plate's lower left corner) that is free."""
        length, high = plate_wh(text, self.size)
        best: tuple[int, tuple[int, int, int, int]] | None = None
        for x, y in places:
            x = max(0, min(x, self.canvas.shape[1] - length))
            y = min(max(high, y), self.canvas.shape[0] - 1)
            box = (x, y - high, x + length, y)
            covered = sum(_common(box, other) for other in self.taken)
            if best is None or covered < best[0]:
                best = covered, box
            if covered == 0:
                break
        if best is not None:
            box = best[1]
            self.taken.append(box)
            write_plate(self.canvas, text, (box[0], box[3]), colour, self.size)


def _common(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> int:
    """Return the pixels that two boxes share."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0


def write_still(path: Path, picture: ByteArray, hint: str) -> None:
    """Write a PNG, or a JPEG where the name says so.

    Raises: UsageError where the path cannot be written, with the `hint`.
    """
    kind = ".jpg" if path.suffix.lower() in JPEG else ".png"
    _, data = cv2.imencode(kind, picture, _QUALITY[kind])
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {hint}") from error
