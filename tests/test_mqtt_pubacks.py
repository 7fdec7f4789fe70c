"""What the sender does with a broker's answers, against a peer that gives each of them."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent import backoff
from edge_agent.deliver import Delivery, writer
from edge_agent.types import EventKind
from tests.brokers import Received, Script, ScriptedPeer, free_port
from tests.outbox_support import CountingMeter, delivery, event
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.05)
    monkeypatch.setattr(writer, "PATIENT_S", 0.05)


@contextmanager
def running(
    folder: Path, peer: ScriptedPeer, **settings: object
) -> Iterator[tuple[Delivery, CountingMeter]]:
    meter = CountingMeter()
    agent = delivery(folder, peer.url, meter=meter, **settings)
    agent.start()
    try:
        yield agent, meter
    finally:
        agent.stop(2)


def depth(agent: Delivery) -> int:
    return int(agent.snapshot()["outbox"]["depth"])


def seqs(rows: list[Received]) -> list[int]:
    return [json.loads(row.payload)["seq"] for row in rows]


def is_camera(message: Received, camera: str) -> bool:
    return f"/{camera}/" in message.topic


@pytest.mark.parametrize("code", [0x00, 0x10])
def test_success_marks_rows_acked(tmp_path: Path, code: int) -> None:
    script = Script(puback=lambda message: code)
    with ScriptedPeer(script) as peer, running(tmp_path, peer) as (agent, meter):
        for _ in range(5):
            agent.put(event())
        wait_until(lambda: meter.counts["events_acked"] == 6, "all acked")
        assert seqs(peer.rows()) == [1, 2, 3, 4, 5, 6]
        assert agent.snapshot()["outbox"]["acked"] == 6


@pytest.mark.parametrize("code", [0x80, 0x83, 0x91, 0x97])
def test_a_row_that_is_wanted_later_comes_again_and_blocks_nobody(
    tmp_path: Path, code: int
) -> None:
    tries: Counter[str] = Counter()

    def answer(message: Received) -> int:
        tries[message.topic] += 1
        return code if is_camera(message, "sick") and tries[message.topic] <= 3 else 0

    with ScriptedPeer(Script(puback=answer)) as peer, running(tmp_path, peer) as (agent, meter):
        agent.put(event(camera="sick"))
        for _ in range(5):
            agent.put(event())
        wait_until(lambda: meter.counts["events_acked"] == 7, "all acked")
        again = [row for row in peer.rows() if is_camera(row, "sick")]
        assert len(again) == 4
        assert len({row.connection for row in again}) == 1
        assert meter.counts["events_parked"] == 0
        assert set(seqs(peer.rows())) == set(range(1, 8))


@pytest.mark.parametrize("code", [0x87, 0x90, 0x99])
def test_a_refused_row_is_parked_counted_and_announced(tmp_path: Path, code: int) -> None:
    script = Script(puback=lambda message: code if is_camera(message, "secret") else 0)
    with ScriptedPeer(script) as peer, running(tmp_path, peer) as (agent, meter):
        for camera in ("gate", "secret", "gate", "secret", "gate"):
            agent.put(event(camera=camera))
        wait_until(lambda: any(r.topic.endswith("/gaps") for r in peer.rows()), "a gap is told")
        wait_until(lambda: depth(agent) == 0, "nothing waits")
        (gap,) = [json.loads(r.payload) for r in peer.rows() if r.topic.endswith("/gaps")]
        parked = [
            s for r, s in zip(peer.rows(), seqs(peer.rows()), strict=True) if is_camera(r, "secret")
        ]
        told = [(r["first_seq"], r["last_seq"], r["reason"]) for r in gap["data"]["ranges"]]
        assert told == [(seq, seq, "refused") for seq in parked]
        assert meter.counts["events_parked"] == 2
        assert len(seqs(peer.rows())) == len(set(seqs(peer.rows())))  # none was sent twice


def test_twenty_rows_wanted_later_hold_the_rest_back(tmp_path: Path) -> None:
    refusing = threading.Event()
    refusing.set()
    script = Script(puback=lambda m: 0x97 if refusing.is_set() and "/events/" in m.topic else 0)
    with ScriptedPeer(script) as peer, running(tmp_path, peer) as (agent, meter):
        for _ in range(60):
            agent.put(event())
        wait_until(lambda: len(peer.rows()) > 60, "rows were tried again")
        assert max(seqs(peer.rows())) <= 40
        refusing.clear()
        wait_until(lambda: depth(agent) == 0, "all acked")
        assert set(seqs(peer.rows())) == set(range(1, 62))
        assert meter.counts["events_parked"] == 0


@pytest.mark.parametrize(("granted", "asked", "window"), [(1, 20, 1), (3, 20, 3), (None, 5, 5)])
def test_no_more_is_in_flight_than_both_sides_allow(
    tmp_path: Path, granted: int | None, asked: int, window: int
) -> None:
    script = Script(receive_maximum=granted, puback=lambda message: None)
    with ScriptedPeer(script) as peer, running(tmp_path, peer, max_inflight=asked) as (agent, _):
        agent.put_state("gate", {"state": "live"})
        for _ in range(20):
            agent.put(event())

        def answered_all() -> bool:
            # Held until the window is full, so that one message too many would be seen.
            if peer.held >= window or depth(agent) < window:
                peer.answer_held()
            return depth(agent) == 0

        wait_until(answered_all, "all acked")
        assert max(message.unanswered for message in peer.received) == window
        assert seqs(peer.rows()) == list(range(1, 22))
        script.puback = lambda message: 0


def test_a_connection_cut_in_flight_loses_nothing_and_each_has_a_clean_start(
    tmp_path: Path,
) -> None:
    cuts = [7, 15]

    def cut(message: Received) -> bool:
        if "/events/" in message.topic and cuts and json.loads(message.payload)["seq"] == cuts[0]:
            cuts.pop(0)
            return True
        return False

    with ScriptedPeer(Script(cut_after=cut)) as peer, running(tmp_path, peer) as (agent, meter):
        for _ in range(30):
            agent.put(event())
        wait_until(lambda: meter.counts["events_acked"] == 31, "all acked")
        assert len(peer.connects) == 3
        assert all(connect == {"clean_start": True, "will": True} for connect in peer.connects)
        for number in (1, 2, 3):  # in order within each connection, nothing skipped
            sent = seqs([row for row in peer.rows() if row.connection == number])
            assert sent == list(range(sent[0], sent[-1] + 1))
        assert set(seqs(peer.rows())) == set(range(1, 32))
        assert agent.snapshot()["broker"]["reconnects"] == 2


def test_unanswered_rows_come_again_only_over_a_new_connection(tmp_path: Path) -> None:
    script = Script(puback=lambda message: None)
    with ScriptedPeer(script) as peer, running(tmp_path, peer) as (agent, _):
        for _ in range(3):
            agent.put(event())
        wait_until(lambda: len(peer.rows()) == 4, "rows are in flight")
        script.puback = lambda message: 0
        peer.cut_all()
        wait_until(lambda: depth(agent) == 0, "all acked")
        assert seqs(peer.rows()) == [1, 2, 3, 4] * 2


@pytest.mark.parametrize(
    ("connack", "words"),
    [
        (0x84, "it does not speak MQTT 5 (0x84)"),
        (0x86, "user name or password is wrong (0x86)"),
        (0x87, "this user is not allowed to connect (0x87)"),
        (0x88, "server unavailable (0x88)"),
        (0x01, "it does not speak MQTT 5"),
    ],
)
def test_a_refused_connection_says_why_and_is_tried_again(
    tmp_path: Path, connack: int, words: str
) -> None:
    script = Script(connack=connack)
    with ScriptedPeer(script) as peer, running(tmp_path, peer) as (agent, _):
        wait_until(lambda: agent.snapshot()["broker"]["state"] == "waiting", "refused")
        reason = agent.snapshot()["broker"]["reason"]
        assert reason.startswith(f"broker {peer.url}: refused the connection: {words}")
        script.connack = 0
        wait_until(lambda: depth(agent) == 0, "connected and sent")
        assert agent.snapshot()["broker"]["reason"] is None


def test_a_broker_without_qos_1_is_refused(tmp_path: Path) -> None:
    with ScriptedPeer(Script(maximum_qos=0)) as peer, running(tmp_path, peer) as (agent, _):
        wait_until(lambda: agent.snapshot()["broker"]["reason"], "refused")
        assert "it offers no QoS 1" in agent.snapshot()["broker"]["reason"]
        assert not peer.rows()


def test_a_peer_that_never_answers_is_left_in_time(tmp_path: Path) -> None:
    script = Script(silent=True)
    with ScriptedPeer(script) as peer, running(tmp_path, peer, connect_timeout_s=1) as (agent, _):
        wait_until(lambda: agent.snapshot()["broker"]["reason"], "gave up")
        assert (
            "no CONNACK within 1.0 s; does it speak MQTT 5?" in agent.snapshot()["broker"]["reason"]
        )


def test_a_row_above_the_brokers_packet_size_is_parked(tmp_path: Path) -> None:
    with (
        ScriptedPeer(Script(maximum_packet=1500)) as peer,
        running(tmp_path, peer) as (agent, meter),
    ):
        agent.put(event(EventKind.START, *range(1, 40)))
        agent.put(event())
        wait_until(lambda: meter.counts["events_parked"] == 1, "parked")
        wait_until(lambda: any(r.topic.endswith("/gaps") for r in peer.rows()), "a gap is told")
        assert seqs(peer.rows()) == [1, 3, 4]


def test_latency_is_measured_to_the_commit_and_to_the_puback_by_kind(tmp_path: Path) -> None:
    with ScriptedPeer() as peer, running(tmp_path, peer) as (agent, meter):
        agent.put(event(mono_ns=1))
        agent.put(event(EventKind.UPDATE, mono_ns=1))
        agent.put(event(EventKind.END))  # knows no arrival
        wait_until(lambda: meter.counts["events_acked"] == 4, "all acked")
        assert {name: len(times) for name, times in meter.seconds.items()} == {
            "latency_commit": 1,  # of what is not an update
            "latency_event": 1,
            "latency_update": 1,
        }


def test_stop_with_a_broker_away_is_quick_and_keeps_everything(tmp_path: Path) -> None:
    agent = delivery(tmp_path, f"mqtt://127.0.0.1:{free_port()}")
    agent.start()
    for _ in range(10):
        agent.put(event())
    agent.stop(3)
    with ScriptedPeer() as peer, running(tmp_path, peer) as (later, _):
        wait_until(lambda: depth(later) == 0, "sent after the restart")
        assert seqs(peer.rows()) == list(range(1, 12))


def test_stop_sends_what_is_queued_then_the_last_state_and_a_clean_end(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        with running(tmp_path, peer) as (agent, _):
            wait_until(lambda: agent.snapshot()["broker"]["state"] == "connected", "connected")
            agent.put(event(EventKind.UPDATE))
            agent.put(event(EventKind.END))
        assert seqs(peer.rows()) == [1, 2, 3]
        last = peer.received[-1]
        assert last.topic == "edge/v1/riverside/town-gate/state"
        assert last.retain
        state = json.loads(last.payload)
        assert (state["online"], state["reason"], state["last_seq"]) == (False, "stopped", 3)
        wait_until(lambda: peer.disconnects == [0], "a clean DISCONNECT came")
