"""The running agent keeps its tracks, and a replay of them tells what the agent told."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.agent_process import AgentProcess, site_toml
from tests.replay_support import RULES, run, write_clip
from tests.toy_model import write_toy_yolox
from tests.waiting import wait_until

CAMERA = '[[camera]]\nid = "yard"\nurl = "{clip}"\nring = "rural"\nlayer = "portrait"\n'


def agent(folder: Path, journal: str = "") -> AgentProcess:
    """Return an agent with a camera that plays a clip of a person's walk once."""
    clip = write_clip(folder / "walk.mp4", pictures=60)
    text = site_toml(folder, broker_port=1, manifest=write_toy_yolox(folder), cameras=())
    camera = CAMERA.format(clip=clip) + RULES
    return AgentProcess(folder, text + journal + camera)


def has_ended(process: AgentProcess) -> bool:
    return process.status()["cameras"][0]["state"] == "ended"


def told_by(folder: Path) -> list[tuple[str, int]]:
    """Return what the outbox holds of the camera's rules: kind and pts."""
    db = sqlite3.connect(folder / "state" / "outbox.db")
    rows = [json.loads(payload) for (payload,) in db.execute("SELECT payload FROM outbox")]
    db.close()
    return [(m["kind"], m["pts_ns"]) for m in rows if m["kind"] in RULE_KINDS]


RULE_KINDS = ("enter", "crossing")


def test_a_replay_of_the_journal_tells_what_the_agent_told(tmp_path: Path) -> None:
    with agent(tmp_path) as process:
        process.start()
        wait_until(lambda: has_ended(process), "the clip has ended", 60)
        assert process.stop() == 0
    told = told_by(tmp_path)
    assert sorted(kind for kind, _ in told) == ["crossing", "enter"]
    result = run("replay", "--since", "1h", "-c", tmp_path / "site.toml", "--json")
    replayed = [row for row in json.loads(result.stdout) if row["kind"] in RULE_KINDS]
    assert [row["kind"] for row in replayed] == [kind for kind, _ in told]
    apart = [row["time_s"] - pts / 1e9 for row, (_, pts) in zip(replayed, told, strict=True)]
    assert apart[1] == pytest.approx(apart[0], abs=0.3)  # wall time against the camera's own


def test_an_agent_that_shall_keep_none_keeps_none(tmp_path: Path) -> None:
    with agent(tmp_path, "[journal]\nenabled = false\n") as process:
        process.start()
        wait_until(lambda: has_ended(process), "the clip has ended", 60)
        assert process.stop() == 0
    assert not (tmp_path / "state" / "journal").exists()
