"""The hot loop's promises under load, on a clock that moves only when told to.

A scripted session answers in so and so many milliseconds; the board and the schedule are the
real ones. One lane, simulated event by event, so every figure is exact and repeatable.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from edge_agent.clock import ManualClock
from edge_agent.health.meters import Meters
from edge_agent.hotloop.schedule import SlotView, choose
from edge_agent.hotloop.slots import SlotBoard
from edge_agent.settings import CameraSettings, Plan
from edge_agent.types import Frame, Ring
from tests.frames import blank_frame

MS = 1_000_000


def cameras(count: int, fps: float = 5.0) -> list[CameraSettings]:
    return [
        CameraSettings(id=f"c{i}", url="rtsp://h/1", ring="urban", layer="portrait", target_fps=fps)
        for i in range(count)
    ]


class Simulation:
    """One lane over a real board; `offers` are (time_ns, camera) in order of time."""

    def __init__(self, count: int, plan: Plan, session_ns: Callable[[int], int]) -> None:
        self.clock = ManualClock()
        self.meters = Meters()
        self.board = SlotBoard(cameras(count), plan=plan, clock=self.clock, meter=self.meters)
        self.session_ns = session_ns
        self.batches: list[list[int]] = []
        self.served: Counter[int] = Counter()

    def run(self, offers: Iterator[tuple[int, int]], until_ns: int) -> None:
        offer = next(offers, None)
        free_ns: int | None = 0  # when the lane looks next; None: on the next offer
        while True:
            times = [t for t in (offer and offer[0], free_ns) if t is not None]
            if not times or min(times) >= until_ns:
                return
            now_ns = min(times)
            self.clock.advance((now_ns - self.clock.mono_ns()) / 1e9)
            while offer is not None and offer[0] <= now_ns:
                self.board.offer(offer[1], blank_frame(f"c{offer[1]}"))
                offer = next(offers, None)
                free_ns = now_ns if free_ns is None else free_ns
            if free_ns is not None and free_ns <= now_ns:
                free_ns = self._look(now_ns)

    def _look(self, now_ns: int) -> int | None:
        if self.batches and self._running:
            self.board.release(self.batches[-1])
        batch, wait_ns = self.board.take()
        self._running = bool(batch)
        if not batch:
            return None if wait_ns is None else now_ns + wait_ns
        numbers = [number for number, _ in batch]
        self.batches.append(numbers)
        self.served.update(numbers)
        return now_ns + self.session_ns(len(batch))

    _running = False

    @property
    def mean_batch(self) -> float:
        return sum(map(len, self.batches)) / len(self.batches)


def paced(camera: int, fps: float, first_ns: int = 0) -> Iterator[tuple[int, int]]:
    k = 0
    while True:
        yield first_ns + round(k * 1e9 / fps), camera
        k += 1


def test_full_slots_fill_the_batch() -> None:
    """Plan batch 8, one lane, slots always full, 10 ms + 1 ms an image: mean batch >= 4."""
    sim = Simulation(8, Plan(lanes=1, batch=8), lambda n: (10 + n) * MS)
    sim.run(heapq.merge(*[paced(i, 1000.0) for i in range(8)]), until_ns=5_000 * MS)
    assert sim.mean_batch >= 4


def test_staggered_cameras_are_not_held_back_for_a_batch() -> None:
    """Eight cameras at 5 fps staggered by 25 ms with 6 ms an image: mean batch <= 1.5."""
    sim = Simulation(8, Plan(lanes=1, batch=8), lambda n: 6 * n * MS)
    sim.run(heapq.merge(*[paced(i, 5.0, i * 25 * MS) for i in range(8)]), until_ns=10_000 * MS)
    assert sim.mean_batch <= 1.5
    assert sum(sim.served.values()) == pytest.approx(8 * 5 * 10, abs=8)
    assert sim.meters.drops("c0") == {}


@pytest.mark.parametrize("batch", [1, 4])
def test_overload_is_shared_fairly_and_a_dead_camera_costs_nothing(batch: int) -> None:
    """Nine cameras, one dead: eight ask 5 fps (one offers 30) of 20 a second: 2.5 ± 10 % each."""
    sim = Simulation(9, Plan(lanes=1, batch=batch), lambda n: 50 * n * MS)
    offers = [paced(i, 5.0, i * 13 * MS) for i in range(7)] + [paced(7, 30.0)]
    sim.run(heapq.merge(*offers), until_ns=60_000 * MS)
    for camera in range(8):
        assert sim.served[camera] / 60 == pytest.approx(2.5, rel=0.1), f"camera {camera}"
    assert sim.served[8] == 0


def test_every_frame_is_analysed_or_counted() -> None:
    sim = Simulation(4, Plan(lanes=1, batch=2), lambda n: 40 * n * MS)
    offered = [0]

    def counted() -> Iterator[tuple[int, int]]:
        for offer in heapq.merge(*[paced(i, 12.0, i * 7 * MS) for i in range(4)]):
            offered[0] += offer[0] < 20_000 * MS
            yield offer

    sim.run(counted(), until_ns=20_000 * MS)
    sim.board.stop()
    dropped = sum(sum(sim.meters.drops(f"c{i}").values()) for i in range(4))
    assert sum(sim.served.values()) + dropped == offered[0]
    assert sim.meters.drops("c0")["replaced"] > 0


def test_a_stale_frame_is_dropped_and_counted() -> None:
    clock, meters = ManualClock(), Meters()
    plan = Plan(staleness_ms=500)
    board = SlotBoard(cameras(1), plan=plan, clock=clock, meter=meters)
    board.offer(0, blank_frame("c0"))
    clock.advance(0.6)
    assert board.take() == ([], None)
    assert meters.drops("c0") == {"stale": 1}


def test_one_frame_of_a_camera_is_in_flight() -> None:
    board = SlotBoard(cameras(1), plan=Plan(), clock=ManualClock(), meter=Meters())
    board.offer(0, blank_frame("c0"))
    assert [n for n, _ in board.take()[0]] == [0]
    board.offer(0, blank_frame("c0"))
    assert board.take()[0] == []
    board.release([0])
    assert [n for n, _ in board.take()[0]] == [0]


@pytest.mark.parametrize(
    ("views", "batch", "expected"),
    [
        # the hungriest first: three periods of a fast camera outweigh one of a slow one
        ([SlotView(200 * MS, Ring.URBAN, 0, 0, -300 * MS),
          SlotView(100 * MS, Ring.URBAN, 0, 0, -300 * MS)], 1, (1,)),
        # at the same hunger the ring decides
        ([SlotView(200 * MS, Ring.RURAL, 0, 0, -200 * MS),
          SlotView(200 * MS, Ring.URBAN, 0, 0, -200 * MS)], 1, (1,)),
        # in flight is not ready
        ([SlotView(200 * MS, Ring.URBAN, 0, 0, -200 * MS, in_flight=True),
          SlotView(200 * MS, Ring.URBAN, 0, 0, -200 * MS)], 1, (1,)),
        # nobody else can come: go at once, the window is not waited out
        ([SlotView(200 * MS, Ring.URBAN, 0, 0, -200 * MS),
          SlotView(200 * MS, Ring.URBAN)], 8, (0,)),
    ],
)  # fmt: skip
def test_choice(views: list[SlotView], batch: int, expected: tuple[int, ...]) -> None:
    assert choose(views, Plan(batch=batch), now_ns=0).slots == expected


def test_a_camera_that_may_come_is_waited_for_within_the_window() -> None:
    views = [
        SlotView(200 * MS, Ring.URBAN, 0, 0, None),
        SlotView(200 * MS, Ring.URBAN, None, -100 * MS, None),
    ]
    plan = Plan(batch=2, window_ms=5)
    assert choose(views, plan, now_ns=2 * MS).wait_ns == 3 * MS
    assert choose(views, plan, now_ns=5 * MS).slots == (0,)


def late(k: int) -> Frame:
    frame = blank_frame("c0", k)
    return replace(frame, ref=replace(frame.ref, late=True))


def served(board: SlotBoard, clock: ManualClock) -> list[int]:
    """Take frame after frame, 100 ms each, until nothing is left; return their places."""
    places = []
    while batch := board.take()[0]:
        places += [frame.ref.pts_ns for _, frame in batch]
        clock.advance(0.1)
        board.release([number for number, _ in batch])
    return places


def test_late_frames_are_served_in_order_before_the_live_one_and_never_dropped() -> None:
    clock, meters = ManualClock(), Meters()
    board = SlotBoard(cameras(1), plan=Plan(staleness_ms=500), clock=clock, meter=meters)
    slot = board.slot(0)
    assert slot.room() == 4
    for k in range(4):
        slot.catch_up(late(k))
    assert (slot.room(), slot.waiting()) == (0, 4)
    clock.advance(5.0)  # long past every staleness
    slot.offer(blank_frame("c0", 9))
    slot.offer(blank_frame("c0", 10))
    assert served(board, clock) == [0, 1, 2, 3, 10]
    assert (slot.room(), slot.waiting()) == (4, 0)
    assert meters.drops("c0") == {"replaced": 1}


def test_a_late_frame_in_flight_still_waits_to_be_analysed() -> None:
    board = SlotBoard(cameras(1), plan=Plan(), clock=ManualClock(), meter=Meters())
    board.catch_up(0, late(0))
    board.take()
    assert (board.room(0), board.waiting(0)) == (4, 1)
    board.release([0])
    assert board.waiting(0) == 0


def test_a_live_frame_behind_late_ones_may_go_stale() -> None:
    clock, meters = ManualClock(), Meters()
    board = SlotBoard(cameras(1), plan=Plan(staleness_ms=150), clock=clock, meter=meters)
    board.catch_up(0, late(0))
    board.catch_up(0, late(1))
    board.offer(0, blank_frame("c0", 2))
    assert served(board, clock) == [0, 1]
    assert meters.drops("c0") == {"stale": 1}
    assert board.take() == ([], None)


def test_waiting_late_frames_are_no_stuck_loop_while_they_are_served() -> None:
    """What counts as waiting is the queue's head, since its turn began."""
    clock = ManualClock()
    board = SlotBoard(cameras(1), plan=Plan(), clock=clock, meter=Meters())
    for k in range(4):
        board.catch_up(0, late(k))
    for _ in range(3):
        clock.advance(10.0)
        board.release([number for number, _ in board.take()[0]])
        assert board.oldest_waiting_ns() == 0


def test_a_camera_that_catches_up_takes_at_most_its_share_and_does_not_starve() -> None:
    """Three cameras that always offer and one that catches up, of 12 images a second: 3 each."""
    sim = Simulation(4, Plan(lanes=1), lambda n: 83 * MS)

    def offers() -> Iterator[tuple[int, int]]:
        for at_ns, camera in heapq.merge(*[paced(i, 30.0, i * 13 * MS) for i in range(4)]):
            while camera == 3 and sim.board.room(3):
                sim.board.catch_up(3, late(at_ns))
            if camera != 3:
                yield at_ns, camera

    sim.run(offers(), until_ns=20_000 * MS)
    for camera in range(3):
        assert sim.served[camera] / 20 >= 2.9, f"camera {camera}"
    assert 2.0 < sim.served[3] / 20 <= 3.0


def test_a_stop_counts_late_frames_and_takes_no_more() -> None:
    meters = Meters()
    board = SlotBoard(cameras(1), plan=Plan(), clock=ManualClock(), meter=meters)
    for k in range(4):
        board.catch_up(0, late(k))
    board.offer(0, blank_frame("c0", 9))
    board.stop()
    assert meters.drops("c0") == {"stopped": 5}
    assert board.room(0) == 4  # a reader that waits for room goes on
    board.catch_up(0, late(9))
    assert meters.drops("c0") == {"stopped": 6}
