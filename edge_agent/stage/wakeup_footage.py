"""Pictures of cameras that are quiet for most of the time, made from footage.

Few recordings have quiet stretches. Where one has none, the camera's empty picture is the median
of its frames; a quiet stretch shows that picture with the sensor's noise on it. In a busy stretch
only what moves is laid over it, or only some of the persons, so that the background stays one and
the same. Rain, noise and a burnt-in clock are painted over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from edge_agent.types import ByteArray, FloatArray

Pictures = Iterator[ByteArray]  # (h, w, 3) BGR
_TRUTH_WIDTH = 480  # the pictures that a MOT truth's boxes are in
_MEDIAN_OF = 41  # frames
_GROW = 0.35  # of a person's box, so that shadow and feet come along
_MOVES = 14  # grey levels that a moving thing differs from the empty picture
_STREAK_BGR = (225, 220, 215)


@dataclass(frozen=True, slots=True)
class Busy:
    """A stretch of the recording, in seconds; only the bodies `ids` of its truth if given."""

    start_s: float
    end_s: float
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """A camera made of a recording: seconds of quiet (numbers) and busy stretches in turn."""

    file: str
    fps: float
    parts: tuple[float | Busy, ...]
    width: int = 640
    truth: str | None = None  # a MOT file of boxes, for `Busy.ids`
    grain: float = 2.0  # the sensor's noise in quiet stretches, grey levels


def play(recording: Recording, media: Path, seed: int) -> Pictures:
    """Yield the pictures of `recording` at its rate. Raises: av.FFmpegError, OSError."""
    rng = np.random.default_rng(seed)
    held = _read(media / recording.file, recording)
    quiet = any(not isinstance(part, Busy) for part in recording.parts)
    empty = _median(held) if quiet or recording.truth else None
    boxes = _boxes(media / recording.truth) if recording.truth else {}
    for part in recording.parts:
        if not isinstance(part, Busy):
            assert empty is not None
            for _ in range(round(part * recording.fps)):
                yield add_noise(empty, recording.grain, rng)
            continue
        first, last = (round(s * recording.fps) for s in (part.start_s, part.end_s))
        for index in range(first, min(last, len(held))):
            if empty is None:
                yield held[index]
                continue
            if part.ids:
                here = [boxes[i, index + 1] for i in part.ids if (i, index + 1) in boxes]
                mask = _mask_of_boxes(held[index], here)
            else:
                mask = _mask_of_change(held[index], empty)
            yield _lay_over(add_noise(empty, recording.grain, rng), held[index], mask)


def _read(file: Path, recording: Recording) -> list[ByteArray]:
    """Return the pictures of the file at the recording's rate, as far as its parts reach."""
    until_s = max((part.end_s for part in recording.parts if isinstance(part, Busy)), default=60)
    held: list[ByteArray] = []
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            time_s = frame.time or 0.0
            if time_s >= until_s + 1:
                break
            if time_s * recording.fps < len(held) - 1e-6:
                continue
            height = round(frame.height * recording.width / frame.width / 2) * 2
            small = frame.reformat(width=recording.width, height=height, format="bgr24")
            held.append(small.to_ndarray().astype(np.uint8, copy=False))
    return held


def _median(pictures: list[ByteArray]) -> ByteArray:
    picked = pictures[:: max(1, len(pictures) // _MEDIAN_OF)]
    rows = [np.median(np.stack(lines), axis=0) for lines in zip(*picked, strict=True)]
    return np.stack(rows).astype(np.uint8)


def _boxes(file: Path) -> dict[tuple[int, int], tuple[float, ...]]:
    """Return xywh of (id, frame from 1) of a MOT truth file."""
    found = {}
    for line in file.read_text().splitlines():
        frame, body, *xywh = line.split(",")[:6]
        found[int(body), int(frame)] = tuple(float(value) for value in xywh)
    return found


def _mask_of_boxes(picture: ByteArray, xywh: list[tuple[float, ...]]) -> FloatArray:
    scale = picture.shape[1] / _TRUTH_WIDTH
    mask = np.zeros(picture.shape[:2], np.float32)
    for x, y, w, h in xywh:
        grow_x, grow_y = w * _GROW, h * _GROW / 2
        a = (round((x - grow_x) * scale), round((y - grow_y) * scale))
        b = (round((x + w + grow_x) * scale), round((y + h + grow_y) * scale))
        cv2.rectangle(mask, a, b, 1.0, -1)
    return mask


def _mask_of_change(picture: ByteArray, empty: ByteArray) -> FloatArray:
    off = cv2.absdiff(cv2.blur(picture, (3, 3)), cv2.blur(empty, (3, 3))).max(axis=2)
    moves = (off > _MOVES).astype(np.uint8)
    solid = cv2.morphologyEx(moves, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return cv2.dilate(solid, np.ones((13, 13), np.uint8)).astype(np.float32)


def _lay_over(under: ByteArray, picture: ByteArray, mask: FloatArray) -> ByteArray:
    """Return `under` with `picture` where `mask` (h, w) is 1, soft-edged."""
    soft = cv2.blur(mask, (9, 9))[:, :, None]
    return (under * (1 - soft) + picture * soft).astype(np.uint8)


def add_noise(picture: ByteArray, sigma: float, rng: np.random.Generator) -> ByteArray:
    """Return `picture` with a sensor's noise of `sigma` grey levels, somewhat soft."""
    grain: FloatArray = rng.standard_normal(picture.shape[:2], np.float32) * np.float32(sigma * 1.6)
    grain = cv2.blur(grain, (2, 2)).astype(np.float32)
    noised: ByteArray = np.clip(picture + grain[:, :, None], 0, 255).astype(np.uint8)
    return noised


def noisy(pictures: Iterable[ByteArray], sigma: float, seed: int) -> Pictures:
    """Yield `pictures` with noise of `sigma` grey levels."""
    rng = np.random.default_rng(seed)
    for picture in pictures:
        yield add_noise(picture, sigma, rng)


def rainy(pictures: Iterable[ByteArray], drops: int, seed: int) -> Pictures:
    """Yield `pictures` with `drops` streaks of rain each, others in every picture."""
    rng = np.random.default_rng(seed)
    for picture in pictures:
        height, width = picture.shape[:2]
        wet = picture.copy()
        for x, y, length in zip(
            rng.integers(0, width, drops),
            rng.integers(0, height, drops),
            rng.integers(height // 30, height // 10, drops),
            strict=True,
        ):
            end = (int(x + length // 6), int(y + length))
            cv2.line(wet, (int(x), int(y)), end, _STREAK_BGR, 1, cv2.LINE_AA)
        yield cv2.addWeighted(picture, 0.65, wet, 0.35, 0).astype(np.uint8, copy=False)


def clocked(pictures: Iterable[ByteArray], fps: float) -> Pictures:
    """Yield `pictures` with a clock burnt in, whose seconds change once a second."""
    for index, picture in enumerate(pictures):
        second = int(index / fps)
        text = f"2026-03-14 22:{second // 60:02d}:{second % 60:02d}"
        scale = picture.shape[1] / 900
        stamped = picture.copy()
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(
                stamped, text, (8, int(34 * scale) + 4), cv2.FONT_HERSHEY_SIMPLEX, scale, colour,
                thickness, cv2.LINE_AA,
            )  # fmt: skip
        yield stamped
