"""What `edge-agent check` tells of rules, perimeters, rings, the grid and hours, and its notes."""

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.clock import ManualClock
from edge_agent.commands import check as check_module
from edge_agent.commands import check_notes
from tests.config_support import MINIMAL, site_folder, write_site

__all__ = ["site_folder"]

ZONE = "polygon = [[0, 0], [1, 0], [1, 1]]"
HEAD = 'site = "depot"\nagent_id = "box"\ntimezone = "Asia/Shanghai"\n'
GATE = """
[[camera]]
id = "gate"
url = "rtsp://10.0.0.7/101"
ring = "rural"
layer = "portrait"
"""
SHANGHAI = "[site_position]\nlat = 31.2304\nlon = 121.4737\n"
#: A Saturday, 15:30 at the site.
NOW = datetime(2026, 11, 28, 15, 30, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture(autouse=True)
def _saturday(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Saturday afternoon, on a machine without the service's user."""
    clock = ManualClock(wall_ns=round(NOW.timestamp()) * 1_000_000_000)
    monkeypatch.setattr(check_module, "SystemClock", lambda: clock)
    monkeypatch.setattr(check_notes, "find_user", lambda name: None)


@pytest.fixture(autouse=True)
def _rings(site_folder: Path) -> None:
    """A square of countryside for the cameras that move."""
    square = [[121, 31], [122, 31], [122, 32], [121, 32], [121, 31]]
    rural = {
        "type": "Feature", "properties": {"ring": "rural"},
        "geometry": {"type": "Polygon", "coordinates": [square]},
    }  # fmt: skip
    places = {"type": "FeatureCollection", "features": [rural]}
    (site_folder / "rings.geojson").write_text(json.dumps(places))


def lines_of(folder: Path, text: str) -> list[str]:
    """Return what `check` prints below the table of cameras."""
    write_site(folder, text)
    result = CliRunner().invoke(app, ["check", "--config", "site.toml"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    table = next(i for i, line in enumerate(lines) if line.startswith("camera "))
    return lines[table + 1 :]


def sections_of(folder: Path, text: str) -> list[str]:
    """Return the lines below the table of cameras that are no camera, no note and not empty."""
    lines = lines_of(folder, text)
    return [line for line in lines[lines.index("") :] if line and not line.startswith("note: ")]


def notes_of(folder: Path, text: str) -> list[str]:
    found = [line for line in lines_of(folder, text) if line.startswith("note: ")]
    return [line.removeprefix("note: ") for line in found]


def test_a_site_without_rules_ends_with_its_cameras(site_folder: Path) -> None:
    assert len(lines_of(site_folder, MINIMAL)) == 1


def test_each_rule_says_where_whom_when_and_what_it_is_worth(site_folder: Path) -> None:
    rules = f"""{GATE}
zones = [{{ id = "yard", {ZONE} }}]
lines = [{{ id = "fence", points = [[0, 0.5], [1, 0.5]] }}]
rules = [
  {{ id = "in", kind = "enter", zone = "yard", schedule = "night", severity = "critical" }},
  {{ id = "over", kind = "crossing", line = "fence", classes = ["person"] }},
  {{ id = "runs", kind = "running" }},
  {{ id = "dark", kind = "tamper" }},
]
"""
    text = HEAD + '[[schedules]]\nid = "night"\nstart = "22:00"\nend = "06:00"\n' + rules
    assert sections_of(site_folder, text) == [
        "rule  camera  kind      where       counts          when    severity",
        "in    gate    enter     zone yard   person,vehicle  night   critical",
        "over  gate    crossing  line fence  person          always  notice",
        "runs  gate    running   picture     person          always  notice",
        "dark  gate    tamper    camera      -               always  critical",
        "hours  now  begin             end",
        "night  off  Sat 28 Nov 22:00  Sun 29 Nov 06:00",
    ]


#: Hours, whether they are on at Saturday 15:30, and when they begin and end next.
HOURS = [
    ('start = "14:00"\nend = "16:00"', "on", "Sun 29 Nov 14:00", "Sat 28 Nov 16:00"),
    # Only on weekdays: over the weekend it is silent.
    (
        'days = ["mon", "tue"]\nstart = "07:00"\nend = "18:00"',
        "off", "Mon 30 Nov 07:00", "Mon 30 Nov 18:00",
    ),
    ('days = ["fri"]\nstart = "07:00"', "off", "Fri 04 Dec 07:00", "Sat 05 Dec 00:00"),
    ('start = "14:00"\nend = "16:00"\ninverted = true', "off", "Sat 28 Nov 16:00",
     "Sun 29 Nov 14:00"),
    # All day, every day: it neither begins nor ends.
    ("", "on", "-", "-"),
]  # fmt: skip


@pytest.mark.parametrize(("hours", "now", "begins", "ends"), HOURS)
def test_hours_tell_when_they_begin_and_end_next(
    site_folder: Path, hours: str, now: str, begins: str, ends: str
) -> None:
    text = f'{HEAD}[[schedules]]\nid = "work"\n{hours}\n{GATE}policy = {{ quiet_hours = "work" }}\n'
    line = sections_of(site_folder, text)[1]
    assert line.split() == f"work {now} {begins} {ends}".split()


def test_hours_by_the_sun_tell_when_it_rises_and_sets_today(site_folder: Path) -> None:
    text = f'{HEAD}{SHANGHAI}[rings.rural]\nquiet_hours = "sunset to sunrise"\n{GATE}'
    assert sections_of(site_folder, text) == [
        "hours              now  begin             end",
        "sunset to sunrise  off  Sat 28 Nov 16:51  Sun 29 Nov 06:33",
        "sun      rises Sat 28 Nov 06:32, sets Sat 28 Nov 16:51",
        "policy   ring rural: quiet_hours sunset to sunrise",
    ]


def test_perimeters_grid_policies_and_counts_are_told(site_folder: Path) -> None:
    parts = "\n".join(
        f'[[perimeters.parts]]\ncamera = "gate"\nlevel = "{level}"\n'
        f"polygon = [[{x}, {x}], [{1 - x}, {x}], [0.5, {1 - x}]]"
        for level, x in (("control", 0.0), ("guard", 0.2))
    )
    text = (
        f"{HEAD}[counts]\nevery_s = 300\n[grid]\nrows = 2\ncolumns = 3\nsouth = 31\nwest = 121\n"
        f'north = 32\neast = 122\n[[perimeters]]\nid = "core"\nlevels = ["control", "guard"]\n'
        f'{parts}\n{GATE}lat = 31.9\nlon = 121.1\npolicy = {{ severity = "notice" }}\n'
    )
    assert sections_of(site_folder, text) == [
        "perimeter  levels, outermost first               cameras  when",
        "core       control (warning) > guard (critical)  gate     always",
        "policy   camera gate: severity notice",
        "grid     2 rows × 3 columns; gate: R01C01",
        "counts   told every 300 s",
    ]


def test_a_camera_that_moves_says_with_what(site_folder: Path) -> None:
    text = f'{HEAD}[rings]\nfile = "rings.geojson"\n[[positions]]\nid = "van"\n'
    text += f'{GATE}position = "van"\n'
    assert lines_of(site_folder, text)[0].startswith("gate    by van, else rural  portrait")


def test_machines_get_the_same_with_full_times(site_folder: Path) -> None:
    write_site(
        site_folder,
        f'{HEAD}{GATE}rules = [{{ id = "any", kind = "presence", schedule = "22:00 to 06:00" }}]\n',
    )
    result = CliRunner().invoke(app, ["check", "--config", "site.toml", "--json"])
    report = json.loads(result.stdout)
    assert report["rules"] == [
        {
            "camera": "gate", "id": "any", "kind": "presence", "where": "picture",
            "classes": ["person", "vehicle"], "schedule": "22:00 to 06:00", "severity": "warning",
        }
    ]  # fmt: skip
    assert report["schedules"] == [
        {
            "id": "22:00 to 06:00", "active": False, "begins": "2026-11-28T22:00+08:00",
            "ends": "2026-11-29T06:00+08:00",
        }
    ]  # fmt: skip


GROUND = (
    "ground = {{ image = [[0.4, 0.4], [{right}, 0.4], [{right}, 0.6], [0.4, 0.6]], "
    "metres = [[0, 0], [4, 0], [4, 8], [0, 8]] }}\n"
)
SPEED = 'rules = [{ id = "fast", kind = "speed", over_kmh = 50 }]\n'
#: A slip, what is written, and the note about it; without the slip there is none.
SLIPS = [
    (
        GATE + 'rules = [{ id = "cars", kind = "presence", classes = ["vehicle/cra"] }]\n',
        "camera gate: rule cars counts vehicle/cra, which this model does not tell; it knows "
        "person, vehicle",
    ),
    (
        GATE
        + f'zones = [{{ id = "yard", {ZONE} }}]\nrules = [{{ id = "a", kind = "presence" }}]\n',
        "camera gate: no rule looks at zone yard; tracks name it, and its visits are counted",
    ),
    (
        GATE + 'lines = [{ id = "fence", points = [[0, 0.5], [1, 0.5]] }]\n',
        "camera gate: no rule looks at line fence; it has no effect",
    ),
    ('[[schedules]]\nid = "night"\n' + GATE, "schedule night: nothing goes by it"),
    (
        '[[positions]]\nid = "van"\n' + GATE,
        "positions van: no camera moves with it; it is not listened to",
    ),
    (
        f'[rings]\nfile = "rings.geojson"\n{GATE}',
        "rings.file rings.geojson: no camera has a position; it has no effect",
    ),
    (
        GATE.replace("portrait", "uav"),
        "camera gate: layer uav without a position: its ring stays rural, wherever it flies",
    ),
    (
        GATE + GROUND.format(right=0.5) + SPEED,
        "camera gate: the points of its ground cover 2.0% of the picture; what speed measures far "
        "from them is off; take points further apart",
    ),
    (
        GATE + "target_fps = 2\n" + GROUND.format(right=0.9) + SPEED,
        "camera gate: 2 pictures a second are few for speed; 8 and more are good",
    ),
]


@pytest.mark.parametrize(("text", "note"), SLIPS)
def test_a_likely_slip_is_remarked_on(site_folder: Path, text: str, note: str) -> None:
    assert notes_of(site_folder, HEAD + text) == [note]


#: The same sites as they were meant.
MEANT = [
    GATE + 'rules = [{ id = "cars", kind = "presence", classes = ["vehicle"] }]\n',
    # Zones without any rule are for tracks and counts.
    GATE + f'zones = [{{ id = "yard", {ZONE} }}]\n',
    '[[schedules]]\nid = "night"\n[rings.rural]\nquiet_hours = "night"\n' + GATE,
    '[rings]\nfile = "rings.geojson"\n[[positions]]\nid = "van"\n'
    + GATE.replace("portrait", "uav") + 'position = "van"\n',
    GATE + GROUND.format(right=0.9) + SPEED,
]  # fmt: skip


@pytest.mark.parametrize("text", MEANT)
def test_what_was_meant_is_not_remarked_on(site_folder: Path, text: str) -> None:
    assert notes_of(site_folder, HEAD + text) == []
