"""The example sites: each gives the events that it expects, and notices when one is missing."""

import json
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.errors import AgentError
from edge_agent.settings import AgentSettings, RuleKind
from edge_agent.types import Ring
from tests.replay_support import run

SITES = Path(__file__).parents[1] / "configs" / "sites"
NAMES = sorted(path.parent.name for path in SITES.glob("*/site.toml"))
DOCS = SITES.parents[1] / "docs"
DRAW = (DOCS / "rules" / "draw").read_text()
SETTINGS = [load(SITES / name / "site.toml", {}) for name in NAMES]


def copy(tmp_path: Path, name: str = "yard") -> Path:
    return Path(shutil.copytree(SITES / name, tmp_path / name))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_site_gives_the_events_that_it_expects(name: str) -> None:
    result = run("replay", SITES / name)
    assert result.exit_code == 0, result.output


def used(find: Callable[[AgentSettings], Iterable[object]]) -> set[object]:
    """Return what the site files of all examples have of something."""
    return {one for site in SETTINGS for one in find(site)}


def told_kinds() -> set[str]:
    """Return the kinds of events that the examples expect."""
    files = [json.loads((SITES / name / "expect.json").read_text()) for name in NAMES]
    return {event["kind"] for file in files for event in file["events"]}


@pytest.mark.parametrize("kind", list(RuleKind))
def test_some_example_site_has_a_rule_of_each_kind_and_expects_it_to_fire(kind: RuleKind) -> None:
    assert kind in used(lambda site: (r.kind for camera in site.camera for r in camera.rules))
    assert kind.value in told_kinds()


@pytest.mark.parametrize("kind", list(RuleKind))
def test_each_kind_of_rule_has_a_drawing_that_can_be_made_anew(kind: RuleKind) -> None:
    picture = f"rules/{kind}.jpg"
    assert f"]({picture})" in (DOCS / "rules.md").read_text()
    assert 5_000 < (DOCS / picture).stat().st_size < 60_000
    lines = re.findall(rf"^draw {kind} +(\S+) +(\S+) +(\S+)$", DRAW, re.MULTILINE)
    ((site, camera, rule),) = lines
    settings = SETTINGS[NAMES.index(site)]
    (found,) = [one for one in settings.camera if one.id == camera]
    assert rule.startswith("@") or kind in {r.kind for r in found.rules if r.id == rule}


def test_the_example_sites_use_what_rings_mean() -> None:
    assert used(lambda s: (c.ring for c in s.camera)) == set(Ring)
    assert {"perimeter", "ring_change", "quiet_hours"} <= told_kinds()
    policies = [s.rings.policy(ring) for s in SETTINGS for ring in Ring]
    written = {key for policy in policies for key in policy.model_fields_set}
    assert written >= {
        "target_fps", "dwell_s", "loitering_s", "severity", "quiet_hours", "quiet_severity",
    }  # fmt: skip
    assert any("sunset" in str(policy.quiet_hours) for policy in policies)
    assert any(s.grid.file for s in SETTINGS)
    assert any(s.grid.rows for s in SETTINGS)
    assert any(c.cells for s in SETTINGS for c in s.camera)
    assert any(c.position for s in SETTINGS for c in s.camera)
    assert any(len({p.camera for p in one.parts}) > 1 for s in SETTINGS for one in s.perimeters)


def test_every_folder_of_the_example_sites_is_one() -> None:
    folders = {path.name for path in SITES.iterdir() if path.is_dir()}
    assert folders == set(NAMES)
    assert len(NAMES) >= 2


def assert_it_is_missed(folder: Path, place: int) -> None:
    """Delete the expected event at `place` and see `replay` name it as unexpected."""
    expect = folder / "expect.json"
    wanted = json.loads(expect.read_text())
    deleted = wanted["events"].pop(place)
    expect.write_text(json.dumps(wanted))
    result = run("replay", folder)
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("unexpected")]
    assert f"{deleted['time_s']:.2f} s" in line
    assert deleted["kind"] in line


@pytest.mark.parametrize("gone", range(5))
def test_deleting_one_expected_event_makes_it_fail(gone: int, tmp_path: Path) -> None:
    assert_it_is_missed(copy(tmp_path), gone)


def test_an_event_that_does_not_come_makes_it_fail(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    expect = folder / "expect.json"
    wanted = json.loads(expect.read_text())
    wanted["events"].append({"time_s": 3.0, "kind": "crowd"})
    expect.write_text(json.dumps(wanted))
    result = run("replay", folder)
    assert result.exit_code == 1
    assert "missing         3.00 s  crowd" in result.stdout


def test_several_sites_are_all_replayed_and_one_that_fails_fails_all(tmp_path: Path) -> None:
    good, bad = copy(tmp_path), tmp_path / "bad"
    shutil.copytree(good, bad)
    (bad / "expect.json").write_text("{}")
    result = run("replay", bad, good)
    assert result.exit_code == 1
    assert f"{bad}: 5 differences" in result.stdout
    assert f"{good}: all 5 events are as expected" in result.stdout


def test_a_site_s_expectation_can_be_recorded_anew(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    before = (folder / "expect.json").read_text()
    (folder / "expect.json").unlink()
    assert run("replay", folder, "--record", folder / "expect.json").exit_code == 0
    assert (folder / "expect.json").read_text() == before


@pytest.mark.parametrize("name", ["footage.toml", "expect.json"])
def test_a_site_without_one_of_its_files_is_refused_by_name(name: str, tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / name).unlink()
    result = run("replay", folder)
    assert isinstance(result.exception, AgentError)
    assert result.exception.exit_status == 2
    assert f"site {folder}: {name} is missing" in str(result.exception)


def test_a_site_s_folder_takes_no_other_footage(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    result = run("replay", folder, "--camera", "store")
    assert "a site's folder says itself what is replayed" in str(result.exception)


@pytest.mark.parametrize("name", ["perimeter", "patrol-car", "camera-health"])
def test_every_site_notices_that_an_expected_event_was_deleted(name: str, tmp_path: Path) -> None:
    folder = copy(tmp_path, name)
    events = json.loads((folder / "expect.json").read_text())["events"]
    assert_it_is_missed(folder, len(events) // 2)
