"""`edge-agent replay`: the same frames, clock and rules as the agent's, again and again."""

import io
import json
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from edge_agent.commands.replay.film import open_film, wall_ns_of
from edge_agent.commands.replay.moments import Moment, clip_frames, ended
from edge_agent.commands.replay.player import Player
from edge_agent.commands.replay.telling import event_table
from edge_agent.config import load
from edge_agent.errors import AgentError, UsageError
from edge_agent.source.grid import PtsGrid
from edge_agent.types import Tracks
from tests.replay_support import CAMERA, RULES, WALK, footage, run, site, toy_site, write_clip


def rows(*arguments: object) -> list[dict]:
    result = run("replay", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def short(found: list[dict]) -> list[tuple[str, str | None]]:
    return [(row["kind"], row.get("rule")) for row in found]


def test_a_scene_is_told_by_the_site_s_rules_the_same_each_time(tmp_path: Path) -> None:
    config, scene = site(tmp_path, RULES), footage(tmp_path)
    found = rows(scene, "-c", config)
    told = short(found)
    assert told[0] == ("start", None)
    assert sorted(told[1:3]) == [("crossing", "crosses"), ("enter", "comes-in")]
    assert told[3:] == [("end", None), ("camera_ended", None)]
    crossing = next(row for row in found if row["kind"] == "crossing")
    assert crossing["time_s"] == pytest.approx(5.0, abs=0.5)  # 7 m at 1.4 m/s
    assert crossing["way"] == "b_to_a"
    assert rows(scene, "-c", config) == found


def test_a_clip_goes_through_the_site_s_detector_on_the_camera_s_grid(tmp_path: Path) -> None:
    config, clip = toy_site(tmp_path, RULES), write_clip(tmp_path / "walk.mp4")
    found = rows(clip, "-c", config)
    assert {"enter", "crossing", "start", "end"} <= {row["kind"] for row in found}
    camera = load(config).camera[0]
    grid, times = PtsGrid(camera.target_fps, Fraction(1, 10)), []
    for index in range(50):
        if grid.choose(index):
            times.append(index * 100_000_000)
    assert [frame.ref.pts_ns for frame in clip_frames(camera, clip)] == times


def test_kept_tracks_give_the_same_events_without_the_clip_and_its_detector(
    tmp_path: Path,
) -> None:
    config, clip = toy_site(tmp_path, RULES), write_clip(tmp_path / "walk.mp4")
    tracks = tmp_path / "walk.tracks"
    found = rows(clip, "-c", config, "--tracks", tracks)
    clip.unlink()
    other = tmp_path / "other"
    other.mkdir()
    assert rows(tracks, "-c", site(other, RULES)) == found
    assert not list(tmp_path.glob("*.partial"))


def test_frames_reach_the_rules_in_the_order_of_their_time_whatever_camera_they_are_of(
    tmp_path: Path,
) -> None:
    config = site(tmp_path, CAMERA.format(id="gate"))
    scenes = [WALK.replace("[[footage]]", f'[[footage]]\ncamera = "{c}"') for c in ("gate", "yard")]
    film = open_film(str(footage(tmp_path, "\n".join(scenes))), load(config), None, None)
    seen = [(i.wall_ns, i.detections.ref.camera_id) for i in film.items if isinstance(i, Moment)]
    assert len(seen) == 2 * 60
    assert [wall for wall, _ in seen] == sorted(wall for wall, _ in seen)


def test_the_clock_stands_where_start_says_in_the_site_s_time_zone(tmp_path: Path) -> None:
    head = """
timezone = "Asia/Shanghai"
[[schedules]]
id = "night"
start = "22:00"
end = "06:00"
"""
    rules = RULES.replace('kind = "enter"', 'kind = "enter"\nschedule = "night"')
    config, scene = site(tmp_path, rules, head=head), footage(tmp_path)
    by_day, by_night = (
        {row["kind"] for row in rows(scene, "-c", config, "--start", at)}
        for at in ("2026-06-01T12:00:00", "2026-06-01T23:30:00")
    )
    assert by_night - by_day == {"enter"}
    film = open_film(str(scene), load(config), None, datetime(2026, 6, 1, 23, 30))
    assert film.start_ns == wall_ns_of(
        datetime(2026, 6, 1, 15, 30, tzinfo=ZoneInfo("UTC")), ZoneInfo("UTC")
    )


def test_a_film_s_start_holds_where_the_command_line_says_nothing(tmp_path: Path) -> None:
    scene = footage(tmp_path, "start = 2026-06-01T22:00:00+08:00\n" + WALK)
    film = open_film(str(scene), load(site(tmp_path)), None, None)
    first = next(item for item in film.items)
    assert first.wall_ns == wall_ns_of(datetime(2026, 6, 1, 14), ZoneInfo("UTC"))


def test_recorded_expectations_hold_until_something_changes(tmp_path: Path) -> None:
    config, scene, wanted = site(tmp_path, RULES), footage(tmp_path), tmp_path / "e.json"
    assert run("replay", scene, "-c", config, "--record", wanted).exit_code == 0
    good = run("replay", scene, "-c", config, "--expect", wanted)
    assert (good.exit_code, "all 5 events are as expected" in good.stdout) == (0, True)
    site(tmp_path, RULES.replace('id = "comes-in"', 'id = "walks-in"'))
    bad = run("replay", scene, "-c", config, "--expect", wanted)
    assert bad.exit_code == 1
    assert "rule comes-in, zone right, person, track 1: rule comes-in, now walks-in" in bad.stdout
    assert "1 differences" in bad.stdout


def test_recording_anew_keeps_what_the_old_file_leaves_out_and_tolerates(tmp_path: Path) -> None:
    config, scene, wanted = site(tmp_path, RULES), footage(tmp_path), tmp_path / "e.json"
    wanted.write_text('{"tolerance_s": 1.5, "leave_out": ["update", "start", "end"], "events": []}')
    run("replay", scene, "-c", config, "--record", wanted, "--start", "2026-07-01T10:00:00")
    file = json.loads(wanted.read_text())
    assert (file["tolerance_s"], file["start"]) == (1.5, "2026-07-01T10:00:00")
    assert {row["kind"] for row in file["events"]} == {"enter", "crossing", "camera_ended"}


def test_the_file_s_start_is_the_clock_of_the_comparison(tmp_path: Path) -> None:
    config, scene, wanted = site(tmp_path), footage(tmp_path), tmp_path / "e.json"
    wanted.write_text('{"start": "2026-07-01T10:00:00", "events": []}')
    result = run("replay", scene, "-c", config, "--expect", wanted)
    assert "2026-07-01 10:00:12.000" in result.stdout


def test_a_still_is_drawn_for_each_event_of_a_frame(tmp_path: Path) -> None:
    config, scene, out = site(tmp_path, RULES), footage(tmp_path), tmp_path / "stills"
    out.mkdir()
    assert run("replay", scene, "-c", config, "--draw", out).exit_code == 0
    names = sorted(path.name.split("s-", 1)[1] for path in out.iterdir())
    assert names == [
        "yard-crossing-crosses.png", "yard-enter-comes-in.png", "yard-start.png",
    ]  # fmt: skip


def test_a_camera_that_ends_in_silence_and_one_that_is_lost_end_their_tracks_as_in_the_agent(
    tmp_path: Path,
) -> None:
    settings = load(site(tmp_path))
    film = open_film(str(footage(tmp_path)), settings, None, None)
    kept: list[Tracks] = []

    class Keep:
        def frame_tracked(self, tracks: Tracks) -> None:
            kept.append(tracks)

        def camera_changed(self, change) -> None: ...
        def camera_moved(self, camera_id, position) -> None: ...

    player = Player(settings, film.cameras, film.model, start_ns=film.start_ns, journal=Keep())
    player.play(item for item in film.items if isinstance(item, Moment))
    assert len(kept) == player.frames == 60
    player.play([ended("yard", film.start_ns + 12_000_000_000)])
    last = [told.event.kind for told in player.events][-2:]
    assert last == ["end", "camera_ended"]


def test_a_camera_that_is_lost_or_tampered_with_in_footage_is_told_in_its_time(
    tmp_path: Path,
) -> None:
    rules = """
[[camera.rules]]
id = "gone"
kind = "camera_lost"
for_s = 3.0
[[camera.rules]]
id = "touched"
kind = "tamper"
faults = ["covered"]
"""
    changes = 'changes = [[4.0, "lost"], [8.5, "live"], [9.2, "covered"], [10.0, "covered over"]]\n'
    scene = footage(tmp_path, WALK.replace("[[footage.actors]]", changes + "[[footage.actors]]"))
    found = [
        (row["time_s"], row["kind"], row.get("rule"))
        for row in rows(scene, "-c", site(tmp_path, rules))
    ]
    assert [what for what in found if what[0] >= 4] == [
        (4.0, "end", None), (4.0, "camera_lost", None), (7.0, "camera_lost", "gone"),
        (8.5, "camera_live", None), (9.0, "start", None),
        (9.2, "camera_fault", None), (9.2, "tamper", "touched"),  # from here on nobody is seen
        (10.0, "camera_fault", None), (10.0, "tamper", "touched"),
        (11.2, "end", None), (12.0, "camera_ended", None),
    ]  # fmt: skip


def test_footage_of_cameras_that_move_changes_the_ring_of_their_events(tmp_path: Path) -> None:
    (tmp_path / "rings.geojson").write_text(json.dumps(TWO_RINGS))
    head = """
[rings]
file = "rings.geojson"
margin_m = 0.0
settle_s = 0.0
[[positions]]
id = "van"
"""
    camera = CAMERA.format(id="yard") + 'position = "van"\n'
    way = "positions = [[0, 30.0, 120.0], [12, 30.0, 120.12]]\n"
    scene = footage(tmp_path, WALK.replace("[[footage.actors]]", way + "\n[[footage.actors]]"))
    config = site(tmp_path, RULES, camera=camera, head=head)
    found = rows(scene, "-c", config)
    changes = [(r["from"], r["to"]) for r in found if r["kind"] == "ring_change"]
    assert ("urban", "suburban") in changes
    assert {row["ring"] for row in found} >= {"urban", "suburban"}
    tracks = tmp_path / "van.tracks"
    run("replay", scene, "-c", config, "--tracks", tracks)
    assert rows(tracks, "-c", config) == found


def square(ring: str, west: float, east: float) -> dict:
    corners = [[west, 29.9], [east, 29.9], [east, 30.1], [west, 30.1], [west, 29.9]]
    return {"type": "Feature", "properties": {"ring": ring},
            "geometry": {"type": "Polygon", "coordinates": [corners]}}  # fmt: skip


TWO_RINGS = {
    "type": "FeatureCollection",
    "features": [square("urban", 119.9, 120.06), square("suburban", 120.06, 120.2)],
}


WRONG_LINES = [
    ([], "give one clip or footage file, --since, or folders of sites"),
    (["a.mp4"], "give --config FILE, the site file whose rules are replayed"),
    (["a.mp4", "b.mp4", "-c", "SITE"], "give one clip or footage file"),
    (["a.mp4", "-c", "SITE"], "clip a.mp4: no such file; nothing to replay"),
    (["a.toml", "-c", "SITE"], "footage a.toml: No such file or directory; nothing to replay"),
    (["scene:nowhere", "-c", "SITE"], "scene 'nowhere': not one of street-corner, checkpoint"),
    (["scene:pan", "-c", "SITE", "--camera", "x"], "--camera x: the site file has no such camera"),
    (
        ["scene:pan", "-c", "SITE", "--expect", "e", "--record", "e"],
        "--record writes what",
    ),
    (["scene:pan", "-c", "SITE", "--expect", "e.json"], "expectation e.json: No such file"),
    (["scene:pan", "-c", "SITE", "--draw", "nowhere"], "--draw nowhere: no such folder; make it"),
    (["scene:pan", "-c", "SITE", "--tracks", "no/where"], "--tracks no/where: No such file or dir"),
    (["scene:pan", "-c", "SITE", "--until", "2h"], "--until, --against and --journal belong to"),
    (["scene:pan", "--since", "2h", "-c", "SITE"], "--since replays what the agent kept; give no"),
    (["SITE", "-c", "SITE"], "footage SITE: footage: Field required"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG_LINES)
def test_a_command_line_that_cannot_work_ends_with_2_and_says_why(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = site(tmp_path)
    result = run("replay", *(str(config) if word == "SITE" else word for word in arguments))
    assert isinstance(result.exception, AgentError)
    assert result.exception.exit_status == 2
    assert said.replace("SITE", str(config)) in str(result.exception)


BROKEN_FOOTAGE = [
    ("footage = 3", "footage: Input should be a valid tuple"),
    ("[[footage]", "no TOML: "),
    (
        WALK.replace("seconds = 12", 'changes = [[1, "gone"]]'),
        "footage.0.changes.0.1: Input should",
    ),
    (
        WALK.replace("seconds = 12", 'changes = [[2, "lost"], [1, "live"]]'),
        "changes stand in the order of their seconds",
    ),
    ("[[footage]]", "footage.0: Value error, needs one of clip, tracks, scene, place; it has none"),
    ('[[footage]]\nclip = "a"\nscene = "pan"', "it has clip and scene"),
    ('[[footage]]\nplace = "yard"', "place and view go together"),
    ('[[footage]]\nscene = "pan"\n[[footage.actors]]\npath = [[0, 0]]', "actors play in a place"),
    (WALK.replace("speed", "sped"), "footage.0.actors.0.sped: Extra inputs are not permitted"),
    (WALK.replace("[[-7, 0], [7, 0]]", "[[-7, 0]]\nstops = [[1, 1]]"), "no stops: it never moves"),
    (WALK.replace("360]", "361]"), "footage.0.wh.1: Input should be a multiple of 2"),
    (WALK + WALK, "camera yard has more than one; a camera sees one thing"),
    ('[[footage]]\nclip = "a.mp4"', "a.mp4: no such file; nothing to replay"),
    ('[[footage]]\ntracks = "a.tracks"', "a.tracks: no such file or folder; nothing to replay"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN_FOOTAGE)
def test_a_broken_footage_file_says_where_and_replays_nothing(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        open_film(str(footage(tmp_path, text)), load(site(tmp_path)), None, None)
    assert said in str(refused.value)


def test_footage_of_other_kinds_is_not_mixed(tmp_path: Path) -> None:
    text = '[[footage]]\ncamera = "yard"\nclip = "a.mp4"\n' + WALK.replace(
        "[[footage]]", '[[footage]]\ncamera = "gate"'
    )
    config = site(tmp_path, CAMERA.format(id="gate"))
    with pytest.raises(UsageError, match="footage of clip and scene cannot be played together"):
        open_film(str(footage(tmp_path, text)), load(config), None, None)


def test_a_clip_that_is_no_video_is_named(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"no video")
    camera = load(site(tmp_path)).camera[0]
    with pytest.raises(UsageError, match=r"clip .*a\.mp4: "):
        list(clip_frames(camera, clip))


def test_a_terminal_s_table_leaves_out_what_is_the_same_for_all(tmp_path: Path) -> None:
    film = open_film(str(footage(tmp_path)), load(site(tmp_path, RULES)), None, None)
    player = Player(film.settings, film.cameras, film.model, start_ns=film.start_ns)
    player.play(film.items)
    told = [told for told in player.events if told.event.kind != "update"]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(event_table(told, ZoneInfo("UTC")))
    lines = console.export_text().splitlines()
    head = "time clock kind rule where class track severity"
    assert lines[0].split() == head.split(" ")
    assert len(lines) == 1 + len(told)
    last = "12.00 s 12:00:12 camera_ended - - - - notice"
    assert lines[-1].split() == last.split(" ")
