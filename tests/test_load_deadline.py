"""Who goes first among ready frames: hunger, then the deadline, then the ring."""

import pytest

from edge_agent.hotloop.schedule import SlotView, choose
from edge_agent.settings import CameraSettings, Plan
from edge_agent.types import Layer, Ring

MS = 1_000_000


def view(ring: Ring, *, slo_ms: int, offered_ms: int = 0, taken_ms: int | None = -200) -> SlotView:
    return SlotView(
        period_ns=200 * MS, ring=ring, offered_ns=offered_ms * MS, last_offer_ns=offered_ms * MS,
        last_taken_ns=None if taken_ms is None else taken_ms * MS, slo_ns=slo_ms * MS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # a checkpoint in the country before a panorama in town, though both are hungry alike
        (view(Ring.URBAN, slo_ms=1000), view(Ring.RURAL, slo_ms=250), 1),
        # and though the other is a little hungrier
        (view(Ring.URBAN, slo_ms=1000, taken_ms=-230), view(Ring.RURAL, slo_ms=250), 1),
        # a whole period of hunger outweighs every deadline: nobody starves
        (view(Ring.RURAL, slo_ms=1000, taken_ms=-410), view(Ring.URBAN, slo_ms=250), 0),
        (view(Ring.RURAL, slo_ms=1000, taken_ms=None), view(Ring.URBAN, slo_ms=250), 0),
        # 700 ms of its second have passed: 300 are left, fewer than the other's 500
        (view(Ring.RURAL, slo_ms=1000, offered_ms=-700), view(Ring.URBAN, slo_ms=500), 0),
        # the same deadline: the denser ring
        (view(Ring.SUBURBAN, slo_ms=500), view(Ring.URBAN, slo_ms=500), 1),
    ],
)
def test_who_goes_first(first: SlotView, second: SlotView, expected: int) -> None:
    assert choose([first, second], Plan(), now_ns=10 * MS).slots == (expected,)


@pytest.mark.parametrize(
    ("layer", "slo_s"),
    [(Layer.CHECKPOINT, 0.25), (Layer.UAV, 0.3), (Layer.PORTRAIT, 0.5), (Layer.PANORAMIC, 1.0)],
)
def test_the_latency_of_a_layer_where_the_file_names_none(layer: Layer, slo_s: float) -> None:
    camera = CameraSettings(id="c", url="rtsp://h/1", ring="urban", layer=layer)
    assert camera.slo_s == slo_s
    named = camera.model_copy(update={"latency_slo_ms": 80.0})
    assert named.slo_s == 0.08
