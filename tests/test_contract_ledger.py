"""The ledger: what a receiver may conclude from what it got."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contract import Ledger, encode_agent_state, encode_event, parse_message
from edge_agent.contract.ledger import SeqRanges
from edge_agent.types import ClockSource, Envelope, Event, EventKind, Severity
from tests.outbox_support import WALL_NS, event


def envelope(seq: int, stream: str = "s", boot: str = "b") -> Envelope:
    return Envelope(f"e-{seq}", "a", "site", boot, stream, seq)


def book(ledger: Ledger, seq: int, what: Event | None = None, *, late_ns: int = 0, **who) -> bool:
    message = parse_message(*encode_event(what or event(), envelope(seq, **who)))
    return ledger.add(message, received_wall_ns=WALL_NS + late_ns)


def gap(*ranges: tuple[int, int]) -> Event:
    told = [{"first_seq": a, "last_seq": b, "reason": "bounds"} for a, b in ranges]
    count = sum(b - a + 1 for a, b in ranges)
    return Event(
        EventKind.GAP, Severity.WARNING, WALL_NS, True, data={"ranges": told, "count": count}
    )


def only_stream(ledger: Ledger) -> dict:
    (stream,) = ledger.report()["streams"]
    return stream


def test_all_of_a_sequence_is_complete() -> None:
    ledger = Ledger()
    assert all(book(ledger, seq) for seq in (1, 2, 3))
    assert ledger.complete
    assert only_stream(ledger)["received"] == 3


def test_a_hole_is_incomplete_until_a_gap_announces_it() -> None:
    ledger = Ledger()
    for seq in (1, 2, 6):
        book(ledger, seq)
    assert not ledger.complete
    assert only_stream(ledger)["missing_unannounced"] == [(3, 5)]

    book(ledger, 7, gap((3, 4)))
    assert only_stream(ledger)["missing_unannounced"] == [(5, 5)]
    assert only_stream(ledger)["missing_announced"] == [(3, 4)]

    book(ledger, 8, gap((5, 5)))
    assert ledger.complete
    assert only_stream(ledger)["missing_announced"] == [(3, 5)]


def test_a_duplicate_is_counted_and_a_late_row_is_out_of_order() -> None:
    ledger = Ledger()
    book(ledger, 1)
    book(ledger, 3)
    assert book(ledger, 2)
    assert not book(ledger, 3)
    stream = only_stream(ledger)
    assert (stream["duplicates"], stream["out_of_order"], stream["received"]) == (1, 1, 3)
    assert ledger.complete


def test_streams_are_judged_apart_and_a_late_joiner_owes_nothing() -> None:
    ledger = Ledger()
    book(ledger, 40)
    book(ledger, 41)
    book(ledger, 1, stream="other")
    assert ledger.complete
    assert len(ledger.report()["streams"]) == 2


def test_from_start_expects_the_first_too() -> None:
    ledger = Ledger(from_start=True)
    book(ledger, 3)
    assert only_stream(ledger)["missing_unannounced"] == [(1, 2)]
    assert not ledger.complete


def test_a_state_tells_what_is_still_awaited() -> None:
    ledger = Ledger()
    book(ledger, 1)
    state = encode_agent_state(
        envelope(0), online=True, reason="running", version="1", first_seq=1, last_seq=5
    )
    ledger.add(parse_message(*state), received_wall_ns=WALL_NS)
    stream = only_stream(ledger)
    assert (stream["awaited"], stream["told_first_seq"], stream["told_last_seq"]) == (4, 1, 5)
    assert ledger.complete


def test_losses_before_the_outbox_are_summed() -> None:
    ledger = Ledger()
    lost = {"count": 3, "by_kind": {"update": 3}}
    for seq in (1, 2):
        what = Event(EventKind.LOST_BEFORE_COMMIT, Severity.WARNING, WALL_NS, True, data=lost)
        book(ledger, seq, what)
    assert only_stream(ledger)["lost_before_commit"] == 6


def test_clock_skew_is_told_by_source() -> None:
    ledger = Ledger()
    for seq, late_ms in enumerate((30, 10, 20), start=1):
        book(ledger, seq, late_ns=late_ms * 1_000_000)
    assert only_stream(ledger)["clock_skew"] == {
        ClockSource.ARRIVAL: {"min_s": 0.01, "median_s": 0.02, "max_s": 0.03, "samples": 3}
    }


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=30))
def test_ranges_are_a_set_of_numbers(pairs: list[tuple[int, int]]) -> None:
    ranges, plain = SeqRanges(), set()
    for first, extra in pairs:
        ranges.add(first, first + extra)
        plain |= set(range(first, first + extra + 1))
    kept = list(ranges)
    assert {n for a, b in kept for n in range(a, b + 1)} == plain
    assert all(before[1] + 1 < after[0] for before, after in pairwise(kept))
    assert len(ranges) == len(plain)
    assert all((n in ranges) == (n in plain) for n in range(70))
    missing = {n for a, b in ranges.missing(5, 50) for n in range(a, b + 1)}
    assert missing == set(range(5, 51)) - plain
