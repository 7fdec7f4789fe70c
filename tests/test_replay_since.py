"""`edge-agent replay --since`: what another config makes of the tracks that the agent kept."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.commands.replay.film import open_film
from edge_agent.commands.replay.player import FootageClock, Player
from edge_agent.commands.replay.since import not_redone
from edge_agent.commands.replay.times import moment_of
from edge_agent.config import load
from edge_agent.errors import UsageError
from edge_agent.journal import Head, TrackJournal
from edge_agent.settings import JournalSettings
from edge_agent.types import CameraChange, CameraState, EventKind, Position, Tracks
from tests.replay_support import CAMERA, RULES, footage, run, site

BEGAN = "2026-11-27T10:00:00+00:00"


class Clocked:
    """Hands tracks to a journal at the time of their frames."""

    def __init__(self, journal: TrackJournal, clock: FootageClock) -> None:
        self.journal, self.clock = journal, clock

    def frame_tracked(self, tracks: Tracks) -> None:
        self.clock.go_to(tracks.ref.wall_ns)
        self.journal.frame_tracked(tracks)

    def camera_changed(self, change: CameraChange) -> None:
        self.clock.go_to(change.mono_ns)
        self.journal.camera_changed(change)

    def camera_moved(self, camera_id: str, position: Position) -> None:
        self.journal.camera_moved(camera_id, position)


class Kept:
    """A journal of a person's walk at 10:00, or at several times, each by another process."""

    def __init__(self, folder: Path, *starts: str) -> None:
        self.folder = folder / "journal"
        made = folder / "made"
        made.mkdir()
        config = site(made, CAMERA.format(id="gate"))
        for number, start in enumerate(starts or (BEGAN,)):
            scene = footage(made, SCENE)
            self.film = open_film(str(scene), load(config), None, datetime.fromisoformat(start))
            head = Head(f"boot-{number}", "a-model", ("yard", "gate"), self.film.model.classes)
            self.clock = FootageClock(self.film.start_ns, self.film.start_ns)
            journal = TrackJournal(
                JournalSettings(), folder=self.folder, head=head, clock=self.clock
            )
            self.play(Clocked(journal, self.clock))
            journal.stop(1)

    def play(self, journal: Clocked) -> None:
        film = self.film
        Player(
            film.settings, film.cameras, film.model, start_ns=film.start_ns, journal=journal
        ).play(film.items)


SCENE = """
[[footage]]
camera = "yard"
place = "empty"
seconds = 12
fps = 10
wh = [640, 360]
view = { at = [0.0, -12.0, 4.0], yaw = 90.0, pitch = -12.0, hfov = 60.0 }

[[footage.actors]]
path = [[-7, 0], [7, 0]]
speed = 1.4
"""


def ask(folder: Path, *arguments: object, since: str = BEGAN):
    until = ("--until", "2026-11-28T00:00:00+00:00")
    return run("replay", "--since", since, *until, "--journal", folder / "journal", *arguments)


def config(folder: Path, name: str, rules: str = RULES, camera: str = CAMERA) -> Path:
    place = folder / name
    place.mkdir()
    return site(place, rules, camera=camera.format(id="yard"))


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_events_of_a_config_over_kept_tracks_are_those_of_the_footage(tmp_path: Path) -> None:
    Kept(tmp_path)
    new = config(tmp_path, "new")
    now = json.loads(ask(tmp_path, "-c", new, "--json").stdout)
    live = json.loads(run("replay", footage(tmp_path, SCENE), "-c", new, "--json").stdout)
    assert [(r["time_s"], r["kind"], r.get("rule")) for r in now] == [
        (r["time_s"], r["kind"], r.get("rule")) for r in live
    ]


def test_two_configs_over_the_same_tracks_tell_what_is_added_removed_and_changed(
    tmp_path: Path,
) -> None:
    Kept(tmp_path)
    old = config(tmp_path, "old")
    changed = RULES.replace('kind = "crossing"', 'kind = "crossing"\nseverity = "critical"')
    changed = changed.replace('id = "comes-in"\nkind = "enter"', 'id = "leaves"\nkind = "exit"')
    new = config(tmp_path, "new", changed)
    result = ask(tmp_path, "-c", new, "--against", old)
    assert result.exit_code == 0
    said = words(result.stdout)
    assert [re.sub(r" \d\d:\d\d:\d\d\.\d+", "", line) for line in said[:3]] == [
        "changed 2026-11-27 yard: crossing, rule crosses, line middle, person, track 1: severity "
        "notice, now critical",
        "removed 2026-11-27 yard: enter, rule comes-in, zone right, person, track 1",
        "added 2026-11-27 yard: exit, rule leaves, zone right, person, track 1",
    ]
    assert said[3] == f"5 events by {old}, 5 by {new}"
    assert "yard: enter comes-in: 1 removed" in said


def test_the_same_config_would_have_changed_nothing(tmp_path: Path) -> None:
    Kept(tmp_path)
    old, new = config(tmp_path, "old"), config(tmp_path, "new")
    assert "nothing would have been different" in ask(tmp_path, "-c", new, "--against", old).stdout


def test_the_service_s_config_is_what_a_new_one_is_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Kept(tmp_path)
    old, new = config(tmp_path, "old"), config(tmp_path, "new", "")
    monkeypatch.setattr("edge_agent.commands.replay.since.SERVICE_CONFIG", old)
    assert f"5 events by {old}, 3 by {new}" in ask(tmp_path, "-c", new).stdout
    assert f"events by {old}" not in ask(tmp_path, "-c", old).stdout


def test_only_the_time_asked_for_is_told_and_rules_know_what_went_before(tmp_path: Path) -> None:
    Kept(tmp_path)
    rules = RULES.replace('kind = "enter"', 'kind = "dwell"\nfor_s = 4.0')
    new = config(tmp_path, "new", rules)
    found = json.loads(ask(tmp_path, "-c", new, "--json", since="2026-11-27T10:00:07+00:00").stdout)
    assert [(row["kind"], row.get("rule")) for row in found] == [
        ("dwell", "comes-in"), ("end", None), ("camera_ended", None),
    ]  # fmt: skip
    assert found[0]["time_s"] < 3.5  # it came in 2 s before


def test_processes_do_not_share_their_tracks(tmp_path: Path) -> None:
    Kept(tmp_path, BEGAN, "2026-11-27T11:00:00+00:00")
    found = json.loads(ask(tmp_path, "-c", config(tmp_path, "new"), "--json").stdout)
    kinds = [row["kind"] for row in found]
    assert kinds.count("start") == kinds.count("end") == kinds.count("enter") == 2


def test_a_loss_that_was_kept_ends_tracks_as_it_did(tmp_path: Path) -> None:
    class Losing(Kept):
        def play(self, journal: Clocked) -> None:
            film = self.film
            player = Player(
                film.settings, film.cameras, film.model, start_ns=film.start_ns, journal=journal
            )
            items = list(film.items)
            player.play(items[:30])
            lost = CameraChange(
                "yard", EventKind.CAMERA_LOST, CameraState.LOST, "no answer", 1, items[30].wall_ns
            )
            player.play([replace(items[-1], wall_ns=items[30].wall_ns, change=lost)])

    Losing(tmp_path)
    found = json.loads(ask(tmp_path, "-c", config(tmp_path, "new", ""), "--json").stdout)
    assert [row["kind"] for row in found] == ["start", "end", "camera_lost"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("[camera.persons]\nmin_score = 0.2", "camera yard: persons changed, but the tracks were"),
        ("ignore = [[[0.0, 0.0], [1.0, 0.0], [1.0, 0.2]]]", "camera yard: ignore changed, but"),
        ("target_fps = 2.0", "camera yard: target_fps changed, but the tracks were made with"),
        ('id = "other"', "camera other is new: nothing was kept of it"),
    ],
)
def test_what_tracks_cannot_show_is_said(change: str, said: str, tmp_path: Path) -> None:
    old = load(config(tmp_path, "old"))
    key = change.partition(" = ")[0]
    camera = re.sub(rf"(?m)^{re.escape(key)} = .*\n", "", CAMERA) + change + "\n"
    new = load(config(tmp_path, "new", "", camera))
    assert [note[: len(said)] for note in not_redone(old, new)] == [said]


def test_changes_of_tracking_and_model_are_said_and_others_are_not(tmp_path: Path) -> None:
    old = load(config(tmp_path, "old"))
    new = old.model_copy(
        update={
            "tracking": old.tracking.model_copy(update={"coast_s": 5.0, "update_s": 9.0}),
            "model": old.model.model_copy(update={"manifest": Path("other.toml")}),
        }
    )
    assert [note.split(" changed")[0] for note in not_redone(old, new)] == [
        "[tracking] coast_s", "[model] manifest",
    ]  # fmt: skip


NOTHING = [
    (["--since", "2026-11-01", "--until", "2026-11-02"], "nothing was kept of that time; it holds "
     "2026-11-27 10:00:00"),
    (["--since", "2026-11-27", "--until", "2026-11-26"], "is not before --until 2026-11-26"),
    (["--since", "soon"], "--since soon: no such time; allowed: 30min, 2h, 3d, today, yesterday"),
    (["--since", "2026-11-27", "--camera", "x"], "it holds tracks of gate, yard, not x"),
    (["--since", "2026-11-27", "--journal", "NOWHERE"], "no such file or folder"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "said"), NOTHING)
def test_a_question_that_has_no_answer_says_why(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    Kept(tmp_path)
    new = config(tmp_path, "new")
    result = run("replay", "-c", new, "--journal", tmp_path / "journal", *arguments)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)


NOW = datetime(2026, 6, 10, 1, 30, tzinfo=UTC)  # 09:30 in Shanghai
MOMENTS = [
    ("2h", "2026-06-09T23:30"),
    ("30min", "2026-06-10T01:00"),
    ("30m", "2026-06-10T01:00"),
    ("3d", "2026-06-07T01:30"),
    ("now", "2026-06-10T01:30"),
    ("today", "2026-06-09T16:00"),
    ("yesterday", "2026-06-08T16:00"),
    ("2026-06-01", "2026-05-31T16:00"),
    ("2026-06-01T22:00", "2026-06-01T14:00"),
    ("2026-06-01T22:00+00:00", "2026-06-01T22:00"),
]


@pytest.mark.parametrize(("text", "utc"), MOMENTS)
def test_moments_are_meant_in_the_site_s_time_zone(text: str, utc: str) -> None:
    moment = moment_of(text, NOW, ZoneInfo("Asia/Shanghai"), "--since")
    assert moment == datetime.fromisoformat(utc).replace(tzinfo=UTC)
