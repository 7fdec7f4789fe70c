"""Which decode mode a camera gets: by layer first, then by ring, unless the site file says."""

import pytest

from edge_agent.policy.decoding import decode_mode
from edge_agent.settings import CameraSettings


@pytest.mark.parametrize(
    ("layer", "ring", "written", "mode", "because"),
    [
        ("checkpoint", "rural", None, "always", "layer checkpoint"),
        ("uav", "suburban", None, "always", "layer uav"),
        ("portrait", "urban", None, "always", "ring urban"),
        ("panoramic", "urban", None, "always", "ring urban"),
        ("portrait", "suburban", None, "on_demand", "ring suburban"),
        ("panoramic", "rural", None, "on_demand", "ring rural"),
        ("checkpoint", "urban", "on_demand", "on_demand", "the site file"),
        ("portrait", "rural", "always", "always", "the site file"),
        ("portrait", "rural", "keyframes", "keyframes", "the site file"),
    ],
)
def test_decode_mode(layer: str, ring: str, written: str | None, mode: str, because: str) -> None:
    camera = CameraSettings(id="c", url="rtsp://h/1", ring=ring, layer=layer, decode=written)
    assert decode_mode(camera) == (mode, because)
