"""The detector: a model and its manifest, from pictures to boxes.

`open_detector` gives the `Detector` of `ports.py`; the other names serve commands and tests.
"""

from edge_agent.detect.detector import OnnxDetector, open_detector
from edge_agent.detect.manifest import Manifest, load_manifest
from edge_agent.detect.picture import ArrayPicture

__all__ = ["ArrayPicture", "Manifest", "OnnxDetector", "load_manifest", "open_detector"]
