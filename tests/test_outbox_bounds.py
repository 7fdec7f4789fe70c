"""The outbox within its bounds: what is removed, and how it is announced."""

from pathlib import Path

import pytest

from edge_agent.clock import ManualClock
from edge_agent.contract import Ledger, parse_message
from edge_agent.deliver.bounds import GapRange, merge_ranges
from edge_agent.deliver.event_queue import Batch
from edge_agent.deliver.outbox import Settled
from edge_agent.deliver.store import Reader
from tests.outbox_support import WALL_NS, acked, open_outbox, put, rows

TEN_YEARS_S = 10 * 366 * 86_400


def test_acked_rows_go_first_and_need_no_gap(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, max_rows=100)
    put(outbox, 99)
    outbox.commit(Batch(), acked(outbox, *range(40, 60)))
    put(outbox, 10)
    assert outbox.figures.depth == 90
    assert outbox.figures.rows <= 100
    assert not outbox.gaps_pending


def test_removed_rows_are_announced_in_merged_ranges(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, max_rows=100)
    for _ in range(20):
        put(outbox, 10)
    assert outbox.figures.rows <= 100
    assert outbox.gaps_pending
    outbox.commit(Batch(), [], announce_gaps=True)
    ledger = Ledger(from_start=True)
    reader = Reader(outbox.path)
    for _, topic, payload in reader.waiting(0, 1000):
        ledger.add(parse_message(topic, payload), received_wall_ns=WALL_NS)
    reader.close()
    assert ledger.complete
    (stream,) = ledger.report()["streams"]
    assert stream["kinds"]["gap"] == 1
    assert len(stream["missing_announced"]) == 1
    assert stream["missing_announced"][0][0] == 1
    assert not outbox.gaps_pending


def test_announcing_a_gap_removes_nothing_more(tmp_path: Path) -> None:
    """Else an outbox that cannot send would lose a row for each announcement."""
    outbox = open_outbox(tmp_path, max_rows=100)
    put(outbox, 101)
    assert outbox.gaps_pending
    assert outbox.commit(Batch(), [], announce_gaps=True).removed == 0
    assert not outbox.gaps_pending


def test_the_ranges_of_a_removed_gap_message_are_told_again(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, max_rows=100)
    put(outbox, 150)
    outbox.commit(Batch(), [], announce_gaps=True)
    gap_seq = outbox.figures.last_seq
    put(outbox, 150)  # the gap message itself is removed before anybody got it
    assert outbox.figures.first_seq > gap_seq
    outbox.commit(Batch(), [], announce_gaps=True)
    (last,) = [body for _, body in rows(outbox) if body["kind"] == "gap"]
    (told,) = last["data"]["ranges"]
    assert told["first_seq"] == 1
    assert told["last_seq"] == outbox.figures.first_seq - 1


def test_a_message_tells_at_most_500_ranges(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, max_rows=5000)
    put(outbox, 1202)
    refused = [Settled(outbox.stream_id, seq, acked=False) for seq in range(2, 1204, 2)]
    outbox.commit(Batch(), refused, announce_gaps=True)
    gaps = [body["data"] for _, body in rows(outbox) if body["kind"] == "gap"]
    assert [len(gap["ranges"]) for gap in gaps] == [500, 101]
    assert sum(gap["count"] for gap in gaps) == 601
    assert gaps[0]["ranges"][0] == {"first_seq": 2, "last_seq": 2, "reason": "refused"}


@pytest.mark.parametrize(
    ("gaps", "merged"),
    [
        ([(1, 2, "a"), (3, 4, "a")], [(1, 4, "a")]),
        ([(3, 4, "a"), (1, 2, "b")], [(1, 2, "b"), (3, 4, "a")]),
        ([(1, 9, "a"), (2, 3, "a"), (11, 12, "a")], [(1, 9, "a"), (11, 12, "a")]),
    ],
)
def test_ranges_that_touch_are_merged(gaps: list, merged: list) -> None:
    assert merge_ranges(GapRange(*gap) for gap in gaps) == [GapRange(*gap) for gap in merged]


def test_the_file_keeps_to_its_size(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path, max_mb=1)
    for _ in range(40):
        put(outbox, 100)
        assert outbox.figures.size_bytes <= 1_000_000
    outbox.commit(Batch(), [], announce_gaps=True)
    figures = outbox.figures
    assert figures.last_seq == 4002
    assert figures.depth > 500
    outbox.close()
    assert outbox.path.stat().st_size < 1_300_000


def test_age_counts_uptime_and_no_jump_of_the_clock_expires_anything(tmp_path: Path) -> None:
    clock = ManualClock()
    outbox = open_outbox(tmp_path, clock, max_age_h=1)
    put(outbox, 3)
    for jump_s in (TEN_YEARS_S, -2 * TEN_YEARS_S, TEN_YEARS_S):
        clock.jump_wall(jump_s)
        put(outbox, 1)
    assert outbox.figures.depth == 7

    clock.advance(1800)
    put(outbox, 1)
    outbox.close()
    later = ManualClock(mono_ns=5, wall_ns=0)  # another boot: monotonic time began anew
    outbox = open_outbox(tmp_path, later, max_age_h=1)
    later.advance(1799)
    put(outbox, 1)
    assert outbox.figures.depth == 9
    later.advance(2)
    put(outbox, 1)
    assert outbox.figures.first_seq == 8
    assert outbox.gaps_pending
