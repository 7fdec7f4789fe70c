"""Audits: drawn at random, within their share, and honest about what was missed."""

import random

import pytest

from edge_agent.wakeup import AUDIT_S, Asleep, WakeReason, WakeWatch
from edge_agent.wakeup.audits import Audits
from edge_agent.wakeup.proof import wilson
from tests.wakeup_traces import S, Scene, Sizes, cbr, crf, new_watch, play


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),  # Wilson's own tables
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_the_interval_of_a_share(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=1e-3)


def test_audits_of_a_quiet_day_take_a_hundredth_of_it_at_most() -> None:
    audits, now_ns, taken = Audits(random.Random(4)), 0, 0
    audits.begin_sleep(now_ns)
    while now_ns < 24 * 3600 * S:
        now_ns += 2 * S
        if audits.due(now_ns):
            taken += 1
            now_ns += 4 * S  # two GOPs at most
            audits.take(missed=False)
            audits.begin_sleep(now_ns)
    assert 100 < taken < 200
    assert taken * 4 / (24 * 3600) < 0.01


def test_audits_are_more_frequent_while_little_is_known_and_after_a_miss() -> None:
    def until_due_s(audits: Audits) -> float:
        waits = []
        for _ in range(400):
            audits.begin_sleep(0)
            waits.append(next(s for s in range(0, 10_000, 5) if audits.due(s * S)))
        return sum(waits) / len(waits)

    audits = Audits(random.Random(1))
    first_s = until_due_s(audits)
    for _ in range(6):
        audits.take(missed=False)
    usual_s = until_due_s(audits)
    audits.take(missed=True)
    assert until_due_s(audits) == pytest.approx(first_s, rel=0.15)
    assert first_s == pytest.approx(60, rel=0.15)
    assert usual_s == pytest.approx(600, rel=0.15)


def test_movement_that_no_signal_shows_is_a_miss_and_enough_of_it_keeps_awake() -> None:
    """Something is tracked all the time whenever one looks, and neither signal sees it."""
    watch = new_watch(quiet_s=4)
    # Sleep begins in the pauses; half of the sleep has unseen movement in it.
    unseen = [(40.0 + 60 * i, 70.0 + 60 * i) for i in range(100)]
    play(watch, Scene((), crf, unseen=unseen), 3000)
    report = watch.report()
    assert report["audits"] >= 2
    assert report["misses"] >= 2
    low, high = report["miss_share_interval"]
    assert low <= report["miss_share"] <= high
    plan, reason = watch.asleep_plan()
    assert plan is Asleep.STAY_AWAKE
    assert reason.endswith(f"of {report['audits']} audits found movement unannounced")


def test_movement_that_was_announced_is_no_miss() -> None:
    watch = new_watch(quiet_s=4)
    walks = [(40.0 + 40 * i, 46.0 + 40 * i) for i in range(40)]
    play(watch, Scene(walks, crf), 1600)
    report = watch.report()
    assert report["audits"] > 2
    assert report["misses"] == 0
    assert report["miss_share"] == 0


def test_what_begins_within_an_audit_and_is_announced_is_no_miss() -> None:
    """The camera sleeps from 14 s on; the audit at 40 s meets a walk that begins at 40.3 s."""
    rng = random.Random(1)
    rng.expovariate = lambda lambd=1.0: 25.5  # type: ignore[method-assign]
    watch = WakeWatch(quiet_s=10, rng=rng)
    watch.begin("h264", (1920, 1080), 25.0)
    played = play(watch, Scene([(40.3, 46.0)], crf), 62)
    assert played.reasons() == [WakeReason.AUDIT]
    report = watch.report()
    assert (report["audits"], report["misses"]) == (1, 0)


def test_an_audit_ends_by_itself_and_counts_the_sleep() -> None:
    watch = new_watch(quiet_s=4, seed=3)
    played = play(watch, Scene((), crf), 900)
    audits = [at for at, wake in played.wakes if wake.reason is WakeReason.AUDIT]
    assert len(audits) >= 3
    for at in audits:
        slept = [again for again in played.sleeps if again > at]
        if slept:
            assert AUDIT_S <= slept[0] - at <= AUDIT_S + 2 * 2.0
    assert watch.report()["saved_decode_share"] > 0.9


@pytest.mark.parametrize(
    ("sizes", "gop_s", "plan"),
    [
        (crf, 2.0, Asleep.EVERY_FOURTH_KEYFRAME),
        (crf, 1.0, Asleep.EVERY_EIGHTH_KEYFRAME),
        (crf, 4.0, Asleep.EVERY_SECOND_KEYFRAME),
        (cbr, 2.0, Asleep.KEYFRAMES),
    ],
)
def test_where_sizes_tell_and_audits_bear_them_out_a_look_each_eight_seconds_will_do(
    sizes: Sizes, gop_s: float, plan: Asleep
) -> None:
    watch = new_watch(quiet_s=4)
    walks = [(60.0 + 100 * i, 66.0 + 100 * i) for i in range(16)]
    played = play(watch, Scene(walks, sizes, gop_s=lambda time_s: gop_s), 1600)
    report = watch.report()
    assert report["audits"] >= 5
    assert report["misses"] == 0
    assert watch.asleep_plan()[0] is plan
    asleep = [walk for walk in walks if not any(0 <= walk[0] - at < 8 for at, _ in played.wakes)]
    for begins, _ in asleep:
        wakes = [wake for at, wake in played.wakes if begins <= at < begins + 3]
        assert wakes
        assert wakes[0].from_ns <= begins * S


def test_an_audit_that_missed_something_ends_the_trust_of_those_before() -> None:
    audits = Audits(random.Random(1))
    for _ in range(4):
        audits.take(missed=False)
    assert not audits.settled
    audits.take(missed=False)
    assert audits.settled
    audits.take(missed=True)
    assert not audits.settled
