"""The watch on cameras made of numbers: what wakes it, what it trusts, when it stays awake."""

import random
from typing import Any

import pytest

from edge_agent.wakeup import Asleep, WakeReason
from edge_agent.wakeup.rates import Rates
from tests.wakeup_traces import S, Scene, Sizes, cbr, clock, crf, new_watch, play, rain

WALKS = [(60.7, 66.0), (101.3, 105.0), (140.5, 150.0), (180.9, 185.0)]
SIZE, PICTURE = WakeReason.SIZE, WakeReason.PICTURE


@pytest.mark.parametrize(
    ("sizes", "shows", "wakes_by", "trust", "rate_control"),
    [
        # sizes  looks show it  what wakes  sizes' trust  rate control
        (crf,    True,          SIZE,       "proved",     "quality"),
        (crf,    False,         SIZE,       "proved",     "quality"),
        (cbr,    True,          PICTURE,    "failed",     "even"),
        (clock,  False,         SIZE,       "proved",     "quality"),
        (rain,   True,          None,       None,         None),
    ],
    ids=["crf", "crf, sizes alone", "cbr", "burnt-in clock, sizes alone", "rain"],
)  # fmt: skip
def test_every_walk_wakes_it_and_nothing_else_does(
    sizes: Sizes,
    shows: bool,
    wakes_by: WakeReason | None,
    trust: str | None,
    rate_control: str | None,
) -> None:
    watch = new_watch(audits=False)
    played = play(watch, Scene(WALKS, sizes, shows=shows), 220)
    wakes = [(at, wake) for at, wake in played.wakes if any(a <= at < b + 2 for a, b in WALKS)]
    assert len(wakes) == len(WALKS)
    assert len(played.wakes) - len(wakes) <= (2 if sizes is rain else 0)  # rain swings
    for (at, wake), (begins, _) in zip(wakes, WALKS, strict=True):
        # Rain outweighs a walker's bytes: the next look tells, one of every second keyframe.
        assert begins <= at < begins + (4.1 if sizes is rain else 2.1)
        assert wakes_by in (None, wake.reason)
        assert wake.from_ns <= begins * S  # nothing of it is lost
    assert played.asleep_s > 120
    report = watch.report()
    assert trust in (None, report["sizes"]["trust"])
    assert rate_control in (None, report["rate_control"])
    assert sum(report["wakes"].values()) == len(played.wakes)


def test_a_short_gop_needs_every_second_keyframe_only_where_sizes_serve() -> None:
    plans = {}
    for sizes in (crf, cbr):
        watch = new_watch(audits=False)
        play(watch, Scene(WALKS, sizes, gop_s=lambda time_s: 1.0), 220)
        plans[sizes] = watch.asleep_plan()[0]
    assert plans == {crf: Asleep.EVERY_SECOND_KEYFRAME, cbr: Asleep.KEYFRAMES}


def test_one_keyframe_in_30_s_stays_awake_until_sizes_are_proved() -> None:
    walks = [(20.0 + 60 * i, 26.0 + 60 * i) for i in range(8)]
    watch = new_watch(audits=False)
    played = play(watch, Scene(walks, crf, gop_s=lambda time_s: 30.0), 480)
    assert played.sleeps[0] > walks[2][0]
    assert set(played.reasons()) == {SIZE}
    assert len(played.wakes) == len([walk for walk in walks if walk[0] > played.sleeps[0]])


def test_one_keyframe_in_30_s_and_rate_controlled_sizes_never_sleep() -> None:
    walks = [(20.0 + 60 * i, 26.0 + 60 * i) for i in range(8)]
    watch = new_watch(audits=False)
    played = play(watch, Scene(walks, cbr, gop_s=lambda time_s: 30.0), 480)
    assert not played.sleeps
    plan, reason = watch.asleep_plan()
    assert plan is Asleep.STAY_AWAKE
    assert reason == "one keyframe in 30.0 s and sizes are no help"


def test_a_smart_codec_is_recognised_and_slept_on() -> None:
    watch = new_watch(audits=False)
    scene = Scene(WALKS, crf, gop_s=lambda time_s: (1.0, 2.0, 4.0)[int(time_s / 3) % 3])
    played = play(watch, scene, 220)
    assert watch.report()["smart_codec"] is True
    assert len(played.wakes) == len(WALKS)
    assert not watch.faults()


def test_the_period_of_a_clock_is_found_where_its_bumps_wander_through_the_gop() -> None:
    watch = new_watch(audits=False)
    play(watch, Scene((), clock, gop_s=lambda time_s: 1.92), 120)
    assert watch.report()["sizes"]["clock_period_s"] == pytest.approx(1.0, abs=0.05)
    assert watch.report()["wakes"] == {reason.value: 0 for reason in WakeReason}


def test_leaves_that_begin_to_move_wake_it_a_few_times_only() -> None:
    """Sizes rise for good and nothing is tracked: each false alarm asks for more the next time."""

    def wind(time_s: float, place: int, busy: bool, rng: random.Random) -> float:
        gusts = 1.3 + 0.25 * ((time_s * 0.7) % 1.0) if time_s > 60 else 1.0
        return crf(time_s, place, busy, rng) * (gusts if place else 1)

    watch = new_watch(audits=False)
    played = play(watch, Scene((), wind), 400)
    assert 1 <= len(played.wakes) <= 8
    assert not played.between(250, 400)
    assert watch.report()["sizes"]["false_alarms"] >= 1


def test_an_alarm_in_vain_raises_the_limit_and_quiet_lowers_it_again() -> None:
    def flock(time_s: float, place: int, busy: bool, rng: random.Random) -> float:
        return crf(time_s, place, 40 <= time_s < 42, rng)

    watch = new_watch(audits=False)
    assert play(watch, Scene((), flock), 60).reasons() == [SIZE]
    after = watch.report()["sizes"]
    assert (after["false_alarms"], after["limit"] > 14) == (1, True)
    play(watch, Scene((), crf), 240, start_s=60)
    assert watch.report()["sizes"]["limit"] < after["limit"] - 1


def test_what_was_learned_outlives_a_reconnection_of_the_same_stream_only() -> None:
    watch = new_watch(audits=False)
    play(watch, Scene(WALKS, crf), 220)
    watch.begin("h264", (1920, 1080), 25.0)
    assert watch.report()["sizes"]["trust"] == "proved"
    assert play(watch, Scene(WALKS, crf), 70).between(60, 63)
    watch.begin("hevc", (1920, 1080), 25.0)
    assert watch.report()["sizes"]["onsets"] == 0
    assert watch.asleep_plan()[0] is Asleep.STAY_AWAKE


def test_times_that_begin_anew_do_not_confuse_it() -> None:
    watch = new_watch(audits=False)
    play(watch, Scene(WALKS, crf), 80, start_s=90_000)
    watch.begin("h264", (1920, 1080), 25.0)
    played = play(watch, Scene([(30, 34)], crf), 60)
    assert [round(at) for at, _ in played.wakes] == [30]


def test_equal_draws_give_equal_watches() -> None:
    reports: list[Any] = []
    for seed in (1, 1, 2):
        watch = new_watch(seed=seed)
        played = play(watch, Scene(WALKS, crf), 600)
        reports.append((watch.report(), played.wakes))
    assert reports[0] == reports[1]
    assert reports[0] != reports[2]


def test_nobody_analyses_and_it_sleeps_all_the_same() -> None:
    """The box is full or nobody listens: no frame's tracks ever come."""
    watch = new_watch(audits=False)
    watch.tracks = lambda moving, *, stream_ns: None  # type: ignore[method-assign]
    played = play(watch, Scene((), crf), 120)
    assert played.sleeps


def test_packets_next_to_nothing_show_quality_before_anything_moved() -> None:
    words = {}
    for part in (0.005, 0.02):
        rates = Rates()
        for gop in range(6):
            rates.keyframe(100_000, gop * 2 * S, busy=False)
            for _ in range(49):
                rates.packet(int(100_000 * part))
        words[part] = rates.word
    assert words == {0.005: "quality", 0.02: "unknown"}
