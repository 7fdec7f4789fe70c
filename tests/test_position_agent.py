"""A real agent with a camera on a vehicle: sentences in, another ring out, and minutes counted."""

import json
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.agent_process import AgentProcess, site_toml
from tests.clips import Recipe, clip
from tests.test_position import sentence
from tests.toy_model import write_toy_yolox
from tests.waiting import wait_until

#: A square of one degree around Shanghai, the only polygon.
RINGS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"ring": "rural"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[121, 31], [122, 31], [122, 32], [121, 32], [121, 31]]],
            },
        }
    ],
}


def committed(folder: Path) -> list[dict]:
    with closing(
        sqlite3.connect(f"file:{folder / 'state' / 'outbox.db'}?mode=ro", uri=True)
    ) as outbox:
        rows = outbox.execute("SELECT payload FROM outbox ORDER BY seq").fetchall()
    return [json.loads(payload) for (payload,) in rows]


def free_udp_port() -> int:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def test_a_camera_s_ring_follows_the_sentences_of_its_vehicle(tmp_path: Path) -> None:
    (tmp_path / "rings.geojson").write_text(json.dumps(RINGS))
    port = free_udp_port()
    text = site_toml(
        tmp_path, broker_port=1, manifest=write_toy_yolox(tmp_path),
        cameras=[("van", str(clip(Recipe(frames=100))))],
    )  # fmt: skip
    more = (
        f'loop = true\nposition = "gnss"\n[[positions]]\nid = "gnss"\nlisten = "127.0.0.1:{port}"'
    )
    more += '\n[rings]\nfile = "rings.geojson"\n[counts]\nevery_s = 10\n'
    here = sentence("GPRMC,080000,A,3130.000,N,12130.000,E,0,0,281126,,").encode()
    with (
        AgentProcess(tmp_path, text + more) as agent,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender,
    ):
        agent.start()
        own = agent.status()["cameras"][0]["ring"]
        assert own != "rural"

        def moved() -> bool:
            sender.sendto(here, ("127.0.0.1", port))
            return agent.status()["cameras"][0]["ring"] == "rural"

        wait_until(moved, "its ring is rural", 60)
        wait_until(
            lambda: any(m["kind"] == "start" and m["ring"] == "rural" for m in committed(tmp_path)),
            "a start in the new ring",
            60,
        )
        status = agent.status()["cameras"][0]
        assert status["position"]["fix"] == "fresh"
        wait_until(lambda: any(m["kind"] == "stats" for m in committed(tmp_path)), "a count", 60)
    messages = committed(tmp_path)
    (change,) = [message for message in messages if message["kind"] == "ring_change"]
    assert (change["ring"], change["data"]["from"]) == ("rural", own)
    told = {m["seq"]: m["ring"] for m in messages if m["camera_id"] == "van"}
    assert all((ring == "rural") is (seq >= change["seq"]) for seq, ring in told.items())
