"""Which decode mode a camera gets where its settings name none."""

from edge_agent.settings import CameraSettings, DecodeMode
from edge_agent.settings.cameras import ALWAYS_LAYERS
from edge_agent.types import Ring


def decode_mode(camera: CameraSettings) -> tuple[DecodeMode, str]:
    """Return the decode mode of `camera`, and what decided it, for people."""
    if camera.decode is not None:
        return camera.decode, "the site file"
    return default_decode_mode(camera)


def default_decode_mode(camera: CameraSettings) -> tuple[DecodeMode, str]:
    """Return the mode that layer and ring give, and which of them decided it."""
    if camera.position is not None:
        return DecodeMode.ALWAYS, "it moves, so that its picture never rests"
    if camera.layer in ALWAYS_LAYERS:
        return DecodeMode.ALWAYS, f"layer {camera.layer.value}"
    mode = DecodeMode.ALWAYS if camera.ring is Ring.URBAN else DecodeMode.ON_DEMAND
    return mode, f"ring {camera.ring.value}"
