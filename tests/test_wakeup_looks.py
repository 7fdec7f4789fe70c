"""The picture signal: small persons seen; light, noise, rain, clocks and leaves let go."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge_agent.types import ByteArray
from edge_agent.wakeup.looks import LookSignal, changed_since

Picture = np.ndarray[tuple[int, int], np.dtype[np.float64]]
_TEXTURE = np.random.default_rng(1).integers(40, 200, (18, 32)).astype(np.uint8)
SCENE: Picture = cv2.resize(_TEXTURE, (160, 90), interpolation=cv2.INTER_CUBIC).astype(np.float64)


def shown(picture: Picture, rng: np.random.Generator, noise: float = 1.5) -> ByteArray:
    return np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def with_person(picture: Picture, at: int, wh: tuple[int, int] = (4, 10)) -> Picture:
    """Return `picture` with somebody of `wh` pixels, 35 levels darker or lighter than it."""
    changed = picture.copy()
    spot = changed[40 : 40 + wh[1], at : at + wh[0]]
    spot += -35 if spot.mean() > 110 else 35
    return changed


def run(signal: LookSignal, change: Callable[[int, Picture], Picture], looks: int, **noise: float
        ) -> list[bool]:  # fmt: skip
    """Return which of so many quiet looks alarmed, each of them in vain."""
    rng, alarms = np.random.default_rng(2), []
    for i in range(looks):
        alarms.append(signal.look(shown(change(i, SCENE), rng, **noise), quiet=True))
        if alarms[-1]:
            signal.false_alarm()
    return alarms


def rain(i: int, picture: Picture) -> Picture:
    rng = np.random.default_rng(i)
    wet = picture.copy()
    for x, y in zip(rng.integers(0, 160, 60), rng.integers(0, 82, 60), strict=True):
        wet[y : y + 7, x] += 22
    return wet


def light(i: int, picture: Picture) -> Picture:
    """Clouds and the camera's gain: contrast drifts, and a shadow's soft edge crosses."""
    shade = 25 * np.sin(i / 2 + np.linspace(0, 2, 160))
    return (picture - 110) * (1 + 0.1 * np.sin(i / 3)) + 110 + shade


def clock(i: int, picture: Picture) -> Picture:
    changed = picture.copy()
    changed[2:9, 2:60:3] = 230 if i % 2 else 40
    return changed


def leaves(i: int, picture: Picture) -> Picture:
    """A third of the picture moves all the time."""
    changed = picture.copy()
    changed[:, :50] = np.roll(picture[:, :50], (i * 7) % 5 - 2, axis=1)
    return changed


@pytest.mark.parametrize("wh", [(4, 10), (3, 8), (8, 20)], ids=str)
@pytest.mark.parametrize(
    "weather",
    [lambda i, picture: picture, rain, light, clock, leaves],
    ids=["still", "rain", "light", "clock", "leaves"],
)
def test_a_person_of_a_few_pixels_is_seen_in_any_weather(
    weather: Callable[[int, Picture], Picture], wh: tuple[int, int]
) -> None:
    signal = LookSignal()
    quiet = run(signal, weather, 60)
    assert sum(quiet[40:]) <= 1
    rng = np.random.default_rng(9)
    seen = signal.look(shown(with_person(weather(41, SCENE), 100, wh), rng), quiet=True)
    small_in_rain = weather is rain and wh == (3, 8)
    assert seen or small_in_rain  # as large and as bright as the drops: not to be told apart


def test_a_noisy_sensor_at_night_does_not_wake_it() -> None:
    signal = LookSignal()
    assert not any(run(signal, lambda i, picture: picture * 0.3, 60, noise=8.0)[8:])


def test_a_false_alarm_makes_its_place_tolerant_and_no_other() -> None:
    signal, rng = LookSignal(), np.random.default_rng(3)
    run(signal, lambda i, picture: picture, 10)
    for _ in range(4):  # a flag in the wind, seen now and then
        if signal.look(shown(with_person(SCENE, 30, (6, 6)), rng), quiet=True):
            signal.false_alarm()
        signal.look(shown(SCENE, rng), quiet=True)
    assert not signal.look(shown(with_person(SCENE, 30, (6, 6)), rng), quiet=True)
    signal.look(shown(SCENE, rng), quiet=True)
    assert signal.look(shown(with_person(SCENE, 120), rng), quiet=True)


def test_each_false_alarm_raises_the_limit_up_to_a_most() -> None:
    signal = LookSignal()
    run(signal, lambda i, picture: picture, 30)
    limits = [signal.limit]
    while not signal.margin.exhausted:
        signal.false_alarm()
        limits.append(signal.limit)
    assert limits == sorted(limits)
    assert limits[-1] == pytest.approx(2 * limits[0], rel=0.01)


def test_the_missing_loop_filter_asleep_is_no_change_of_the_picture() -> None:
    blocks = 6.0 * (np.indices((90, 160)).sum(axis=0) // 8 % 2)  # block edges, unfiltered
    signal, rng = LookSignal(), np.random.default_rng(2)
    for awake in (True, False, True):
        seen = SCENE if awake else SCENE + blocks
        alarms = [signal.look(shown(seen, rng), quiet=True, awake=awake) for _ in range(12)]
        assert not any(alarms)
    assert signal.look(shown(with_person(SCENE + blocks, 100), rng), quiet=True, awake=False)


def test_a_new_scene_is_told_once_and_then_taken_as_it_is() -> None:
    signal = LookSignal()
    run(signal, lambda i, picture: picture, 10)
    told = run(signal, lambda i, picture: picture[::-1], 12)
    assert told[0]
    assert not any(told[6:])


def test_a_picture_of_another_size_begins_anew() -> None:
    signal = LookSignal()
    run(signal, lambda i, picture: picture, 10)
    assert not signal.look(np.zeros((60, 80), np.uint8), quiet=True)
    assert not signal.look(np.zeros((60, 80), np.uint8), quiet=True)


@pytest.mark.parametrize("wh", [(1, 1), (2, 3), (200, 4)], ids=str)
def test_looks_of_odd_sizes_do_not_break_it(wh: tuple[int, int]) -> None:
    signal = LookSignal()
    for level in (0, 255, 7):
        signal.look(np.full((wh[1], wh[0]), level, np.uint8), quiet=True)


@pytest.mark.parametrize(
    ("looks", "since"),
    [
        ([], 10),
        ([(6, False), (8, False)], 8),
        ([(6, False), (8, True)], 6),
        ([(4, False), (6, True), (8, True)], 6),  # not further back than 4.5 s
        ([(2, True)], 2),  # a long GOP: the look before it is all there is
    ],
)
def test_an_alarm_may_have_begun_at_the_look_before_or_at_the_first_half_alarm(
    looks: list[tuple[int, bool]], since: int
) -> None:
    second = 1_000_000_000
    given = [(at * second, half) for at, half in looks]
    assert changed_since(given, 10 * second) == since * second
