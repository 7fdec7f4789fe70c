"""The example files: the manual is complete and true, the real one loads."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from edge_agent.config import load
from edge_agent.settings import (
    AgentSettings,
    CameraSettings,
    GroundSettings,
    LineSettings,
    RuleSettings,
    ZoneSettings,
)
from edge_agent.settings.hours import ScheduleSettings
from edge_agent.settings.rings import PerimeterPart, PerimeterSettings, PositionSettings
from tests.config_support import write_site

CONFIGS = Path(__file__).parents[1] / "configs"
MANUAL = (CONFIGS / "agent.example.toml").read_text()

#: A key's line in the manual, written or commented out: `#target_fps = 5.0`.
KEY_LINE = re.compile(r"#?([a-z_]+) = ")
HEADER = re.compile(r"\[+([a-z_.]+)\]+")
#: What the items of a list of tables are; `cells` stand in the camera's own lines.
LISTS = {
    "camera": CameraSettings,
    "camera.zones": ZoneSettings,
    "camera.lines": LineSettings,
    "camera.ground": GroundSettings,
    "camera.rules": RuleSettings,
    "schedules": ScheduleSettings,
    "positions": PositionSettings,
    "perimeters": PerimeterSettings,
    "perimeters.parts": PerimeterPart,
}
#: They have no default, and one of them and another key must be there.
ONE_OF_TWO = {"camera.zones.polygon", "camera.lines.points"}


def uncommented(text: str) -> dict[str, Any]:
    return tomllib.loads(re.sub(r"(?m)^#(?=[a-z_]+ = )", "", text))


def keys_of(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Return every key of a site file with its built-in default, `...` where it is required."""
    keys: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = LISTS.get(prefix + name, field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys |= keys_of(inner, f"{prefix}{name}.")
        elif name != "password":
            keys[prefix + name] = ... if field.is_required() else field.default
    return keys


def manual_entries() -> dict[str, tuple[str, bool]]:
    """Return, for each key of the manual, the text above it and whether it is commented out."""
    entries: dict[str, tuple[str, bool]] = {}
    prefix, above = "", ""
    for line in MANUAL.splitlines():
        if header := HEADER.match(line):
            prefix, above = f"{header.group(1)}.", ""
        elif key := KEY_LINE.match(line):
            assert prefix + key.group(1) not in entries
            entries[prefix + key.group(1)] = (above, line.startswith("#"))
            above = ""
        elif line.startswith("#"):
            above += line.removeprefix("#")
        else:
            above = ""
    return entries


def test_the_manual_loads_as_it_stands(tmp_path: Path) -> None:
    settings = load(write_site(tmp_path, MANUAL), {})
    assert settings.camera[0].zones[0].id == "doorway"


def test_the_manual_names_every_key_and_no_other() -> None:
    assert set(manual_entries()) == set(keys_of(AgentSettings))


@pytest.mark.parametrize("key", sorted(keys_of(AgentSettings)))
def test_the_manual_tells_a_key_s_meaning_and_true_default(key: str) -> None:
    above, is_comment = manual_entries()[key]
    default = keys_of(AgentSettings)[key]
    assert len(above.strip()) > 20, "no word on what it means"
    assert ("Required." in above) == (default is ...)
    assert is_comment == (default is not ...) or key in ONE_OF_TWO
    assert ("Default: none" in above) == (default is None)
    if default is not ... and default is not None:
        assert written_default(key) == as_toml(default)


def written_default(key: str) -> Any:
    tree: Any = uncommented(MANUAL)
    for part in key.split("."):
        tree = tree[0][part] if isinstance(tree, list) else tree[part]
    return tree


def as_toml(value: Any) -> Any:
    return [as_toml(item) for item in value] if isinstance(value, tuple) else value


def test_a_default_of_the_manual_has_the_type_of_its_key() -> None:
    for key, default in keys_of(AgentSettings).items():
        if isinstance(default, float) and not isinstance(default, bool):
            assert isinstance(written_default(key), float), f"{key} is no whole number"


def test_every_key_of_the_manual_is_allowed_together() -> None:
    AgentSettings.model_validate_json(json.dumps(uncommented(MANUAL)), strict=True)


def test_the_pi_with_four_town_cameras_loads_when_its_files_are_there(tmp_path: Path) -> None:
    text = (CONFIGS / "pi-four-town-cameras.toml").read_text()
    named = re.findall(r'^(?:\w+_file|manifest) = "(.+)"', text, re.MULTILINE)
    assert len(named) == 6
    for name in named:
        (tmp_path / name).write_text(f"secret of {name}\n")
    settings = load(write_site(tmp_path, text), {})
    cameras = settings.camera
    assert len(cameras) == 4
    assert {camera.ring.value for camera in cameras} == {"urban", "suburban"}
    assert {camera.layer.value for camera in cameras} == {"portrait", "checkpoint", "panoramic"}
    assert all(camera.detect_url and camera.username and camera.zones for camera in cameras)
    assert any(camera.ignore for camera in cameras)
    assert sum(camera.target_fps for camera in cameras) == 16
    for camera in cameras:
        assert camera.password is not None
        assert camera.password.get_secret_value() == f"secret of {camera.id}.password"
