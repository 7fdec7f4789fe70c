"""What is given up first, and what never: the ladder of a site."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.policy.ladder import FLOOR_S, build_ladder, longest_stride
from edge_agent.settings import CameraSettings
from edge_agent.types import Layer, Ring


def camera(
    ring: str = "urban", layer: str = "portrait", fps: float = 5.0, name: str = "c"
) -> CameraSettings:
    return CameraSettings(id=name, url="rtsp://h/1", ring=ring, layer=layer, target_fps=fps)


TOWN = [
    camera("urban", "portrait"), camera("suburban", "panoramic"), camera("rural", "uav"),
    camera("urban", "checkpoint"), camera("suburban", "checkpoint"), camera("rural", "checkpoint"),
]  # fmt: skip


def test_the_order_of_a_whole_county() -> None:
    """Moving strides after the dots, quiet ones after the bar; cameras as in TOWN."""
    rungs = [(r.name, r.moving, r.quiet) for r in build_ladder(TOWN, coast_s=2.0)]
    assert rungs == [
        ("all", (1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 1)),
        ("updates", (1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 1)),
        ("quiet rural", (1, 1, 1, 1, 1, 1), (1, 1, 2, 1, 1, 1)),
        ("quiet suburban", (1, 1, 1, 1, 1, 1), (1, 2, 2, 1, 1, 1)),
        ("rural 1/2", (1, 1, 2, 1, 1, 1), (1, 2, 4, 1, 1, 1)),
        ("suburban 1/2", (1, 2, 2, 1, 1, 1), (1, 4, 4, 1, 1, 1)),
        ("urban 1/2", (2, 2, 2, 1, 1, 1), (2, 4, 4, 1, 1, 1)),
        ("rural 1/4", (2, 2, 4, 1, 1, 1), (2, 4, 8, 1, 1, 1)),
        ("suburban 1/4", (2, 4, 4, 1, 1, 1), (2, 8, 8, 1, 1, 1)),
        ("urban 1/4", (4, 4, 4, 1, 1, 1), (4, 8, 8, 1, 1, 1)),
        # half of coast_s is 1 s, five frames at 5 fps: no rung goes further while something moves
        ("rural 1/8", (4, 4, 5, 1, 1, 1), (4, 8, 10, 1, 1, 1)),
        ("suburban 1/8", (4, 5, 5, 1, 1, 1), (4, 10, 10, 1, 1, 1)),
        ("urban 1/8", (5, 5, 5, 1, 1, 1), (5, 10, 10, 1, 1, 1)),
        ("rural checkpoints 1/2", (5, 5, 5, 1, 1, 2), (5, 10, 10, 1, 1, 2)),
        ("suburban checkpoints 1/2", (5, 5, 5, 1, 2, 2), (5, 10, 10, 1, 2, 2)),
        ("urban checkpoints 1/2", (5, 5, 5, 2, 2, 2), (5, 10, 10, 2, 2, 2)),
        ("rural checkpoints 1/4", (5, 5, 5, 2, 2, 4), (5, 10, 10, 2, 2, 4)),
        ("suburban checkpoints 1/4", (5, 5, 5, 2, 4, 4), (5, 10, 10, 2, 4, 4)),
        ("urban checkpoints 1/4", (5, 5, 5, 4, 4, 4), (5, 10, 10, 4, 4, 4)),
        ("rural checkpoints 1/8", (5, 5, 5, 4, 4, 5), (5, 10, 10, 4, 4, 5)),
        ("suburban checkpoints 1/8", (5, 5, 5, 4, 5, 5), (5, 10, 10, 4, 5, 5)),
        ("urban checkpoints 1/8", (5, 5, 5, 5, 5, 5), (5, 10, 10, 5, 5, 5)),
    ]


def test_updates_come_more_rarely_before_any_frame_is_left_out() -> None:
    stretches = [rung.update_stretch for rung in build_ladder(TOWN, coast_s=2.0)]
    assert stretches[0] == 1.0
    assert set(stretches[1:]) == {3.0}


def test_a_site_has_only_the_rungs_that_change_something_there() -> None:
    names = [rung.name for rung in build_ladder([camera("urban", fps=2.0)], coast_s=2.0)]
    assert names == ["all", "updates", "urban 1/2"]


def test_a_camera_that_asks_for_little_is_never_thinned() -> None:
    slow = [camera("rural", fps=0.5), camera("rural", fps=0.2)]
    assert [rung.name for rung in build_ladder(slow, coast_s=2.0)] == ["all", "updates"]


@pytest.mark.parametrize(
    ("fps", "floor_s", "stride"),
    [(5.0, 2.0, 10), (5.0, 1.0, 5), (0.5, 2.0, 1), (0.1, 2.0, 1), (29.97, 2.0, 59), (0.7, 2.0, 1)],
)
def test_the_longest_stride_within_the_floor(fps: float, floor_s: float, stride: int) -> None:
    assert longest_stride(fps, floor_s) == stride


sites = st.lists(
    st.builds(
        camera,
        st.sampled_from([r.value for r in Ring]),
        st.sampled_from([layer.value for layer in Layer]),
        st.floats(0.05, 60.0),
    ),
    min_size=1,
    max_size=12,
)


@given(sites, st.floats(0.1, 60.0))
def test_no_rung_of_any_site_goes_below_the_floor_or_ends_a_track(
    cameras: list[CameraSettings], coast_s: float
) -> None:
    for rung in build_ladder(cameras, coast_s=coast_s):
        for each, moving, quiet in zip(cameras, rung.moving, rung.quiet, strict=True):
            period_s = 1 / each.target_fps
            assert 1 <= moving <= quiet
            assert quiet == 1 or quiet * period_s <= FLOOR_S + 1e-6
            assert moving == 1 or moving * period_s <= coast_s / 2 + 1e-6


@given(sites)
def test_each_rung_gives_up_more_than_the_one_before(cameras: list[CameraSettings]) -> None:
    rungs = build_ladder(cameras, coast_s=2.0)
    for before, after in pairwise(rungs[1:]):
        assert all(a <= b for a, b in zip(before.moving, after.moving, strict=True))
        assert all(a <= b for a, b in zip(before.quiet, after.quiet, strict=True))
        assert (before.moving, before.quiet) != (after.moving, after.quiet)


@given(sites)
def test_a_denser_ring_never_yields_before_a_thinner_one(cameras: list[CameraSettings]) -> None:
    """Of two cameras alike but for the ring, the rural one never gets more than the urban one."""
    pair = [camera("rural", "portrait"), camera("urban", "portrait")]
    for rung in build_ladder([*cameras, *pair], coast_s=2.0):
        assert rung.moving[-2] >= rung.moving[-1]
        assert rung.quiet[-2] >= rung.quiet[-1]
