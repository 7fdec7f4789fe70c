"""Freed memory leaves the process."""

import subprocess
import sys

import pytest

from edge_agent.health.heap import Heap

#: A picture's worth of memory again and again, one large piece first, as a stream that ends does.
PROGRAM = """
import ctypes
from edge_agent.health.cpu_times import resident_bytes
from edge_agent.health.heap import Heap
heap = Heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def take(size):
    place = libc.malloc(size)
    ctypes.memset(place, 1, size)
    return place
libc.free(take(30_000_000))
pictures = []
for _ in range(20):
    pictures.append(take(3_000_000))
    keeper = take(2000)
before = resident_bytes()
for picture in pictures:
    libc.free(picture)
{call}
print(before - resident_bytes())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc's malloc")
@pytest.mark.parametrize(("call", "goes"), [("heap.give_back(1)", True), ("", False)])
def test_freed_pictures_leave_the_process(call: str, goes: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=call)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (int(done.stdout) > 50_000_000) is goes


def test_it_gives_back_at_first_and_after_each_end_of_a_decoder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heap, trims = Heap(), []
    monkeypatch.setattr(heap, "_trim", trims.append)
    for ended in (0, 0, 2, 2, 3):
        heap.give_back(ended)
    assert len(trims) == 3


def test_what_the_start_made_is_not_searched_for_cycles_and_later_cycles_go() -> None:
    program = """
import gc, weakref
from edge_agent.health.heap import Heap, spare_the_collector
class Ring: pass
heap = Heap()
kept = [Ring() for _ in range(1000)]
spare_the_collector()
assert gc.get_freeze_count() > 1000
ring = Ring()
ring.own = ring
gone = weakref.ref(ring)
del ring
heap.give_back(1)
assert gone() is None
"""
    subprocess.run([sys.executable, "-c", program], check=True)
