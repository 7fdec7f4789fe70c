"""Reading in bursts: a nap ends with plenty, with the connection, in time; arrivals stay honest."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge_agent.clock import ManualClock
from edge_agent.source.announce import Announcer
from edge_agent.source.connection import open_connection
from edge_agent.source.delivery import Delivery
from edge_agent.source.feedback import Feedback
from edge_agent.source.framer import Framer
from edge_agent.source.hangup import HangUp
from edge_agent.source.outlet import Outlets
from edge_agent.source.tally import Tally
from edge_agent.wakeup import WakeWatch
from tests.clips import clip
from tests.source_recorder import Recorder, camera

S = 1_000_000_000


@contextmanager
def connected() -> Iterator[tuple[HangUp, socket.socket, socket.socket]]:
    """Yield a HangUp on one end of a connection, that end, and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        hang_up = HangUp("127.0.0.1", port, frozenset({"127.0.0.1"}))
        with hang_up.opening(5.0):
            mine = socket.create_connection(("127.0.0.1", port))
        peer, _ = server.accept()
        try:
            yield hang_up, mine, peer
        finally:
            hang_up.release()
            mine.close()
            peer.close()


def napping(hang_up: HangUp) -> tuple[threading.Thread, list[bool]]:
    said: list[bool] = []
    thread = threading.Thread(target=lambda: said.append(hang_up.nap(60.0)))
    thread.start()
    return thread, said


def test_a_nap_passes_over_little_and_ends_when_there_is_plenty() -> None:
    with connected() as (hang_up, mine, peer):
        thread, said = napping(hang_up)
        while mine.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1:
            time.sleep(0.001)
        peer.sendall(b"x" * 1000)
        thread.join(0.3)
        assert thread.is_alive()
        peer.sendall(b"x" * 60_000)
        thread.join(10.0)
        assert said == [True]
        # What is left behind holds no read up: FFmpeg reads from the same socket.
        assert mine.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


def test_a_nap_does_not_begin_while_something_can_be_read() -> None:
    with connected() as (hang_up, mine, peer):
        peer.sendall(b"x")
        mine.recv(1, socket.MSG_PEEK)
        assert hang_up.nap(60.0) is False


def test_a_reader_that_has_caught_up_naps_over_the_beginning_of_a_picture() -> None:
    with connected() as (hang_up, mine, peer):
        peer.sendall(b"x")
        mine.recv(1, socket.MSG_PEEK)
        assert hang_up.nap(0.01, caught_up=True) is True


@pytest.mark.parametrize("how", ["hang up", "peer closes"])
def test_a_nap_ends_with_the_connection(how: str) -> None:
    with connected() as (hang_up, mine, peer):
        thread, _ = napping(hang_up)
        while mine.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1:
            time.sleep(0.001)
        if how == "hang up":
            hang_up.hang_up()
        else:
            peer.close()
        thread.join(10.0)
        assert not thread.is_alive()


def test_a_nap_ends_in_time() -> None:
    with connected() as (hang_up, _, _peer):
        assert hang_up.nap(0.01) is True


@pytest.fixture
def delivery() -> Iterator[Delivery]:
    recorder, clock, settings = Recorder(), ManualClock(), camera(str(clip()))
    connection = open_connection(settings, None)
    outlets = Outlets(
        camera=settings,
        sink=recorder,
        clock=clock,
        announce=Announcer(settings, recorder, clock),
        tally=Tally(recorder, settings.id),
        framer=Framer(settings, clock),
        watch=WakeWatch(quiet_s=10, rng=random.Random(1)),
        feedback=Feedback(),
        wanted=lambda: True,
        pause=lambda seconds: False,
    )
    yield Delivery(connection, 1, outlets)  # type: ignore[arg-type]
    connection.close()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("stream_s", "napped_s", "now_s", "came_s"),
    [
        (10.0, None, 110.5, 110.5),  # awake: when it was read
        (10.0, 110.0, 110.4, 110.1),  # by the swiftest way, 100.1 s after its stream time
        (10.0, 110.3, 110.7, 110.3),  # not before the nap began
        (10.6, 110.0, 110.4, 110.4),  # not in the future
        (None, 110.0, 110.4, 110.4),  # no stream time: when it was read
    ],
)
def test_what_came_during_a_nap_came_when_its_stream_says(
    delivery: Delivery, stream_s: float | None, napped_s: float | None, now_s: float, came_s: float
) -> None:
    for late_s in (0.3, 0.1, 0.2):
        delivery._came_ns(S, round((101 + late_s) * S))
    delivery._napped_ns = None if napped_s is None else round(napped_s * S)
    stream_ns = None if stream_s is None else round(stream_s * S)
    assert delivery._came_ns(stream_ns, round(now_s * S)) == pytest.approx(came_s * S, abs=10)
