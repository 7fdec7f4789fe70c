"""The packet ring: whole GOPs, bounded in bytes and seconds, found again by time."""

from dataclasses import dataclass
from typing import cast

import av
import pytest

from edge_agent.source.ring import Arrival, Gop, Held, PacketRing

S = 1_000_000_000


@dataclass
class Packet:
    pts: int | None
    size: int = 1000


def held(index: int, *, gop: int = 5, size: int = 1000, pts: int | None = None) -> Held:
    packet = cast("av.Packet[av.VideoStream]", Packet(index if pts is None else pts, size))
    return Held(packet, Arrival(0, None, index * S, keyframe=index % gop == 0))


def fed(ring: PacketRing, first: int, count: int, **fields: int) -> list[Gop]:
    gone = []
    for index in range(first, first + count):
        gone += ring.add(held(index, **fields), index * S)
    return gone


def pts(packets: object) -> list[int | None]:
    return [h.packet.pts for h in packets]  # type: ignore[attr-defined]


def test_it_keeps_the_running_gop_and_two_before() -> None:
    ring = PacketRing(max_bytes=10**9, max_s=600)
    assert fed(ring, 2, 3) == []  # before the first keyframe nothing is kept
    assert not ring.gops
    gone = fed(ring, 5, 17)
    assert [pts(gop.packets) for gop in gone] == [[5, 6, 7, 8, 9]]
    assert [pts(gop.packets) for gop in ring.gops] == [
        [10, 11, 12, 13, 14], [15, 16, 17, 18, 19], [20, 21],
    ]  # fmt: skip
    assert ring.bytes == 12_000
    assert ring.is_whole
    assert ring.cut is None


@pytest.mark.parametrize(("since_s", "first"), [(12, 10), (10, 10), (15, 15), (99, 15), (3, 5)])
def test_packets_since_the_keyframe_at_or_before(since_s: int, first: int) -> None:
    ring = PacketRing(max_bytes=10**9, max_s=600)
    fed(ring, 0, 17)
    assert pts(ring.since(since_s * S)) == list(range(first, 17))


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"max_bytes": 10**9, "max_s": 8}, "two GOPs are longer than buffer_s: more than 8 s"),
        ({"max_bytes": 8500, "max_s": 600}, "two GOPs are larger than buffer_mb"),
        # not even one GOP fits
        ({"max_bytes": 10**9, "max_s": 3}, "two GOPs are longer than buffer_s: more than 3 s"),
        ({"max_bytes": 3500, "max_s": 600}, "two GOPs are larger than buffer_mb"),
    ],
)
def test_a_bound_that_is_too_small_cuts_and_says_so(bounds: dict[str, int], said: str) -> None:
    ring = PacketRing(**bounds)  # type: ignore[arg-type]
    fed(ring, 0, 33)
    assert not ring.is_whole
    assert said in str(ring.cut)
    assert ring.bytes == sum(gop.bytes for gop in ring.gops) <= bounds["max_bytes"]
    assert all(gop.packets[0].arrival.keyframe for gop in ring.gops)


def test_bounds_that_hold_two_gops_but_not_three_do() -> None:
    ring = PacketRing(max_bytes=10**9, max_s=11)
    gone = fed(ring, 0, 33)
    assert [gop.began_ns // S for gop in gone] == [0, 5, 10, 15, 20]
    assert ring.is_whole
    assert ring.cut is None


def test_it_is_whole_again_when_gops_become_shorter() -> None:
    ring = PacketRing(max_bytes=10**9, max_s=8)
    fed(ring, 0, 20)
    assert ring.cut
    fed(ring, 20, 8, gop=2)
    assert ring.is_whole
    assert ring.cut is None


def test_a_jump_of_the_times_forgets_what_was_held() -> None:
    ring = PacketRing(max_bytes=10**9, max_s=600)
    fed(ring, 0, 17)
    assert ring.goes_back(16 * S)
    assert not ring.goes_back(17 * S)
    fed(ring, 5, 2)
    assert [pts(gop.packets) for gop in ring.gops] == [[5, 6]]
    assert ring.bytes == 2000
    assert not ring.is_whole


def test_an_open_gop_in_display_order() -> None:
    gop = Gop(0)
    for at, value in enumerate([6, 4, 5, None, 9, 7, 8]):
        packet = cast("av.Packet[av.VideoStream]", Packet(value))
        gop.packets.append(Held(packet, Arrival(at, None)))
    assert [value for value, _ in gop.in_display_order()] == [4, 5, 6, 7, 8, 9]
    assert [value for value, _ in gop.leading()] == [4, 5]
    assert [held.arrival.mono_ns for _, held in gop.leading()] == [1, 2]


@pytest.mark.parametrize(
    ("bounds", "asked", "given"),
    [
        ({"max_bytes": 10**9, "max_s": 600}, 4, 4),
        ({"max_bytes": 35_000, "max_s": 600}, 4, 4),  # seven GOPs of five packets
        ({"max_bytes": 34_000, "max_s": 600}, 4, 2),
        ({"max_bytes": 10**9, "max_s": 34}, 4, 2),
        ({"max_bytes": 16_000, "max_s": 600}, 2, 1),
        ({"max_bytes": 16_000, "max_s": 600}, 1, 1),
    ],
)
def test_it_needs_no_more_gops_than_the_bounds_have_room_for(
    bounds: dict[str, int], asked: int, given: int
) -> None:
    ring = PacketRing(**bounds)
    fed(ring, 0, 11)
    assert ring.need(asked) == given
    fed(ring, 11, 60)
    assert ring.is_whole
    assert len(ring.gops) == given + min(given, 2) + 1


def test_it_needs_one_gop_until_there_are_two_to_judge_by() -> None:
    ring = PacketRing(max_bytes=10**9, max_s=600)
    fed(ring, 0, 4)
    assert ring.need(4) == 1
