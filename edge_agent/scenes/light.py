"""The light of an hour: sun, sky, lamps, haze, and what they make of a surface."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from edge_agent.scenes.mesh import Mesh
from edge_agent.types import FloatArray

#: The colour of lamps.
LAMP_BGR = np.array([0.5, 0.75, 0.95], np.float32)


class Hour(StrEnum):
    """The light of a scene."""

    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"
    INFRARED = "infrared"  # night, seen by the camera's own infrared lamp


class Weather(StrEnum):
    CLEAR = "clear"
    OVERCAST = "overcast"
    RAIN = "rain"
    FOG = "fog"


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """What falls on things: colours are blue, green, red; 1 is full daylight."""

    sun_from: FloatArray  # (3,) unit vector towards the sun
    sun: FloatArray  # (3,)
    sky: FloatArray  # (3,) ambient from above
    ground: FloatArray  # (3,) ambient from below
    haze: FloatArray  # (3,) colour that distance fades to
    zenith: FloatArray  # (3,) colour of the sky high up
    haze_per_m: float
    shadow: float  # how much of the light a cast shadow takes away, 0..1
    lamps_lit: bool
    infrared: bool


def light_of(hour: Hour, weather: Weather, rng: np.random.Generator) -> Light:
    """Return the light of an hour and weather; the sun's place is drawn from `rng`."""
    azimuth = rng.uniform(0, 2 * np.pi)
    height = np.radians(rng.uniform(30, 58) if hour is Hour.DAY else rng.uniform(10, 20))
    sun_from = np.array(
        [np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)]
    )
    warm = np.array([0.88, 0.97, 1.0]) if hour is Hour.DAY else np.array([0.55, 0.8, 1.0])
    level = {Hour.DAY: 1.0, Hour.DUSK: 0.45, Hour.NIGHT: 0.15, Hour.INFRARED: 1.1}[hour]
    clear = weather is Weather.CLEAR
    sun = 0.62 if hour is Hour.DAY else 0.5 if hour is Hour.DUSK else 0.0
    sky = (0.52 if clear else 0.8) * level * np.array([1.0, 0.97, 0.93])
    haze = {Hour.DAY: 0.78, Hour.DUSK: 0.38, Hour.NIGHT: 0.07, Hour.INFRARED: 0.25}[hour]
    density = {Weather.FOG: rng.uniform(0.012, 0.03), Weather.RAIN: 0.004}.get(weather, 0.0009)
    return Light(
        sun_from.astype(np.float32),
        (sun * level * warm * (1.0 if clear else 0.12)).astype(np.float32),
        sky.astype(np.float32),
        (sky * 0.55).astype(np.float32),
        (haze * np.array([1.0, 0.97, 0.94])).astype(np.float32),
        (haze * np.array([1.15, 0.92, 0.75] if clear else [1.05, 1.03, 1.0])).astype(np.float32),
        density,
        (0.52 if clear else 0.18) if sun else 0.12,
        hour is not Hour.DAY,
        hour is Hour.INFRARED,
    )


def infrared_fall(depth: FloatArray | np.float32) -> FloatArray:
    """Return how much of a camera's own infrared lamp comes back from a depth in m."""
    return np.asarray(np.minimum(1.15, (20.0 / np.maximum(depth, 4.0)) ** 1.35), np.float32)


def shade(mesh: Mesh, light: Light, eye: FloatArray, lit: FloatArray, sunny: float) -> FloatArray:
    """Return each vertex's colour under a light, as seen from `eye`.

    Args: `lit` (3,) light of lamps near the body; `sunny` 0 in a building's shadow, 1 outside.
    Returns: (N, 3) float32 of 0 and up.
    Source: hemisphere ambient and Lambert; Schlick's mirror term for paint and glass.
    """
    normal = mesh.normal
    up = normal[:, 2:3] * 0.5 + 0.5
    ambient = light.ground + (light.sky - light.ground) * up + lit * (0.55 + 0.45 * up)
    sun = np.maximum(normal @ light.sun_from, 0)[:, None]
    colour: FloatArray = mesh.bgr * (ambient + light.sun * sun * np.float32(sunny))
    shiny = mesh.gloss > 0
    if shiny.any():
        colour[shiny] = _mirror(colour[shiny], mesh, shiny, light, eye, lit)
    glowing = mesh.glow > 0
    if light.lamps_lit and glowing.any():
        colour[glowing] = mesh.bgr[glowing] * (1.2 * mesh.glow[glowing])[:, None]
    return colour


def _mirror(
    colour: FloatArray, mesh: Mesh, rows: np.ndarray, light: Light, eye: FloatArray, lit: FloatArray
) -> FloatArray:
    """Mix what glossy vertices reflect into their colour."""
    normal, gloss = mesh.normal[rows], mesh.gloss[rows, None]
    sight = mesh.xyz[rows] - eye
    sight = sight / np.linalg.norm(sight, axis=1, keepdims=True)
    facing = (sight * normal).sum(1, keepdims=True)
    bounced = sight - 2 * facing * normal
    part = gloss * (0.17 + 0.7 * (1 - np.minimum(np.abs(facing), 1)) ** 3)
    upward = np.clip(bounced[:, 2:3] * 2.2 + 0.25, 0, 1)
    seen = light.sky * (0.35 + 1.25 * upward) + lit * 0.3
    glint = np.maximum(bounced @ light.sun_from, 0)[:, None] ** 60 * light.sun * gloss * 1.6
    mixed: FloatArray = colour * (1 - part) + seen * part + glint
    return mixed
