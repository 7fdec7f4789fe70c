"""What is drawn over a camera's picture: areas and lines of its rules, tracks, events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from edge_agent.commands.drawing.canvas import (
    CLASS_COLOURS,
    FONT,
    Colour,
    Place,
    Plates,
    band,
    scale_to,
    stack,
)
from edge_agent.settings import CameraSettings
from edge_agent.settings.rings import PerimeterSettings
from edge_agent.types import ByteArray, ObjectClass, Point, Severity, Tracks

#: The scheme's colours of severities; black is drawn as white's opposite, on a light edge.
SEVERITY_COLOURS: Mapping[str, Colour] = {
    Severity.INFO: (90, 190, 60),
    Severity.NOTICE: (230, 140, 40),
    Severity.WARNING: (50, 50, 230),
    Severity.CRITICAL: (0, 0, 0),
}
_ZONE: Colour = (120, 220, 90)
_LINE: Colour = (235, 90, 235)
_IGNORE: Colour = (150, 150, 150)
#: Of a perimeter's levels from the outermost in: yellow to red.
_LEVELS: tuple[Colour, ...] = ((80, 230, 250), (40, 150, 255), (60, 60, 240))
_EDGE: Colour = (20, 20, 20)
_FILL = 0.14
_ARROW_PX = 26


@dataclass(frozen=True, slots=True)
class Note:
    """An event as it is drawn: its line of text, and whose boxes stand out."""

    text: str
    severity: str
    tracks: tuple[tuple[int, tuple[float, float, float, float]], ...] = ()  # id, px of the frame
    zones: tuple[str, ...] = ()
    now: bool = True  # of this very picture; else it happened a moment ago


@dataclass(frozen=True, slots=True)
class Marks:
    """What is drawn over one picture of a camera."""

    camera: CameraSettings
    perimeters: Sequence[PerimeterSettings] = ()
    tracks: Tracks | None = None
    classes: Sequence[ObjectClass] = ()
    trails: Mapping[int, Sequence[Point]] = field(default_factory=dict)  # 0..1, by track
    notes: Sequence[Note] = ()


def draw_marks(picture: ByteArray, marks: Marks, caption: str, width: int) -> ByteArray:
    """Return the picture (h, width, 3) with its marks, a caption above and events below."""
    canvas = scale_to(picture, width)
    plates = Plates(canvas)
    _draw_ignored(canvas, plates, marks.camera)
    lit = {zone for note in marks.notes if note.now for zone in note.zones}
    for level in _levels(marks):
        _draw_area(canvas, plates, *level)
    for zone_id, polygon in marks.camera.zone_polygons():
        _draw_area(canvas, plates, zone_id, polygon, _ZONE, bold=zone_id in lit)
    for line_id, points in marks.camera.line_points():
        _draw_line(canvas, plates, line_id, points)
    _draw_arrows(canvas, plates, marks.camera)
    _draw_noted(canvas, marks, width / picture.shape[1])
    if marks.tracks is not None:
        _draw_tracks(canvas, plates, marks, marks.tracks)
    bands = [band(note.text, width, SEVERITY_COLOURS[note.severity]) for note in marks.notes]
    return stack((band(caption, width), canvas, *bands))


def _px(
    canvas: ByteArray, points: Sequence[Point]
) -> "np.ndarray[tuple[int, int], np.dtype[np.int32]]":
    """Return (N, 2) pixels of points in 0..1."""
    size = np.array((canvas.shape[1] - 1, canvas.shape[0] - 1), np.float64)
    return np.rint(np.asarray(points, np.float64) * size).astype(np.int32)


def _levels(marks: Marks) -> list[tuple[str, Sequence[Point], Colour]]:
    """Return the levels of the perimeters that this camera shows, outermost first."""
    found: list[tuple[str, Sequence[Point], Colour]] = []
    for perimeter in marks.perimeters:
        for place, level in enumerate(perimeter.levels):
            colour = _LEVELS[min(place * len(_LEVELS) // len(perimeter.levels), 2)]
            for part in perimeter.parts:
                if part.camera == marks.camera.id and part.level == level:
                    found.append((f"{perimeter.id}: {level}", part.polygon, colour))
    return found


def _draw_area(
    canvas: ByteArray,
    plates: Plates,
    name: str,
    polygon: Sequence[Point],
    colour: Colour,
    *,
    bold: bool = False,
) -> None:
    """Draw a polygon lightly filled, its name at one of its corners."""
    corners = _px(canvas, polygon)
    _tint(canvas, corners, colour, _FILL * (2 if bold else 1))
    cv2.polylines(canvas, [corners], True, _EDGE, 5 if bold else 4, cv2.LINE_AA)
    cv2.polylines(canvas, [corners], True, colour, 3 if bold else 2, cv2.LINE_AA)
    plates.write(name, _corner_places(corners), colour)


def _tint(
    canvas: ByteArray,
    corners: "np.ndarray[tuple[int, int], np.dtype[np.int32]]",
    colour: Colour,
    share: float,
) -> None:
    """Mix a colour into the inside of a polygon."""
    inside = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(inside, [corners], 1)
    mask = inside.astype(np.bool_)
    mixed = canvas[mask] * (1 - share) + np.array(colour) * share
    canvas[mask] = mixed.astype(np.uint8)


def _corner_places(corners: "np.ndarray[tuple[int, int], np.dtype[np.int32]]") -> list[Place]:
    """Return places for a name: at the corners from the top, then along the edges."""
    rows = sorted(((int(x), int(y)) for x, y in corners), key=lambda p: (p[1], p[0]))
    middles = [
        (int(a[0] + b[0]) // 2, int(a[1] + b[1]) // 2)
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]
    return [(x + dx, y + dy) for dx, dy in ((0, 0), (4, 18)) for x, y in [*rows, *middles]]


def _draw_ignored(canvas: ByteArray, plates: Plates, camera: CameraSettings) -> None:
    """Hatch what is ignored."""
    for polygon in camera.ignore:
        corners = _px(canvas, polygon)
        inside = np.zeros(canvas.shape[:2], np.uint8)
        cv2.fillPoly(inside, [corners], 1)
        y, x = np.indices(canvas.shape[:2], np.int32)
        hatched = ((x + y) % 14 < 3) & inside.astype(np.bool_)
        canvas[hatched] = _IGNORE
        cv2.polylines(canvas, [corners], True, _IGNORE, 1, cv2.LINE_AA)
        plates.write("ignored", _corner_places(corners), _IGNORE)


def _draw_line(canvas: ByteArray, plates: Plates, name: str, points: Sequence[Point]) -> None:
    """Draw a line with its direction, the letters of its sides, and an arrow from A to B."""
    px = _px(canvas, points)
    cv2.polylines(canvas, [px], False, _EDGE, 4, cv2.LINE_AA)
    cv2.polylines(canvas, [px], False, _LINE, 2, cv2.LINE_AA)
    a, b = px[(len(px) - 1) // 2].astype(float), px[(len(px) - 1) // 2 + 1].astype(float)
    middle, along = (a + b) / 2, (b - a) / max(float(np.hypot(*(b - a))), 1.0)
    right = np.array((-along[1], along[0]))  # of the way from a to b, y down
    start, end = middle - right * _ARROW_PX, middle + right * _ARROW_PX
    cv2.arrowedLine(canvas, _at(start), _at(end), _EDGE, 4, cv2.LINE_AA, tipLength=0.3)
    cv2.arrowedLine(canvas, _at(start), _at(end), _LINE, 2, cv2.LINE_AA, tipLength=0.3)
    for letter, place in (("A", start - right * 10), ("B", end + right * 10)):
        x, y = _at(place)
        for colour, thick in ((_EDGE, 4), (_LINE, 1)):
            cv2.putText(canvas, letter, (x - 5, y + 5), FONT, 0.5, colour, thick, cv2.LINE_AA)
    ends = [(int(x) + 4, int(y)) for x, y in (px[0], px[-1])]
    plates.write(name, [*ends, (_at(middle)[0] + 8, _at(middle)[1] + 24)], _LINE)


def _draw_arrows(canvas: ByteArray, plates: Plates, camera: CameraSettings) -> None:
    """Draw the ways that direction rules look for."""
    for rule in camera.rules:
        if rule.arrow is not None:
            px = _px(canvas, rule.arrow)
            cv2.arrowedLine(canvas, _at(px[0]), _at(px[1]), _EDGE, 5, cv2.LINE_AA, tipLength=0.15)
            cv2.arrowedLine(canvas, _at(px[0]), _at(px[1]), _LINE, 2, cv2.LINE_AA, tipLength=0.15)
            x, y = _at(px[0])
            plates.write(rule.id, [(x + 6, y), (x + 6, y + 20), (x - 40, y - 16)], _LINE)


def _at(point: Sequence[float]) -> Place:
    return round(float(point[0])), round(float(point[1]))


def _draw_tracks(canvas: ByteArray, plates: Plates, marks: Marks, tracks: Tracks) -> None:
    """Draw confirmed tracks: box, number and class, and the way that the foot went."""
    width, height = tracks.ref.wh
    scale = np.array((canvas.shape[1] / width, canvas.shape[0] / height) * 2)
    for i in np.flatnonzero(tracks.confirmed):
        track_id = int(tracks.track_id[i])
        what = marks.classes[int(tracks.class_id[i])]
        colour = CLASS_COLOURS.get(what.name, _ZONE)
        x0, y0, x1, y1 = (round(float(v)) for v in tracks.xyxy[i] * scale)
        trail = marks.trails.get(track_id, ())
        if len(trail) > 1:
            cv2.polylines(canvas, [_px(canvas, trail)], False, colour, 1, cv2.LINE_AA)
        coasts = tracks.det_row[i] < 0
        if coasts:
            _dash(canvas, (x0, y0, x1, y1), colour)
        else:
            cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, 1, cv2.LINE_AA)
        cv2.circle(canvas, ((x0 + x1) // 2, y1), 3, colour, -1, cv2.LINE_AA)
        rests = " parked" if what.name == "vehicle" else " stands"
        state = rests if tracks.stationary[i] else " hidden" if coasts else ""
        words = f"{track_id} {what.subclass or what.name}{state}"
        plates.write(words, [(x0, y0), (x1 + 2, y0 + 14), (x0, y1 + 16)], colour)


def _dash(canvas: ByteArray, box: tuple[int, int, int, int], colour: Colour) -> None:
    x0, y0, x1, y1 = box
    for x in range(x0, x1, 8):
        for y in (y0, y1):
            cv2.line(canvas, (x, y), (min(x + 4, x1), y), colour, 1)
    for y in range(y0, y1, 8):
        for x in (x0, x1):
            cv2.line(canvas, (x, y), (x, min(y + 4, y1)), colour, 1)


def _draw_noted(canvas: ByteArray, marks: Marks, scale: float) -> None:
    """Frame the objects of this picture's events in the events' colours; mark where others were."""
    for note in marks.notes:
        colour = SEVERITY_COLOURS[note.severity]
        for _, box in note.tracks:
            x0, y0, x1, y1 = (round(value * scale) for value in box)
            if note.now:
                cv2.rectangle(canvas, (x0 - 3, y0 - 3), (x1 + 3, y1 + 3), (255, 255, 255), 4)
                cv2.rectangle(canvas, (x0 - 3, y0 - 3), (x1 + 3, y1 + 3), colour, 2)
            else:
                foot = ((x0 + x1) // 2, y1)
                cv2.circle(canvas, foot, 7, (255, 255, 255), -1, cv2.LINE_AA)
                cv2.circle(canvas, foot, 5, colour, -1, cv2.LINE_AA)
