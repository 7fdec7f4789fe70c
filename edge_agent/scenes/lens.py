"""From light to a camera's picture: exposure, rain, infrared, blur, noise, the burnt-in clock."""

import cv2
import numpy as np

from edge_agent.scenes.light import Hour, Weather, infrared_fall
from edge_agent.scenes.raster import spread
from edge_agent.scenes.stage import Scene
from edge_agent.types import ByteArray, FloatArray, Wh

_DRIFT = 96  # px by which banks of noise and rain exceed the picture
_START_S = 8 * 3600 + 14 * 60 + 7  # what the burnt-in clock says at the first frame, by day
_DARK_S = 12 * 3600  # and how much later in the dark


class Lens:
    """One camera's optics and sensor; the same seed gives the same grain in the same frame."""

    def __init__(self, scene: Scene, seed: int, wh: Wh) -> None:
        rng = np.random.default_rng([41, seed])
        self._scene, self._seed, self._wh = scene, seed, wh
        dark = scene.hour in (Hour.NIGHT, Hour.INFRARED)
        shape = (wh[1] + _DRIFT, wh[0] + _DRIFT)
        level = {Hour.DAY: 0.012, Hour.DUSK: 0.02, Hour.NIGHT: 0.032, Hour.INFRARED: 0.028}
        grain = rng.standard_normal(shape, np.float32)
        # A camera's own noise filter leaves soft grain, stronger in brightness than in colour.
        soft = cv2.GaussianBlur(grain, (0, 0), 0.7) * 1.9
        self._grain = soft * np.float32(level[scene.hour] * scene.noise)
        self._rain = _rain(rng, shape) if scene.weather is Weather.RAIN else None
        self._blur = float(rng.uniform(0.35, 0.75)) * (1.2 if dark else 1.0)
        self._sharpen = float(rng.uniform(0.2, 0.8))
        self._tint = rng.uniform(0.95, 1.05, 3).astype(np.float32)
        self._gain: FloatArray | None = None  # (h, w, 3)
        y, x = np.mgrid[-1 : 1 : wh[1] * 1j, -1 : 1 : wh[0] * 1j].astype(np.float32)
        self._vignette = 1 - np.float32(rng.uniform(0.04, 0.16)) * (x * x + y * y)

    def take(self, light: FloatArray, depth: FloatArray, index: int, time_s: float) -> ByteArray:
        """Return the picture (h, w, 3) that the sensor makes of the light that falls on it."""
        rng = np.random.default_rng([43, self._seed, index])
        picture = light
        if self._scene.hour is Hour.INFRARED:
            picture = _infrared(picture, depth)
        if self._gain is None:
            tint = 1.0 if self._scene.hour is Hour.INFRARED else self._tint
            gain = spread(self._vignette) * self._expose(picture) * tint
            self._gain = gain.astype(np.float32)
        picture = picture * self._gain
        if self._rain is not None:
            streaks = _crop(self._rain, rng, self._wh)
            picture += spread(streaks * np.float32(0.35 * min(1.0, 0.3 + picture.mean())))
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), self._blur), np.float32)
        if self._sharpen > 0.3:
            soft = cv2.GaussianBlur(picture, (0, 0), 1.4) * np.float32(self._sharpen)
            picture *= np.float32(1 + self._sharpen)
            picture -= soft
        grain = _crop(self._grain, rng, self._wh)
        picture += spread(grain)
        taken = _tone(picture)
        if self._scene.clock:
            burn_clock(taken, self._clock_text(time_s))
        return taken

    def _expose(self, picture: FloatArray) -> float:
        """Return the gain that a camera settles on, within what its sensor can do."""
        aim, most = {
            Hour.DAY: (0.47, 1.25), Hour.DUSK: (0.36, 1.6), Hour.NIGHT: (0.24, 2.4),
            Hour.INFRARED: (0.3, 1.6),
        }[self._scene.hour]  # fmt: skip
        return float(np.clip(aim / max(float(picture.mean()), 1e-3), 0.75, most))

    def _clock_text(self, time_s: float) -> str:
        second = int(_START_S + time_s)
        if self._scene.hour is not Hour.DAY:
            second += _DARK_S
        return f"2026-05-14 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _crop(bank: FloatArray, rng: np.random.Generator, wh: Wh) -> FloatArray:
    x, y = rng.integers(0, _DRIFT, 2)
    return bank[y : y + wh[1], x : x + wh[0]]


def _rain(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Return a bank of slanting streaks, 0..1."""
    drops = (rng.random(shape) < 0.0016).astype(np.float32)
    length = max(5, shape[0] // 40)
    kernel = np.zeros((length, length), np.float32)
    slant = int(rng.integers(0, length // 3 + 1))
    cv2.line(kernel, (length // 2 + slant // 2, 0), (length // 2 - slant // 2, length - 1), 1.0)
    return np.minimum(cv2.filter2D(drops, -1, kernel), 1.0)


def _infrared(picture: FloatArray, depth: FloatArray) -> FloatArray:
    """Return what a camera sees by its own infrared lamp: grey, bright near, black far off."""
    grey: FloatArray = picture @ np.array([0.3, 0.4, 0.3], np.float32)
    # Cloth and leaves of any colour throw back much infrared: contrasts shrink upwards.
    grey = np.asarray(grey * 0.75 + 0.16 * np.minimum(grey * 8, 1), np.float32)
    return spread(grey * infrared_fall(depth))


def _tone(picture: FloatArray) -> ByteArray:
    """Return bytes, with the soft shoulder that keeps lamps from ending in flat white."""
    np.maximum(picture, 0, out=picture)
    bright = picture > 0.8
    over = picture[bright] - np.float32(0.8)
    picture[bright] = 0.8 + over / (1 + 5 * over)
    return np.asarray(cv2.convertScaleAbs(picture, alpha=255), np.uint8)


def burn_clock(picture: ByteArray, text: str) -> None:
    """Write `text` into the upper left corner, white with a black rim."""
    height = picture.shape[0]
    scale = max(0.35, height / 900)
    at = (round(height * 0.02), round(height * 0.02 + 24 * scale))
    thick = max(1, round(scale * 1.6))
    for colour, width in (((0, 0, 0), thick + 2), ((245, 245, 245), thick)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA)
