"""Faults of the picture and the stream: raised after a while, gone after a while, not before."""

from collections.abc import Callable

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
