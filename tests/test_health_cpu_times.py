"""Where CPU time goes, by groups of threads that come and go."""

import os
import threading
import time

import pytest

from edge_agent.health.cpu_times import (
    ThreadTimes,
    process_cpu_s,
    resident_bytes,
    thread_cpu_ns,
    usable_cores,
)


def burn(ms: int) -> None:
    """Use `ms` of this thread's CPU time."""
    until_ns = time.thread_time_ns() + ms * 1_000_000
    while time.thread_time_ns() < until_ns:
        pass


class Worker:
    """A thread of some name that burns when told to, and lives until it is told to end."""

    def __init__(self, name: str) -> None:
        self.end = threading.Event()
        self._burnt = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name)

    def _run(self) -> None:
        burn(60)
        self._burnt.set()
        self.end.wait(30)

    def __enter__(self) -> "Worker":
        self.thread.start()
        assert self._burnt.wait(30)
        return self

    def __exit__(self, *exc: object) -> None:
        self.end.set()
        self.thread.join(30)


def test_time_is_counted_by_what_a_thread_is_for() -> None:
    times = ThreadTimes()
    with Worker("source-gate"), Worker("lane-0"), Worker("mqtt-sender"), Worker("somebody"):
        read = times.read()
    for group in ("source", "lane", "sender"):
        assert 0.06 <= read[group] < 0.2, group
    assert read["outbox"] == 0
    assert read["other"] >= 0.06
    assert sum(read.values()) == pytest.approx(process_cpu_s(), rel=0.1)


def test_a_thread_that_ended_goes_on_counting() -> None:
    times = ThreadTimes()
    with Worker("lane-0"):
        before = times.read()["lane"]
    after = times.read()
    assert after["lane"] == before >= 0.06
    with Worker("lane-1"):
        assert times.read()["lane"] >= before + 0.06
    assert times.read()["lane"] >= before + 0.06


def test_a_thread_that_has_ended_has_no_clock() -> None:
    with Worker("lane-0") as worker:
        native_id = worker.thread.native_id
        assert native_id is not None
        assert (thread_cpu_ns(native_id) or 0) >= 60_000_000
    # The kernel drops the thread a moment after Python has joined it.
    until = time.monotonic() + 10
    while thread_cpu_ns(native_id) is not None:
        assert time.monotonic() < until
    assert thread_cpu_ns(2**22 + 1) is None


def test_many_threads_that_end_while_they_are_asked_do_no_harm() -> None:
    times, stop = ThreadTimes(), threading.Event()

    def breed() -> None:
        while not stop.is_set():
            thread = threading.Thread(target=lambda: None, name="source-brief")
            thread.start()
            thread.join()

    breeder = threading.Thread(target=breed, name="lane-breeder")
    breeder.start()
    try:
        sums = [times.read()["source"] for _ in range(300)]
    finally:
        stop.set()
        breeder.join(30)
    assert sums == sorted(sums)


def test_memory_and_cores_are_those_of_this_process() -> None:
    assert resident_bytes() > 10e6
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
