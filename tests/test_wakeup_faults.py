"""Faults of the picture and the stream: raised after a while, gone after a while, not before."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge_agent.types import ByteArray
from edge_agent.wakeup import FaultWord
from tests.wakeup_traces import Scene, crf, look_at, new_watch, play


def frozen(at: float) -> ByteArray:
    return look_at(Scene(), 0.0)


def dark(at: float) -> ByteArray:
    noise = np.random.default_rng(int(at * 10)).normal(0, 1.2, (90, 160))
    return (look_at(Scene(), at) * 0.05 + 18 + noise).astype(np.uint8)


def covered(at: float) -> ByteArray:
    noise = np.random.default_rng(int(at * 10)).normal(0, 0.8, (90, 160))
    return (90 + noise).astype(np.uint8)


@pytest.mark.parametrize(
    ("word", "picture"),
    [(FaultWord.FROZEN, frozen), (FaultWord.DARK, dark), (FaultWord.COVERED, covered)],
)
def test_a_picture_s_fault_stands_after_a_while_and_goes_again(
    word: FaultWord, picture: Callable[[float], ByteArray]
) -> None:
    watch = new_watch(audits=False)

    def look(at: float) -> ByteArray:
        return picture(at) if 100 <= at < 220 else look_at(Scene(), at)

    def play_until(end_s: float, start_s: float) -> set[FaultWord]:
        play(watch, Scene(look=look), end_s - start_s, start_s=start_s)
        return {fault.word for fault in watch.faults()}

    assert play_until(100, 0) == set()
    assert play_until(110, 100) == set()  # not at once: a bus may stand before the lens
    assert play_until(200, 110) == {word}
    (fault,) = watch.faults()
    assert fault.since_ns == pytest.approx(100e9, abs=4e9)
    assert play_until(230, 200) == {word}
    assert play_until(320, 230) == set()


def street(at: float, shift: int = 0) -> ByteArray:
    """Return a look at house fronts with windows, from `shift` pixels further to the left."""
    rng = np.random.default_rng(5)
    wide = np.full((90, 320), 110, np.uint8)
    for _ in range(60):
        x, y = int(rng.integers(0, 310)), int(rng.integers(0, 80))
        w, h = int(rng.integers(4, 30)), int(rng.integers(4, 16))
        wide[y : y + h, x : x + w] = rng.integers(30, 220)
    noise = np.random.default_rng(int(at * 10)).normal(0, 1.5, (90, 160))
    found: ByteArray = np.clip(wide[:, shift : shift + 160] + noise, 0, 255).astype(np.uint8)
    return found


def passing(at: float) -> ByteArray:
    """A bus that fills a third of the picture stands for 15 s, again and again."""
    picture = street(at)
    if int(at / 15) % 2:
        picture[30:80, 50:120] = 70
        picture[40:50, 55:115:6] = 200
    return picture


def breath(at: float) -> ByteArray:
    return np.asarray(cv2.GaussianBlur(street(at), (0, 0), 1.2), np.uint8)


def lamp(at: float) -> ByteArray:
    return (street(at) * 0.45 + 20).astype(np.uint8)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (breath, {FaultWord.BLURRED}),
        (lambda at: street(at, 60), {FaultWord.MOVED}),
        (lambda at: street(at, 20), {FaultWord.MOVED}),  # a nudge of an eighth of its width
        (lamp, set()),  # half of the light and contrast
        (passing, set()),
        (lambda at: np.flip(street(at), 1), {FaultWord.MOVED}),
    ],
)
def test_a_picture_that_is_unlike_the_usual_one_is_told_for_what_it_is(
    after: Callable[[float], ByteArray], expected: set[FaultWord]
) -> None:
    watch = new_watch(audits=False)

    def look(at: float) -> ByteArray:
        return after(at) if at >= 200 else street(at)

    play(watch, Scene(look=look), 200)
    assert not watch.faults()
    play(watch, Scene(look=look), 60, start_s=200)
    assert {fault.word for fault in watch.faults()} == expected


def test_another_view_is_a_fault_until_it_has_become_the_usual_one() -> None:
    watch = new_watch(audits=False)

    def look(at: float) -> ByteArray:
        return street(at, 60 if at >= 200 else 0)

    play(watch, Scene(look=look), 240)
    assert {fault.word for fault in watch.faults()} == {FaultWord.MOVED}
    play(watch, Scene(look=look), 1500, start_s=240)
    assert not watch.faults()


def test_what_changes_at_every_other_look_is_no_fault() -> None:
    watch = new_watch(audits=False)
    play(watch, Scene(look=lambda at: dark(at) if int(at / 6) % 2 else look_at(Scene(), at)), 300)
    assert not watch.faults()


def test_a_changed_bitrate_and_gop_stand_until_they_are_usual() -> None:
    watch = new_watch(audits=False)
    play(
        watch,
        Scene(
            sizes=lambda t, p, b, r: crf(t, p, b, r) * (4 if t > 120 else 1),
            gop_s=lambda t: 4.0 if t > 120 else 2.0,
        ),
        260,
    )
    said = {fault.word: fault.text for fault in watch.faults()}
    assert set(said) == {FaultWord.BITRATE_CHANGED, FaultWord.GOP_CHANGED}
    assert said[FaultWord.GOP_CHANGED].startswith("4 s, usually 2")
    assert "kbit/s, usually" in said[FaultWord.BITRATE_CHANGED]


def test_busy_hours_are_no_changed_bitrate() -> None:
    watch = new_watch(audits=False)
    play(watch, Scene([(60, 200)], lambda t, p, b, r: crf(t, p, b, r) * (5 if b else 1)), 190)
    assert not watch.faults()
