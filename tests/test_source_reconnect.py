"""Twenty reconnects leave nothing behind: no memory, no descriptor, no thread."""

import os
import random
import threading

import psutil

from edge_agent.clock import SystemClock
from edge_agent.source import open_source
from edge_agent.types import EventKind
from tests.clips import Recipe, access_units
from tests.rtsp_peers import FIRST_STAMP, ScriptedCamera, Wire
from tests.source_recorder import Recorder, camera, wait_for


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
