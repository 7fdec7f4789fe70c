"""A watch that does what a test tells it, in the place of the one that learns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from edge_agent.types import ByteArray, Json, Wh
from edge_agent.wakeup import Asleep, Fault, Wake, WakeReason, WakeWatch

S = 1_000_000_000


@dataclass
class ScriptedWatch:
    """Sleeps from `sleep_at` on, wakes as scripted; all in seconds of the stream's time.

    `wake_at`: packet time -> from where to decode. `look_at`: the same, said at a look.
    """

    sleeps: Callable[[float], bool] = lambda at_s: True
    wake_at: Mapping[float, float] = field(default_factory=dict)
    look_at: Mapping[float, float] = field(default_factory=dict)
    plan: tuple[Asleep, str] = (Asleep.KEYFRAMES, "told so")
    audits: set[float] = field(default_factory=set)
    standing: Callable[[float], tuple[Fault, ...]] = lambda at_s: ()

    def __post_init__(self) -> None:
        self.begun: list[tuple[str, Wh, float | None]] = []
        self.packets: list[tuple[float, bool, bool]] = []  # at, keyframe, awake
        self.looks: list[tuple[float, bool, ByteArray]] = []  # at, awake, luma
        self.heard: list[tuple[float, int]] = []
        self.audits_ended: list[float] = []
        self._now_s = 0.0

    def as_watch(self) -> WakeWatch:
        return cast(WakeWatch, self)

    def begin(self, codec: str, wh: Wh, fps: float | None) -> None:
        self.begun.append((codec, wh, fps))

    def packet(self, size: int, *, keyframe: bool, stream_ns: int, awake: bool) -> Wake | None:
        assert size > 0
        at = self._now_s = round(stream_ns / S, 3)
        self.packets.append((at, keyframe, awake))
        return self._wake(WakeReason.SIZE, None if awake else self.wake_at.get(at))

    def look(self, luma: ByteArray, *, stream_ns: int, awake: bool) -> Wake | None:
        at = round(stream_ns / S, 3)
        self.looks.append((at, awake, luma))
        return self._wake(WakeReason.PICTURE, None if awake else self.look_at.get(at))

    def tracks(self, moving: int, *, stream_ns: int) -> None:
        self.heard.append((round(stream_ns / S, 3), moving))

    def may_sleep(self, stream_ns: int) -> bool:
        return self.sleeps(round(stream_ns / S, 3))

    def asleep_plan(self) -> tuple[Asleep, str]:
        return self.plan

    def audit_due(self, stream_ns: int) -> bool:
        return round(stream_ns / S, 3) in self.audits

    def audit_ended(self, stream_ns: int) -> None:
        self.audits_ended.append(round(stream_ns / S, 3))

    def faults(self) -> tuple[Fault, ...]:
        return self.standing(self._now_s)

    def report(self) -> dict[str, Json]:
        return {"looks": len(self.looks)}

    def _wake(self, reason: WakeReason, from_s: float | None) -> Wake | None:
        return None if from_s is None else Wake(reason, round(from_s * S))
