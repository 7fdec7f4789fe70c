"""The wheel brings the detector along, and an agent installed from it finds it there."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge_agent.config import boxed_model
from tests.toy_model import write_toy_yolox

ROOT = Path(__file__).parents[1]
BOXED = ROOT / "models" / "ring_nano.onnx"
#: Runs where only the unpacked wheel is; says where the boxed detector lies and what it is.
LOAD = """\
from edge_agent.config import boxed_model
from edge_agent.detect import open_detector
from edge_agent.settings import Plan
print(boxed_model(), boxed_model("yolox_nano"))
print(*(c.name for c in open_detector(boxed_model(), plan=Plan()).classes))
"""

pytestmark = pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling from PyPI")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of a copy, with a toy in the box while there is no trained detector."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy2(ROOT / name, copy / name)
    for name in ("edge_agent", "models"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    if not BOXED.exists():
        write_toy_yolox(copy / "models", name="ring_nano")
    (copy / "out").mkdir()
    build = "import hatchling.build; print(hatchling.build.build_wheel('out'))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return copy / "out" / done.stdout.split()[-1]


def test_the_models_lie_in_the_package_and_how_they_were_trained_stays_out(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "edge_agent/models/ring_nano.onnx" in names
    assert "edge_agent/models/ring_nano.toml" in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"edge_agent"}
    assert not [name for name in names if "training" in name and name.startswith("edge_agent/mod")]


def test_the_pictures_of_the_self_test_and_their_notice_come_along(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    pictures = ROOT / "edge_agent" / "detect" / "recognise" / "pictures"
    for file in pictures.iterdir():
        assert f"edge_agent/detect/recognise/pictures/{file.name}" in names
    (notice,) = (name for name in names if name.endswith("/NOTICE"))
    text = zipfile.ZipFile(wheel).read(notice).decode()
    assert all(name in text for name in ("astronaut.jpg", "hopper.jpg", "camera.jpg"))


def test_an_installed_agent_finds_and_loads_its_own_detector(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOAD], cwd="/", capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    places, classes = done.stdout.splitlines()[-2:]
    models = tmp_path / "edge_agent" / "models"
    assert places == f"{models}/ring_nano.toml {models}/yolox_nano.toml"
    assert {*classes.split()} == {"person", "vehicle"}


@pytest.mark.skipif(not BOXED.exists(), reason="needs models/ring_nano.onnx, not trained yet")
def test_the_trained_detector_is_in_the_box_small_and_free(wheel: Path) -> None:
    assert boxed_model() == BOXED.with_suffix(".toml")
    packed = zipfile.ZipFile(wheel).read("edge_agent/models/ring_nano.onnx")
    assert packed == BOXED.read_bytes()
    assert len(packed) <= 4_000_000
    manifest = boxed_model().read_text()
    assert re.search(r'^licence = "Apache-2.0"$', manifest, re.MULTILINE)
