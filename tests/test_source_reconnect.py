"""Twenty reconnects leave nothing behind: no memory, no descriptor, no thread."""

import gc
import os
import random
import threading
import weakref
from typing import Any

import psutil
import pytest

from edge_agent.clock import SystemClock
from edge_agent.source import open_source
from edge_agent.source.delivery import Delivery
from edge_agent.types import EventKind
from tests.clips import Recipe, access_units
from tests.rtsp_peers import FIRST_STAMP, ScriptedCamera, Wire
from tests.source_recorder import Recorder, camera, reading, wait_for


class SkippingClock(SystemClock):
    """The machine's clock, but waits pass at once."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped_ns = 0

    def mono_ns(self) -> int:
        return super().mono_ns() + self._skipped_ns

    def wait(self, condition: threading.Condition, timeout_s: float) -> bool:
        self._skipped_ns += int(timeout_s * 1e9) + 1
        return False


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_memory_and_descriptors_stay_flat_over_twenty_reconnects() -> None:
    units = access_units(Recipe(wh=(640, 360), frames=50))

    def script(wire: Wire) -> None:
        wire.pictures(units[:10], start=FIRST_STAMP, pace_s=0.002)

    recorder = Recorder()
    process = psutil.Process()
    files, threads = descriptors(), threading.active_count()

    def lost() -> int:
        return len(recorder.kinds(EventKind.CAMERA_LOST))

    with ScriptedCamera(script=script) as peer:
        source = open_source(
            camera(peer.url, target_fps=60),
            sink=recorder,
            listener=recorder,
            meter=recorder,
            clock=SkippingClock(),
            rng=random.Random(7),
        )
        source.start()
        memory = []
        for count in (10, 30):
            wait_for(lambda n=count: lost() >= n, f"{count} connections", 60)
            recorder.frames.clear()
            memory.append(process.memory_info().rss)
        source.request_stop()
        assert source.join(2.0)
    assert memory[1] - memory[0] < 10_000_000  # without close() it is 14 MB a connection
    wait_for(lambda: threading.active_count() <= threads, "the threads' end")
    wait_for(lambda: descriptors() <= files, "the descriptors' end")
    assert recorder.counts["reconnects"] >= 29
    assert not recorder.drops


def test_a_connection_that_stalled_is_let_go_without_a_search_for_cycles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error that is kept holds its traceback, that the frame, and that every held packet."""
    began: list[weakref.ref[Delivery]] = []
    begin = Delivery.__init__

    def noted(self: Delivery, *given: Any) -> None:
        begin(self, *given)
        began.append(weakref.ref(self))

    def script(wire: Wire) -> None:
        wire.pictures(access_units()[:30], start=FIRST_STAMP, pace_s=0.002)
        wire.freeze()

    monkeypatch.setattr(Delivery, "__init__", noted)
    recorder = Recorder()
    gc.collect()
    gc.disable()
    try:
        with (
            ScriptedCamera(script=script) as peer,
            reading(camera(peer.url, stall_timeout_s=1.0), recorder),
        ):
            wait_for(lambda: len(began) == 3, "the third connection", 30)
            assert recorder.kinds(EventKind.CAMERA_LOST)[0].data["failure"] == "stalled"
            # The reader may still be about to put the third in the place of the second.
            wait_for(lambda: sum(one() is not None for one in began) == 1, "the others to go")
    finally:
        gc.enable()
