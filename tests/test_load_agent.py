"""A real agent whose camera asks for more than its one lane has: it sheds, tells, and goes on."""

import json
import sqlite3
from pathlib import Path

from tests.agent_process import AgentProcess, site_toml
from tests.clips import Recipe, clip
from tests.toy_model import write_toy_yolox
from tests.waiting import wait_until


def told(folder: Path) -> list[dict]:
    """Return the data of the `load_change` events that the agent has committed."""
    with sqlite3.connect(f"file:{folder / 'state' / 'outbox.db'}?mode=ro", uri=True) as outbox:
        rows = outbox.execute("SELECT payload FROM outbox ORDER BY seq").fetchall()
    messages = [json.loads(payload) for (payload,) in rows]
    return [message for message in messages if message["kind"] == "load_change"]


def test_an_agent_that_is_overloaded_sheds_and_says_so(tmp_path: Path) -> None:
    """Sixty pictures a second through a toy of 1280 × 768: one lane cannot."""
    recipe = Recipe(wh=(320, 240), fps=60, frames=240, gop=60)
    text = site_toml(
        tmp_path, broker_port=1, manifest=write_toy_yolox(tmp_path, input_wh=(1280, 768)),
        cameras=[("gate", str(clip(recipe)))],
    ).replace("lanes = 2", "lanes = 1")  # fmt: skip
    with AgentProcess(
        tmp_path, text + 'loop = true\ntarget_fps = 60.0\ndecode = "always"\n'
    ) as agent:
        agent.start()

        def sheds() -> bool:
            drops = agent.status()["cameras"][0]["drops"]
            return drops.get("shed", 0) > 5 and bool(told(tmp_path))

        wait_until(sheds, "frames are shed and it is told", 90)
        status = agent.status()
    load, camera = status["load"], status["cameras"][0]
    assert load["level"] > 0
    assert load["reason"]
    assert load["thinned_cameras"] == ["gate"]
    assert camera["effective"]["load"]["every"] > 1
    assert camera["state"] == "live"
    assert camera["counts"]["frames_analysed"] > 0
    first = told(tmp_path)[0]
    assert (first["severity"], first["camera_id"], first["data"]["heat"]) == (
        "warning",
        None,
        "none",
    )
    assert first["data"]["level"] > 0
    assert first["data"]["levels"] == load["levels"]
