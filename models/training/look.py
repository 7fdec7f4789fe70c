"""How a training picture looks: light, night, infrared, weather, blur, sensor and codec noise."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Rng = np.random.Generator

_DARK = 70.0  # mean grey level


def weathered(bgr: Image, rng: Rng) -> Image:
    """Return the picture as another camera at another hour might have taken it.

    One change of light, then perhaps weather, then what the lens, sensor and codec do.
    """
    light = rng.choice(4, p=(0.62, 0.16, 0.14, 0.08))
    bgr = (_colours, _night, _grey, _tinted)[light](bgr, rng)
    for odds, change in _CHANGES:
        if rng.random() < odds:
            bgr = change(bgr, rng)
    return bgr


def _table(bgr: NDArray[Any], values: NDArray[np.float64]) -> Image:
    return np.asarray(cv2.LUT(bgr, np.clip(values, 0, 255).astype(np.uint8)), np.uint8)


def _colours(bgr: Image, rng: Rng) -> Image:
    hsv = cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV)
    gain = rng.uniform((1, 0.5, 0.6), (1, 1.4, 1.35))
    ramp = np.arange(256)[:, None] * gain
    ramp[:, 0] = (np.arange(256) + rng.uniform(-6, 6)) % 180
    lut = np.clip(ramp, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.cvtColor(cv2.LUT(hsv, lut), cv2.COLOR_HSV2BGR), np.uint8)


def _curve(rng: Rng, gamma: tuple[float, float], black: float, white: float) -> NDArray[np.float64]:
    ramp = (np.arange(256) / 255.0) ** float(np.exp(rng.uniform(*np.log(gamma))))
    return np.asarray(255 * (black + (white - black) * ramp), np.float64)


def _night(bgr: Image, rng: Rng) -> Image:
    if bgr.mean() < _DARK:  # it is night already; twice would leave objects that nobody sees
        return _grain(bgr, rng)
    dark = _table(bgr, _curve(rng, (1.1, 2.6), rng.uniform(0, 0.05), rng.uniform(0.35, 0.8)))
    tint = np.arange(256)[:, None] * rng.uniform((0.7, 0.8, 0.8), (1.15, 1.05, 1.15))
    dark = np.asarray(cv2.LUT(dark, np.clip(tint, 0, 255).astype(np.uint8)[None]), np.uint8)
    return _grain(dark, rng)


def _grey(bgr: Image, rng: Rng) -> Image:
    grey = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    grey = _table(grey, _curve(rng, (0.6, 2.0), rng.uniform(0, 0.15), rng.uniform(0.6, 1.0)))
    if rng.random() < 0.5:  # an infrared lamp falls off towards the edges
        h, w = grey.shape
        x = np.linspace(-1, 1, w)[None] - rng.uniform(-0.4, 0.4)
        y = np.linspace(-1, 1, h)[:, None] - rng.uniform(-0.4, 0.4)
        fall = 1 / (1 + rng.uniform(0.2, 1.5) * (x * x + y * y))
        grey = (grey * fall).astype(np.uint8)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def _tinted(bgr: Image, rng: Rng) -> Image:
    tint = np.arange(256)[:, None] * rng.uniform(0.75, 1.25, 3) + rng.uniform(-20, 20)
    return np.asarray(cv2.LUT(bgr, np.clip(tint, 0, 255).astype(np.uint8)[None]), np.uint8)


def _fog(bgr: Image, rng: Rng) -> Image:
    depth = np.linspace(rng.uniform(0.2, 0.7), rng.uniform(0, 0.3), bgr.shape[0])[:, None, None]
    return (bgr * (1 - depth) + rng.uniform(120, 220) * depth).astype(np.uint8)


def _rain(bgr: Image, rng: Rng) -> Image:
    h, w = bgr.shape[:2]
    drops, lean = int(rng.integers(40, 250)), rng.uniform(-0.35, 0.35)
    layer: NDArray[Any] = np.zeros((h, w), np.uint8)
    start = rng.uniform((0, -20), (w, h), (drops, 2))
    reach = rng.uniform(5, 26, drops)
    lines = np.stack((start, start + np.stack((lean * reach, reach), 1)), 1)
    cv2.polylines(layer, list(lines.astype(np.int32)), False, int(rng.integers(60, 170)), 1)
    layer = cv2.GaussianBlur(layer, (3, 3), 0)
    return np.asarray(cv2.add(bgr, cv2.cvtColor(layer, cv2.COLOR_GRAY2BGR)), np.uint8)


def _blur(bgr: Image, rng: Rng) -> Image:
    if rng.random() < 0.6:
        return np.asarray(cv2.GaussianBlur(bgr, (0, 0), rng.uniform(0.4, 1.5)), np.uint8)
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    if rng.random() < 0.5:
        kernel[length // 2] = 1 / length
    else:
        np.fill_diagonal(kernel, 1 / length)
    return np.asarray(cv2.filter2D(bgr, -1, kernel), np.uint8)


def _coarse(bgr: Image, rng: Rng) -> Image:
    h, w = bgr.shape[:2]
    part = rng.uniform(0.4, 0.85)
    small = cv2.resize(bgr, (int(w * part), int(h * part)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR), np.uint8)


def _sharp(bgr: Image, rng: Rng) -> Image:
    soft = cv2.GaussianBlur(bgr, (0, 0), rng.uniform(0.8, 1.6))
    amount = rng.uniform(0.3, 2.5)
    return np.asarray(cv2.addWeighted(bgr, 1 + amount, soft, -amount, 0), np.uint8)


def _grain(bgr: Image, rng: Rng) -> Image:
    # Noise of a quarter as many numbers, laid twice mirrored: random numbers are what costs.
    h, w = bgr.shape[:2]
    deviation = float(rng.uniform(2, 14))
    noise = deviation * rng.standard_normal((h // 2, w // 2, 3), np.float32)
    noise = noise.astype(np.int16)
    whole = np.zeros((h, w, 3), np.int16)
    for top in (0, h - h // 2):
        for left in (0, w - w // 2):
            whole[top : top + h // 2, left : left + w // 2] = noise[:: 1 if top else -1]
    return np.asarray(np.clip(bgr + whole, 0, 255), np.uint8)


def _blocks(bgr: Image, rng: Rng) -> Image:
    """Quantise 8×8 blocks as JPEG does: near enough to what a starved H.264 encoder leaves."""
    quality = int(rng.integers(12, 60))
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


_CHANGES: tuple[tuple[float, Callable[[Image, Rng], Image]], ...] = (
    (0.05, _fog), (0.07, _rain), (0.12, _blur), (0.12, _coarse), (0.2, _sharp), (0.15, _grain),
    (0.35, _blocks),
)  # fmt: skip
