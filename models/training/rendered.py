"""Pictures of the rendered town, with exact labels.

Seeds below 900,000 and never a held-out body; evaluation takes the others (`docs/scenes.md`).
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from edge_agent.scenes import FrameTruth, Hour, Scene, Weather, frames, scene_named
from models.training.labels import CLASSES, HARDLY_SEEN, Labels, Picture, labels_of

EVALUATION_SEEDS = 900_000
_MOMENTS = 4  # pictures of one town
_APART_S = 2.5
#: A body that is hidden more than this, or that differs from its background by less than so
#: many grey levels, is neither object nor background.
_VISIBLE, _CONTRAST = 0.3, 3.0
_NAMES = ("anywhere",) * 7 + ("street-corner", "checkpoint", "square", "country-uav", "pan")
_HOURS = (Hour.DAY,) * 5 + (Hour.DUSK, Hour.NIGHT, Hour.NIGHT, Hour.INFRARED, Hour.INFRARED)
_WEATHERS = (Weather.CLEAR,) * 4 + (Weather.OVERCAST,) * 2 + (Weather.RAIN,) * 2 + (Weather.FOG,)
#: From this seed on every hour and weather comes as often as the others, and the set scenes
#: oftener: the pictures before are mostly of clear days, and night and fog hide most.
_EVENLY_FROM = 3000
_EVEN_NAMES = ("anywhere",) * 3 + ("street-corner", "checkpoint", "square", "country-uav", "pan")


def training_scene(seed: int) -> Scene:
    """Return the scene that a training seed stands for."""
    rng = np.random.default_rng([11, seed])
    evenly = seed >= _EVENLY_FROM
    hours = tuple(Hour) if evenly else _HOURS
    weathers = tuple(Weather) if evenly else _WEATHERS
    return scene_named(
        str(rng.choice(_EVEN_NAMES if evenly else _NAMES)),
        hour=hours[rng.integers(len(hours))],
        weather=weathers[rng.integers(len(weathers))],
        camera_height=float(rng.uniform(0.7, 1.5)),
        crowd=float(rng.uniform(0.4, 1.6)),
        clock=bool(rng.random() < 0.3),
        noise=float(rng.uniform(0.5, 2.0)),
    )


def rendered(first_seed: int, towns: int) -> Iterator[Picture]:
    """Yield a few moments each of `towns` training scenes.

    Raises: ValueError where the seeds reach those kept for evaluation.
    """
    if first_seed + towns > EVALUATION_SEEDS:
        raise ValueError(f"seeds up to {first_seed + towns} are kept for evaluation")
    for seed in range(first_seed, first_seed + towns):
        scene = training_scene(seed)
        played = frames(scene, seed=seed, seconds=_MOMENTS * _APART_S, fps=1 / _APART_S)
        for bgr, truth in played:
            known = np.ones(len(CLASSES), bool)
            yield Picture(bgr, labels_of_truth(truth), known, "scenes")


def labels_of_truth(truth: FrameTruth) -> Labels:
    """Return a frame's objects; what can hardly be seen becomes ignore boxes of that one body."""
    rows = []
    for o in truth.objects:
        hardly = o.visible < _VISIBLE or o.contrast < _CONTRAST
        score = HARDLY_SEEN if hardly else 1.0
        rows.append((list(o.xyxy), CLASSES.index(o.object_class), score, hardly))
    return labels_of(rows)


def evaluation_scenes() -> Iterator[tuple[Scene, int]]:
    """Yield the scenes to judge on, each with its seed: every hour and weather, held-out bodies."""
    names = ("anywhere", "anywhere", "street-corner", "checkpoint", "square", "country-uav")
    number = 0
    for hour, weather in product(Hour, Weather):
        for name in names:
            number += 1
            yield (
                scene_named(name, hour=hour, weather=weather, held_out=True),
                (EVALUATION_SEEDS + number),
            )
