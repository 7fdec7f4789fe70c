"""Each rule in scripted scenes with exact truth: where it must fire, and where it must not."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.settings import RuleKind
from edge_agent.types import Count
from tests.rule_scenes import several, single
from tests.rule_scenes.scene import (
    NOON_NS,
    RuleScene,
    Wanted,
    drive,
    pace,
    play,
    px_of,
    walk,
)
from tests.rule_scenes.single import in_court

SCENES = (*single.SCENES, *several.SCENES)


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_rule_tells_what_truly_happens_and_nothing_else(scene: RuleScene) -> None:
    played = play(
        scene.rule, actors=scene.actors, seconds=scene.seconds, changes=scene.changes,
        camera=scene.camera, site=scene.site, start_ns=scene.start_ns,
    )  # fmt: skip
    told = [one for one in played.told if one.event.data.get("rule") == scene.kind]
    assert [str(one.event.kind) for one in told] == [scene.kind] * len(scene.told), told
    for one, wanted in zip(told, scene.told, strict=True):
        assert one.time_s == pytest.approx(wanted.at_s, abs=wanted.within_s)
        if wanted.who is not None:
            who = played.who(one.event) if one.event.tracks else ()
            assert who == wanted.who
        _says(one.event.data, wanted)
        assert wanted.severity in (None, str(one.event.severity))


def _says(data: Mapping[str, Any], wanted: Wanted) -> None:
    """Numbers agree to a twentieth, or 0.3; anything else is the same."""
    for key, value in wanted.data.items():
        number = isinstance(value, float)
        assert data[key] == (pytest.approx(value, rel=0.05, abs=0.3) if number else value), key


@pytest.mark.parametrize("kind", list(RuleKind))
def test_each_kind_of_rule_has_a_scene_where_it_fires_and_one_where_it_is_silent(
    kind: RuleKind,
) -> None:
    fires = {bool(scene.told) for scene in SCENES if scene.kind == kind}
    assert fires == {True, False}


#: Squares around the middle of the place, half as wide and deep as said, in metres. A step counts
#: 0.4 s after the border.
LEVELS = (("control", 5.0), ("guard", 3.5), ("lockdown", 2.0))
PERIMETER = {
    "perimeters": [
        {
            "id": "depot",
            "parts": [
                {
                    "camera": "cam", "level": level,
                    "polygon": px_of([(-half, -half), (half, -half), (half, half), (-half, half)]),
                }
                for level, half in LEVELS
            ],
        }
    ]
}  # fmt: skip


@pytest.mark.parametrize(
    ("actor", "steps"),
    [
        (walk((-8, 0), (0, 0), stays=True),
         [(2.6, None, "control", "notice"), (3.7, "control", "guard", "warning"),
          (4.8, "guard", "lockdown", "critical")]),
        (walk((-8, 0), (8, 0)),  # in and out again, as many steps as inward
         [(2.6, None, "control", "notice"), (3.7, "control", "guard", "warning"),
          (4.8, "guard", "lockdown", "critical"), (7.6, "lockdown", "guard", "notice"),
          (8.7, "guard", "control", "notice"), (9.8, "control", None, "notice")]),
        (walk((-8, 4.2), (8, 4.2)),  # through the outermost level only
         [(2.6, None, "control", "notice"), (9.8, "control", None, "notice")]),
        (walk((-8, 5.8), (8, 5.8)), []),  # past all of them
    ],
)  # fmt: skip
def test_a_perimeter_is_told_step_by_step(actor: dict[str, Any], steps: list[Any]) -> None:
    played = play(actors=[actor], site=PERIMETER, seconds=13)
    told = played.events("perimeter")
    found = [(e.event.data["from"], e.event.data["to"], str(e.event.severity)) for e in told]
    assert found == [(before, after, worth) for _, before, after, worth in steps]
    assert [e.time_s for e in told] == pytest.approx([at_s for at_s, *_ in steps], abs=0.25)
    for one in told:
        assert played.who(one.event) == (1,)
        path = np.array(one.event.data["path_norm"])
        assert (np.diff(path[:, 0]) > 0).all()  # from the left to the right of the picture
        feet = [x for track in one.event.tracks for x in (track.xyxy_px[0], track.xyxy_px[2])]
        assert path[-1, 0] == pytest.approx(sum(feet) / 2 / 640, abs=0.01)


NIGHT_NS = NOON_NS + 11 * 3600 * 1_000_000_000
RURAL: dict[str, Any] = {
    "camera": {"ring": "rural"},
    "site": {"rings": {"rural": {"quiet_hours": "22:00 to 06:00"}}},
}


@pytest.mark.parametrize(
    ("actors", "start_ns", "at_s"),
    [
        ([walk((-7, 0), (7, 0))], NIGHT_NS, [0.4]),
        ([walk((-7, 0), (7, 0)), walk((7, 1), (-7, 1), from_s=3)], NIGHT_NS, [0.4, 3.4]),
        ([walk((-7, 0), (7, 0))], NOON_NS, []),  # somebody is expected
        ([drive((-20, 0), (20, 0), speed=6.0)], NIGHT_NS, []),  # no person
    ],
)
def test_at_night_in_the_country_any_person_is_an_alert(
    actors: list[dict[str, Any]], start_ns: int, at_s: list[float]
) -> None:
    played = play(actors=actors, start_ns=start_ns, seconds=8, **RURAL)
    told = played.events("quiet_hours")
    assert [e.time_s for e in told] == pytest.approx(at_s, abs=0.45)
    assert [played.who(e.event) for e in told] == [(i + 1,) for i in range(len(at_s))]
    assert {str(e.event.severity) for e in told} <= {"critical"}


def test_in_quiet_hours_a_rule_s_event_about_a_person_is_critical() -> None:
    told = play(in_court("enter"), actors=[single.ACROSS], start_ns=NIGHT_NS, **RURAL)
    assert [str(e.event.severity) for e in told.events("enter")] == ["critical"]


WEST, EAST = (
    {
        "type": "Feature", "properties": {"ring": ring},
        "geometry": {"type": "Polygon", "coordinates": [[[x, 30.0], [x + 1, 30.0],
                     [x + 1, 31.0], [x, 31.0], [x, 30.0]]]},
    }
    for ring, x in (("urban", 120.0), ("rural", 121.0))
)  # fmt: skip


@pytest.mark.parametrize(
    ("east", "changes"),
    [
        (121.004, [(0.0, "suburban", "urban"), (15.5, "urban", "rural")]),
        (121.0003, [(0.0, "suburban", "urban")]),  # 29 m over the border: less than its margin
        (120.999, [(0.0, "suburban", "urban")]),
    ],
)
def test_a_camera_that_drives_from_ring_to_ring_tells_it_once(
    east: float, changes: list[tuple[float, str, str]], tmp_path: Path
) -> None:
    """It drives for 10 s, over the border at 121° in the middle of the way, and stops there."""
    file = tmp_path / "rings.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [WEST, EAST]}))
    site = {"rings": {"file": file, "settle_s": 10.0}, "positions": [{"id": "van"}]}
    way = [(0.0, 30.5, 120.996), (10.0, 30.5, east), (30.0, 30.5, east)]
    played = play(
        {"kind": "crossing", "line": "gate"}, positions=way, seconds=30, camera={"position": "van"},
        site=site, actors=[walk((-7, 0), (7, 0)), walk((-7, 0), (7, 0), from_s=19.0)],
    )  # fmt: skip
    told = played.events("ring_change")
    assert [(e.event.data["from"], e.event.data["to"]) for e in told] == [c[1:] for c in changes]
    assert [e.time_s for e in told] == pytest.approx([c[0] for c in changes], abs=1.0)
    later = "rural" if len(changes) == 2 else "urban"  # the ring of that moment is on each event
    assert [str(e.event.ring) for e in played.events("crossing")] == ["urban", later]


def test_who_is_counted_is_who_came_each_once_at_the_camera_and_once_in_the_zone() -> None:
    """Three persons and a car come; two of the persons go through the zone, one of them twice."""
    actors = [
        pace(-7, 2, -1.5, 7), walk((-7, 4), (7, 4), from_s=1), walk((7, -1), (-7, -1), from_s=1),
        drive((-20, 7), (20, 7), speed=5),
    ]  # fmt: skip
    counts = Counter(c for one in play(actors=actors, seconds=18).told for c in one.event.counts)
    assert counts == {
        Count(None, "person"): 3, Count(None, "vehicle"): 1, Count("court", "person"): 2,
    }  # fmt: skip
