"""Cameras made of numbers: packet sizes, looks and tracks, and a reader that sleeps and wakes."""

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np

from edge_agent.types import ByteArray
from edge_agent.wakeup import Asleep, Wake, WakeReason, WakeWatch

S = 1_000_000_000
#: Bytes of a packet: (time s, place in the GOP, whether something moves, noise) -> size.
Sizes = Callable[[float, int, bool, random.Random], float]


def crf(time_s: float, place: int, busy: bool, rng: random.Random) -> float:
    """A camera that targets a quality: movement doubles its packets."""
    if place == 0:
        return 40_000 * rng.uniform(0.98, 1.02)
    return 1500 * rng.lognormvariate(0, 0.1) * (2.0 if busy else 1.0)


def cbr(time_s: float, place: int, busy: bool, rng: random.Random) -> float:
    """A camera that targets a rate: the same bytes whatever happens."""
    return 20_000 if place == 0 else 5000 * rng.lognormvariate(0, 0.15)


def clock(time_s: float, place: int, busy: bool, rng: random.Random) -> float:
    """As `crf`, with a burnt-in clock: one large packet a second."""
    bump = place > 0 and time_s % 1.0 < 0.039
    return crf(time_s, place, busy, rng) + (6000 if bump else 0)


def rain(time_s: float, place: int, busy: bool, rng: random.Random) -> float:
    """Large packets that swing over seconds; movement adds little to them."""
    swing = 1 + 0.1 * np.sin(time_s * 2.1)
    return crf(time_s, 1, False, rng) * 6 * swing + (800 if busy else 0) + (place == 0) * 40_000


@dataclass(slots=True)
class Played:
    """What the reader did."""

    wakes: list[tuple[float, Wake]] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)
    asleep_s: float = 0.0

    def reasons(self) -> list[WakeReason]:
        return [wake.reason for _, wake in self.wakes]

    def between(self, a: float, b: float) -> list[WakeReason]:
        return [wake.reason for at, wake in self.wakes if a <= at < b]


@dataclass(slots=True)
class Scene:
    """Who moves when (spans in order, apart by some seconds), and how the camera encodes it."""

    busy: Sequence[tuple[float, float]] = ()
    sizes: Sizes = crf
    fps: float = 25.0
    gop_s: Callable[[float], float] = lambda time_s: 2.0
    shows: bool = True  # whether looks show what moves
    unseen: Sequence[tuple[float, float]] = ()  # tracked, but neither signal shows it
    look: Callable[[float], ByteArray] | None = None

    def moves(self, time_s: float) -> bool:
        return _within(self.busy, time_s)

    def tracked(self, time_s: float) -> bool:
        return any(
            _within(spans, time_s, late_s=0.4, lingers_s=2.0) for spans in (self.busy, self.unseen)
        )


def _within(
    spans: Sequence[tuple[float, float]],
    time_s: float,
    *,
    late_s: float = 0.0,
    lingers_s: float = 0.0,
) -> bool:
    index = bisect_right(spans, (time_s - late_s, inf)) - 1
    return index >= 0 and time_s < spans[index][1] + lingers_s


_NOISE = np.random.default_rng(6).normal(0, 1.5, (16, 90, 160))
_BACKGROUND = np.random.default_rng(5).integers(60, 180, (45, 80)).repeat(2, 0).repeat(2, 1)


def look_at(scene: Scene, time_s: float) -> ByteArray:
    """Return a textured picture with a sensor's noise, and a small person where one moves."""
    if scene.look is not None:
        return scene.look(time_s)
    picture = _BACKGROUND + _NOISE[int(time_s * 7) % len(_NOISE)]
    if scene.shows and scene.moves(time_s):
        x = 20 + int(time_s * 9) % 100
        picture[40:50, x : x + 4] = 20
    return np.clip(picture, 0, 255).astype(np.uint8)


def play(watch: WakeWatch, scene: Scene, seconds: float, *, start_s: float = 0.0) -> Played:
    """Play `scene` from `start_s` for `seconds` through a reader that does what `watch` says."""
    played, rng = Played(), random.Random(3)
    awake, audit, place, unseen = True, False, 0, 0
    key_at = start_s
    for index in range(int(seconds * scene.fps)):
        at = round(start_s + index / scene.fps, 6)
        now = int(at * S)
        keyframe = at >= key_at - 1e-9
        if keyframe:
            place, key_at = 0, at + scene.gop_s(at)
        if awake and keyframe and watch.may_sleep(now):
            awake = watch.asleep_plan()[0] is Asleep.STAY_AWAKE
            if not awake:
                played.sleeps.append(at)
                if audit:
                    watch.audit_ended(now)
                audit = False
        size = int(scene.sizes(at, place, scene.moves(at), rng))
        wake = watch.packet(size, keyframe=keyframe, stream_ns=now, awake=awake)
        place += 1
        if keyframe:
            plan = watch.asleep_plan()[0]
            unseen = 0 if awake else (unseen + 1) % plan.keyframes_a_look
            if awake or unseen == 0:
                seen = watch.look(look_at(scene, at), stream_ns=now, awake=awake)
                wake = wake or seen
            if not awake and wake is None and watch.audit_due(now):
                wake, audit = Wake(WakeReason.AUDIT, now), True
            if not awake and wake is None and plan is Asleep.STAY_AWAKE:
                wake = Wake(WakeReason.FALLBACK, now)
        if not awake:
            played.asleep_s += 1 / scene.fps
            if wake is not None:
                played.wakes.append((at, wake))
                awake = True
        if awake and index % max(1, int(scene.fps // 5)) == 0:
            watch.tracks(int(scene.tracked(at)), stream_ns=now)
    return played


def new_watch(*, quiet_s: float = 10.0, seed: int = 1, audits: bool = True) -> WakeWatch:
    """Return a watch of a 1080p25 H.264 stream; without `audits` none is drawn for years."""
    rng = random.Random(seed)
    if not audits:
        rng.expovariate = lambda lambd=1.0: 1e9  # type: ignore[method-assign]
    watch = WakeWatch(quiet_s=quiet_s, rng=rng)
    watch.begin("h264", (1920, 1080), 25.0)
    return watch
