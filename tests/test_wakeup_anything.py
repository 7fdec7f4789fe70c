"""Whatever comes, the watch neither raises nor contradicts itself."""

import json
import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.wakeup import Asleep, Wake, WakeWatch

TIMES = st.integers(-(2**62), 2**62)
STEPS = st.one_of(
    st.tuples(st.just("packet"), st.integers(0, 2**31), st.booleans(), TIMES, st.booleans()),
    st.tuples(st.just("look"), st.integers(0, 255), st.integers(1, 40), TIMES, st.booleans()),
    st.tuples(st.just("tracks"), st.integers(0, 300), TIMES),
    st.tuples(st.just("audit_due"), TIMES),
    st.tuples(st.just("audit_ended"), TIMES),
    st.tuples(st.just("may_sleep"), TIMES),
    st.tuples(st.just("begin"), st.sampled_from(["h264", "hevc"])),
)


def take(watch: WakeWatch, step: tuple[Any, ...]) -> object:
    match step:
        case ("packet", size, keyframe, ns, awake):
            return watch.packet(size, keyframe=keyframe, stream_ns=ns, awake=awake)
        case ("look", level, side, ns, awake):
            return watch.look(np.full((side, 40), level, np.uint8), stream_ns=ns, awake=awake)
        case ("tracks", moving, ns):
            watch.tracks(moving, stream_ns=ns)
        case ("audit_due", ns):
            return watch.audit_due(ns)
        case ("audit_ended", ns):
            watch.audit_ended(ns)
        case ("may_sleep", ns):
            return watch.may_sleep(ns)
        case ("begin", codec):
            watch.begin(codec, (640, 360), None)
    return None


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=120), st.integers(0, 3))
def test_any_sizes_times_and_order(steps: list[tuple[Any, ...]], seed: int) -> None:
    answers = []
    for _ in range(2):
        watch = WakeWatch(quiet_s=5, rng=random.Random(seed))
        watch.begin("h264", (640, 360), 25.0)
        answers.append([take(watch, step) for step in steps])
        assert isinstance(watch.asleep_plan()[0], Asleep)
        report = json.loads(json.dumps(watch.report(), allow_nan=False))
        assert 0 <= report["saved_decode_share"] <= 1
    assert answers[0] == answers[1]
    wakes = [a for a in answers[0] if isinstance(a, Wake)]
    for step, answer in zip(steps, answers[0], strict=True):
        if isinstance(answer, Wake):
            assert answer.from_ns <= step[3]
            assert step[4] is False  # an awake camera is never woken
    assert len(wakes) <= len(steps)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 200_000), min_size=50, max_size=400),
    st.integers(1, 60),
    st.integers(1, 120),
)
def test_any_sizes_at_any_rate(sizes: list[int], gop: int, fps: int) -> None:
    watch = WakeWatch(quiet_s=1, rng=random.Random(1))
    watch.begin("h264", (640, 360), float(fps))
    awake = True
    for index, size in enumerate(sizes):
        now = index * 1_000_000_000 // fps
        awake = awake and not watch.may_sleep(now)
        wake = watch.packet(size, keyframe=index % gop == 0, stream_ns=now, awake=awake)
        if wake is not None:
            awake = True
        if awake:
            watch.tracks(size % 2, stream_ns=now)
    json.dumps(watch.report(), allow_nan=False)
