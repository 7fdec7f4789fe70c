"""Rings that mean something: what cameras of a ring get, and what their events are worth."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.config import load
from edge_agent.policy.decoding import decode_mode
from edge_agent.settings import AgentSettings, DecodeMode
from edge_agent.types import Event, EventKind, Ring, Severity
from tests.config_support import MINIMAL, write_site
from tests.rings_support import SHANGHAI, Walk

ZONE = f'timezone = "{SHANGHAI}"\n'
FARM = MINIMAL.replace('"urban"', '"rural"')
#: Rural nights: any person is an alert.
NIGHTS = """
[rings.rural]
quiet_hours = "22:00 to 06:00"
quiet_severity = "critical"
"""


def site(folder: Path, text: str) -> AgentSettings:
    return load(write_site(folder, text), {})


def at(hour: int, minute: int = 0) -> int:
    local = datetime(2026, 11, 27, hour, minute, tzinfo=ZoneInfo(SHANGHAI))
    return round(local.timestamp()) * 1_000_000_000


def alerts(events: list[Event]) -> list[tuple[str, int]]:
    return [
        (event.severity.value, event.tracks[0].track_id)
        for event in events
        if event.kind is EventKind.QUIET_HOURS
    ]


def test_three_lines_make_any_person_in_a_rural_night_an_alert(tmp_path: Path) -> None:
    assert len(NIGHTS.strip().splitlines()) == 3
    settings = site(tmp_path, ZONE + FARM + NIGHTS)
    by_day, by_night = Walk(settings, at(12)), Walk(settings, at(23))
    assert alerts(by_day.person(10)) == []
    events = by_night.person(10)
    assert alerts(events) == [("critical", 1)]
    told = next(event for event in events if event.kind is EventKind.QUIET_HOURS)
    assert (told.ring, told.tracks[0].object_class.name) == (Ring.RURAL, "person")
    assert told.data["hours"] == "22:00 to 06:00"
    # a vehicle is none, and in another ring the same night is as any other
    assert alerts(Walk(settings, at(23)).vehicle(10)) == []
    elsewhere = site(tmp_path, ZONE + MINIMAL + NIGHTS)
    assert alerts(Walk(elsewhere, at(23)).person(10)) == []


def test_who_walks_into_the_night_is_told_when_it_begins_and_once_only(tmp_path: Path) -> None:
    walk = Walk(site(tmp_path, ZONE + FARM + NIGHTS), at(22) - 2_000_000_000)
    assert alerts(walk.person(10)) == []  # 21:59:58 to 22:00:00, at 5 fps
    assert alerts(walk.person(10)) == [("critical", 1)]
    assert alerts(walk.person(30)) == []


def test_hours_go_by_the_agent_s_clock_where_a_camera_s_is_far_off(tmp_path: Path) -> None:
    settings = site(tmp_path, ZONE + FARM + NIGHTS)
    walks = [Walk(settings, at(hour)) for hour in (12, 23)]
    for walk in walks:
        walk.skew_ns = 8 * 3_600_000_000_000  # its clock shows local time and calls it UTC
    assert [alerts(walk.person(10)) for walk in walks] == [[], [("critical", 1)]]


def test_who_stands_still_is_told_once_he_moves(tmp_path: Path) -> None:
    walk = Walk(site(tmp_path, ZONE + FARM + NIGHTS), at(23))
    assert alerts(walk.person(10, stationary=True)) == []
    assert alerts(walk.person(1)) == [("critical", 1)]


RULES = """rules = [
  { id = "plain", kind = "presence" },
  { id = "firm", kind = "presence", severity = "info" },
]
"""


@pytest.mark.parametrize(
    ("ring", "camera", "hour", "plain"),
    [
        ("", "", 12, "warning"),  # by the rule's kind
        ('severity = "notice"', "", 12, "notice"),  # by the ring
        ('severity = "notice"', 'severity = "critical"', 12, "critical"),  # by the camera
        ('quiet_hours = "22:00 to 06:00"', "", 12, "warning"),
        ('quiet_hours = "22:00 to 06:00"', "", 23, "critical"),  # by the hours
        ('quiet_hours = "22:00 to 06:00"', 'severity = "notice"', 23, "critical"),
        ('quiet_hours = "22:00 to 06:00"', 'quiet_severity = "notice"', 23, "notice"),
        ('quiet_hours = "22:00 to 06:00"', 'quiet_hours = "never"', 23, "warning"),
        ('quiet_hours = "22:00 to 06:00"\nquiet_classes = ["vehicle"]', "", 23, "warning"),
    ],
)
def test_a_rule_s_own_severity_goes_before_hours_camera_ring_and_kind(
    tmp_path: Path, ring: str, camera: str, hour: int, plain: str
) -> None:
    text = f"{ZONE}{FARM}{RULES}[camera.policy]\n{camera}\n[rings.rural]\n{ring}\n"
    events = Walk(site(tmp_path, text), at(hour)).person(10)
    worth = {e.data["rule"]: e.severity.value for e in events if "rule" in e.data}
    assert worth == {"plain": plain, "firm": "info"}


def test_a_rule_s_schedule_turns_it_on_and_off(tmp_path: Path) -> None:
    rules = 'rules = [{ id = "r", kind = "enter", zone = "all", schedule = "night" }]\n'
    zones = 'zones = [{ id = "all", polygon = [[0, 0], [1, 0], [1, 1], [0, 1]] }]\n'
    night = '[[schedules]]\nid = "night"\nstart = "22:00"\nend = "06:00"\n'
    settings = site(tmp_path, ZONE + FARM + zones + rules + night)
    rule_events = {
        hour: [e for e in Walk(settings, at(hour)).person(10) if e.kind is EventKind.ENTER]
        for hour in (12, 23)
    }
    assert [len(rule_events[hour]) for hour in (12, 23)] == [0, 1]


def test_a_ring_gives_fps_decoding_and_dwell_times_that_a_camera_may_overrule(
    tmp_path: Path,
) -> None:
    own = """target_fps = 8.0
decode = "always"
rules = [{ id = "d", kind = "dwell", for_s = 5.0 }, { id = "l", kind = "loitering" }]

[[camera]]
id = "gate-south"
url = "rtsp://10.0.0.8/101"
ring = "rural"
layer = "portrait"
rules = [{ id = "d", kind = "dwell" }, { id = "l", kind = "loitering" }]

[camera.policy]
loitering_s = 7.0

[rings.rural]
target_fps = 2.0
decode = "keyframes"
dwell_s = 90.0
loitering_s = 180.0
"""
    north, south = site(tmp_path, FARM + own).camera
    assert (north.target_fps, north.decode) == (8.0, DecodeMode.ALWAYS)
    assert (south.target_fps, south.decode) == (2.0, DecodeMode.KEYFRAMES)
    assert [rule.held_s for rule in north.rules] == [5.0, 180.0]
    assert [rule.held_s for rule in south.rules] == [90.0, 7.0]


@pytest.mark.parametrize("layer", ["checkpoint", "uav"])
def test_a_ring_lets_no_checkpoint_and_no_drone_sleep(tmp_path: Path, layer: str) -> None:
    text = FARM.replace("portrait", layer) + '[rings.rural]\ndecode = "keyframes"\n'
    assert decode_mode(site(tmp_path, text).camera[0])[0] is DecodeMode.ALWAYS


def test_severities_have_the_colours_of_the_scheme() -> None:
    assert list(Severity) == ["info", "notice", "warning", "critical"]
    assert [severity.colour for severity in Severity] == ["green", "blue", "red", "black"]


def test_a_camera_that_moves_is_decoded_always(tmp_path: Path) -> None:
    (tmp_path / "rings.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties":'
        ' {"ring": "urban"}, "geometry": {"type": "Polygon", "coordinates":'
        " [[[121, 31], [122, 31], [122, 32], [121, 31]]]}}]}"
    )
    text = FARM + 'position = "van"\n[[positions]]\nid = "van"\n[rings]\nfile = "rings.geojson"\n'
    mode, why = decode_mode(site(tmp_path, text).camera[0])
    assert (mode, why) == (DecodeMode.ALWAYS, "it moves, so that its picture never rests")
