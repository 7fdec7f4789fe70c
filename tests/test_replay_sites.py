"""The example sites: each gives the events that it expects, and notices when one is missing."""

import json
import shutil
from pathlib import Path

import pytest

from edge_agent.errors import AgentError
from tests.replay_support import run

SITES = Path(__file__).parents[1] / "configs" / "sites"
NAMES = sorted(path.parent.name for path in SITES.glob("*/site.toml"))


def copy(tmp_path: Path, name: str = "yard") -> Path:
    return Path(shutil.copytree(SITES / name, tmp_path / name))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_site_gives_the_events_that_it_expects(name: str) -> None:
    result = run("replay", SITES / name)
    assert result.exit_code == 0, result.output


def test_every_folder_of_the_example_sites_is_one() -> None:
    folders = {path.name for path in SITES.iterdir() if path.is_dir()}
    assert folders == set(NAMES)
    assert len(NAMES) >= 2


@pytest.mark.parametrize("gone", range(5))
def test_deleting_one_expected_event_makes_it_fail(gone: int, tmp_path: Path) -> None:
    folder = copy(tmp_path)
    expect = folder / "expect.json"
    wanted = json.loads(expect.read_text())
    deleted = wanted["events"].pop(gone)
    expect.write_text(json.dumps(wanted))
    result = run("replay", folder)
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("unexpected")]
    assert f"{deleted['time_s']:.2f} s" in line
    assert deleted["kind"] in line


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
