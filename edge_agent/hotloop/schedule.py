"""Which slots a free lane takes next: pure decisions over what the slots show.

A batch forms within a short window and never waits for a camera that cannot come. Under
overload every camera gets its share: the one that has gone hungry longest, measured in its
own periods, goes first; at the same whole periods the frame whose latency runs out first does,
then the ring decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.settings import Plan
from edge_agent.types import Ring

#: At equal hunger the denser ring goes first.
RING_ORDER = {Ring.URBAN: 0, Ring.SUBURBAN: 1, Ring.RURAL: 2}

#: A camera that offered nothing for this many of its periods is not waited for.
_ABSENT_PERIODS = 2.0


@dataclass(slots=True)
class SlotView:
    """What the schedule sees of a slot; times are monotonic nanoseconds."""

    period_ns: int  # 1 / target_fps
    ring: Ring
    offered_ns: int | None = None  # when the waiting frame was offered; None: empty
    last_offer_ns: int | None = None
    last_taken_ns: int | None = None
    in_flight: bool = False
    slo_ns: int = 500_000_000  # how soon after its offer a frame should be analysed
    late: bool = False  # the waiting frame was held back: nothing is promised about its latency

    @property
    def ready(self) -> bool:
        return self.offered_ns is not None and not self.in_flight

    def hunger(self, now_ns: int) -> float:
        """Return the time since this slot was last served, in its periods."""
        if self.last_taken_ns is None:
            return float("inf")
        return (now_ns - self.last_taken_ns) / self.period_ns

    def urgency(self, now_ns: int) -> tuple[float, float, int]:
        """Return what the ready slots are sorted by: the smallest goes first.

        Whole periods of hunger come first, so that nobody starves; among cameras that are served
        as they asked, the frame whose latency runs out first, late ones last; then the ring.
        """
        periods = float("inf") if self.last_taken_ns is None else self.hunger(now_ns) // 1
        due_ns = float("inf") if self.late else (self.offered_ns or 0) + self.slo_ns
        return (-periods, due_ns, RING_ORDER[self.ring])

    def may_come(self, now_ns: int) -> bool:
        """Return whether an empty, idle slot is likely to fill soon."""
        if self.in_flight or self.offered_ns is not None or self.last_offer_ns is None:
            return False
        return now_ns - self.last_offer_ns < _ABSENT_PERIODS * self.period_ns


@dataclass(frozen=True, slots=True)
class Choice:
    """Slots to take now; else how long to wait before looking again (None: for an offer)."""

    slots: tuple[int, ...] = ()
    wait_ns: int | None = None


def choose(views: Sequence[SlotView], plan: Plan, now_ns: int) -> Choice:
    """Return what a free lane does at `now_ns`.

    Takes up to `plan.batch` ready slots, hungriest first, as soon as the batch is full, the
    oldest ready frame has waited `plan.window_ms`, or no other camera can be expected.
    """
    ready = [i for i, view in enumerate(views) if view.ready]
    if not ready:
        return Choice()
    if len(ready) < plan.batch:
        oldest_ns = min(views[i].offered_ns or 0 for i in ready)
        remaining_ns = round(plan.window_ms * 1e6) - (now_ns - oldest_ns)
        if remaining_ns > 0 and any(view.may_come(now_ns) for view in views):
            return Choice(wait_ns=remaining_ns)
    ready.sort(key=lambda i: (*views[i].urgency(now_ns), i))
    return Choice(slots=tuple(ready[: plan.batch]))
