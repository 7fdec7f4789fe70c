"""What the tests of the detector share: manifests of the shared models, frames, pairing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.detect import ArrayPicture
from edge_agent.types import ClockSource, Frame, FrameRef

SHARED = Path(__file__).parents[1].parent / "shared"
NANO = Path(__file__).parents[1] / "models" / "yolox_nano.toml"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared")


def photo(name: str) -> np.ndarray:
    return cv2.imread(str(SHARED / "media" / name))


def nano_manifest(folder: Path, file: str, sha256: str, *, trim: bool = True) -> Path:
    """Write the shipped manifest of YOLOX-Nano for another export of it."""
    lines = [
        f'file = "{SHARED / "models" / file}"'
        if line.startswith("file = ")
        else f'sha256 = "{sha256}"'
        if line.startswith("sha256 = ")
        else line
        for line in NANO.read_text().splitlines()
    ]
    path = folder / f"{Path(file).stem}.toml"
    lines.insert(0, f"trim = {str(trim).lower()}")
    path.write_text("\n".join(lines) + "\n")
    return path


def frame_of(bgr: np.ndarray, camera_id: str = "gate", index: int = 0) -> Frame:
    picture = ArrayPicture(bgr)
    ref = FrameRef(camera_id, 1, index, index, index, index, ClockSource.ARRIVAL, True, picture.wh)
    return Frame(ref, picture)
